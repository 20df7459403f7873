"""From entries of a log file to what a container has written: pure, many lines at once.

What a container writes without an end of line is cut by the runtime into entries that are partial (`P`); they are put
together again. Entries that make no sense, as after a crash in the middle of one, are left out.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import NamedTuple

from vk_core.provider import LogSource

_TIME = rb"[0-9T:.+Z-]{20,35}"
_FULL = re.compile(rb"\n%b (?:stdout|stderr) F " % _TIME)
_FULL_WITH_TIME = re.compile(rb"\n(%b) (?:stdout|stderr) F " % _TIME)
_OF_STREAM = {name: re.compile(rb"\n%b %b [^\n]*" % (_TIME, name)) for name in (b"stdout", b"stderr")}
_HEADER = re.compile(rb"(%b) (stdout|stderr) ([FP])(?::[^ \n]*)? " % _TIME)
_BARE_HEADER = re.compile(rb"(%b) (stdout|stderr) ([FP])(?::[^ \n]*)?$" % _TIME)

_STREAMS: dict[LogSource, bytes | None] = {"All": None, "Stdout": b"stdout", "Stderr": b"stderr"}
_OTHERS = {b"stdout": b"stderr", b"stderr": b"stdout"}


class Header(NamedTuple):
    """What an entry begins with.

    Attributes:
        time: as it is written.
        stream: `stdout` or `stderr`.
        is_full: whether a line ends with it.
        length: bytes before what the container has written.
    """

    time: bytes
    stream: bytes
    is_full: bool
    length: int


def header(line: bytes) -> Header | None:
    """The header of an entry; None if it is none."""
    match = _HEADER.match(line) or _BARE_HEADER.match(line.rstrip(b"\n"))
    if match is None:
        return None
    time, stream, tag = match.groups()
    return Header(time, stream, tag == b"F", match.end())


def time_of(line: bytes) -> dt.datetime | None:
    """When an entry was written; None if it is none."""
    found = header(line)
    if found is None:
        return None
    try:
        moment = dt.datetime.fromisoformat(found.time.decode("ascii"))
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None


def stream_name(source: LogSource) -> bytes | None:
    """The stream that a request wants; None for both."""
    return _STREAMS[source]


class Unpacker:
    """Takes a log's entries in order and gives what the container has written.

    Args:
        source: which of the streams.
        timestamps: whether each line begins with its time and a blank.
    """

    def __init__(self, source: LogSource, *, timestamps: bool) -> None:
        self._stream = _STREAMS[source]
        self._timestamps = timestamps
        self._at_start = True
        self._inside: Header | None = None

    def unpack(self, data: bytes) -> bytes:
        """What whole entries say, or the beginning of one that is too long to wait for its end.

        Args:
            data: from where the data before has ended; mostly up to the end of an entry.
        """
        if self._inside is not None or not self._at_start or not data.endswith(b"\n"):
            return self._slowly(data)
        return self._quickly(data)

    def _quickly(self, data: bytes) -> bytes:
        """All at once, if no entry is partial."""
        lines = b"\n" + data[:-1]
        if self._stream is not None:
            lines = _OF_STREAM[_OTHERS[self._stream]].sub(b"", lines)
        if not lines:
            return b""
        if self._timestamps:
            parts = _FULL_WITH_TIME.split(lines)
            times, texts = parts[1::2], parts[2::2]
            shown = list(map(b" ".join, zip(times, texts, strict=True)))
        else:
            shown = _FULL.split(lines)[1:]
        if len(shown) != lines.count(b"\n"):
            return self._slowly(data)
        shown.append(b"")
        return b"\n".join(shown)

    def _slowly(self, data: bytes) -> bytes:
        return b"".join(map(self._entry, _lines(data)))

    def _entry(self, line: bytes) -> bytes:
        """A piece of an entry that ends with it, or does not end yet."""
        found = self._inside
        begins = found is None
        if found is None:
            found = header(line)
            line = line[found.length :] if found is not None else line
        self._inside = None if line.endswith(b"\n") or found is None else found
        if found is None or self._stream not in {None, found.stream}:
            return b""
        content = line if found.is_full else line.removesuffix(b"\n")
        stamp = found.time + b" " if self._timestamps and begins and self._at_start else b""
        self._at_start = line.endswith(b"\n") and found.is_full
        return stamp + content


def _lines(data: bytes) -> list[bytes]:
    lines = data.split(b"\n")
    rest = lines.pop()
    return [line + b"\n" for line in lines] + ([rest] if rest else [])
