"""What flows between core and a provider when people look into containers: logs, commands, forwarded ports.

Core speaks kubectl's protocols; a provider sees plain readers and writers. All of them press back: a `write` waits
while the other side does not keep up, and nothing is read that nobody takes.

When the client goes away, core cancels the call that serves it (`asyncio.CancelledError` inside the provider's method);
the provider ends the command it started, closes what it opened, and lets the cancellation pass.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

LogFilter = Literal["tail", "since", "limit", "timestamps", "stream"]
"""What a log request can ask for beside the log itself; `follow` and `previous` are always the provider's business."""

LogSource = Literal["All", "Stdout", "Stderr"]
"""`PodLogOptions.stream`."""


class ByteReader(Protocol):
    """Bytes that come in."""

    async def read(self) -> bytes:
        """The next piece, at most 64 KiB; `b""` at the end, and from then on."""
        ...


class ByteWriter(Protocol):
    """Bytes that go out."""

    async def write(self, data: bytes) -> None:
        """Take a piece of any size; waits while the client does not keep up."""
        ...


class TerminalSize(NamedTuple):
    """The size of a terminal in characters, neither of them 0."""

    width: int
    height: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ContainerIO:
    """What a client connects to a process in a container.

    Attributes:
        stdin: what the client types; None when it sends nothing.
        stdout: where output goes; None when the client does not want it, then it is thrown away.
        stderr: where error output goes; None as above, and always with `tty`, where both come out of one terminal.
        tty: whether the process gets a terminal.
        resizes: the terminal's sizes, the first one soon after the start; never yields without `tty`. It ends only
            when the session does, so it is read in a task of its own.
    """

    stdin: ByteReader | None
    stdout: ByteWriter | None
    stderr: ByteWriter | None
    tty: bool
    resizes: AsyncIterator[TerminalSize]


class PortStream(Protocol):
    """One TCP connection of a client, to be joined with one to a port of a pod."""

    async def read(self) -> bytes:
        """What the client sends, at most 64 KiB; `b""` when it will send no more."""
        ...

    async def write(self, data: bytes) -> None:
        """Take a piece for the client; waits while it does not keep up."""
        ...

    async def write_eof(self) -> None:
        """Nothing more will come for the client; it may still send."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class LogOptions:
    """Which part of a container's log is wanted (`PodLogOptions`), checked by core.

    Attributes:
        follow: go on as long as the container writes; else end with what there is now.
        previous: the log of the container's last ended instance instead of the present one.
        tail_lines: only so many lines from the end, 0 is none; None is all. With `since` it counts what that leaves.
        limit_bytes: end after so many bytes, in the middle of a line if need be; None is no limit.
        since: only lines that were written at this time or later, with a time zone.
        timestamps: each line begins with the time it was written, RFC 3339 with nine digits of a second, and a blank.
        stream: what the process wrote to one of its two outputs only.
    """

    follow: bool = False
    previous: bool = False
    tail_lines: int | None = None
    limit_bytes: int | None = None
    since: dt.datetime | None = None
    timestamps: bool = False
    stream: LogSource = "All"


@dataclass(frozen=True, kw_only=True, slots=True)
class LogStream:
    """A log as the provider has it; core does to it what the provider has not done.

    Attributes:
        chunks: the bytes, in pieces of any size; an error that it raises breaks the client's connection, so that a log
            that was cut off does not look like a whole one. It is closed (`aclose`) when the client goes away.
        timestamped: whether every line begins with its time in RFC 3339, with up to nine digits of a second, and a
            blank. Core strips them if the client did not ask for them.
        applied: what was asked for and is already done. What is neither done nor can be done by core (`since` and
            `timestamps` without times, `stream` at all) is refused with a sentence that names the option.
    """

    chunks: AsyncIterator[bytes]
    timestamped: bool = False
    applied: frozenset[LogFilter] = frozenset()
