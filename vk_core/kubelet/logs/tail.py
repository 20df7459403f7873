"""The last lines of a log whose provider can only give all of it, without ever keeping more than a few megabytes.

Few lines are kept while the log goes by. Many lines, and a log that is to be followed, are counted first; then the log
is opened once more and what lies before them is passed over.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from vk_core.kubelet.logs.filters import Chunks, Cut, limited

MOST_KEPT_BYTES = 4 << 20

TURN_BYTES = 1 << 20
"""After so many bytes others get their turn: a provider that has everything in memory never waits."""

Open = Callable[[], Awaitable[Chunks]]
"""Opens the log from its beginning; it need not be followed."""


class LastLines:
    """Takes a log piece by piece and keeps no more of it than its last lines need.

    Attributes:
        kept: the pieces that hold the last lines; None when they were too large to keep.
        size: bytes that went by.
    """

    def __init__(self, wanted: int) -> None:
        self.kept: deque[bytes] | None = deque()
        self.size = 0
        self._wanted = wanted
        self._counts: deque[int] = deque()
        self._kept_bytes = 0
        self._kept_ends = 0
        self._ends = 0
        self._open = False

    @property
    def before(self) -> int:
        """How many lines of the log come before the last ones; a line without an end counts."""
        return max(0, self._ends + self._open - self._wanted)

    @property
    def surplus(self) -> int:
        """How many lines of `kept` come before the last ones."""
        return max(0, self._kept_ends + self._open - self._wanted)

    async def read(self, chunks: Chunks) -> None:
        """Let a whole log go by."""
        turn = TURN_BYTES
        async for chunk in chunks:
            self.add(chunk)
            if self.size >= turn:
                turn = self.size + TURN_BYTES
                await asyncio.sleep(0)

    def add(self, chunk: bytes) -> None:
        """Let a piece go by."""
        if not chunk:
            return
        ends = chunk.count(b"\n")
        self.size += len(chunk)
        self._ends += ends
        self._open = not chunk.endswith(b"\n")
        if self.kept is None:
            return
        self.kept.append(chunk)
        self._counts.append(ends)
        self._kept_bytes += len(chunk)
        self._kept_ends += ends
        self._drop(self.kept)

    def _drop(self, kept: deque[bytes]) -> None:
        # Behind the oldest piece there must be one line end more than lines are wanted: the first line there may have
        # begun in the piece that goes.
        while self._kept_ends - self._counts[0] > self._wanted:
            self._kept_bytes -= len(kept.popleft())
            self._kept_ends -= self._counts.popleft()
        if self._kept_bytes > MOST_KEPT_BYTES:
            self.kept = None


async def last_lines(chunks: Chunks, wanted: int, reopen: Open) -> Cut:
    """The last lines of a log that ends."""
    if not wanted:
        return
    last = LastLines(wanted)
    await last.read(chunks)
    if last.kept is None:
        # What has been written meanwhile is not looked at: the lines were counted without it.
        chunks, skip = limited(await reopen(), last.size), last.before
    else:
        chunks, skip = _each(last.kept), last.surplus
    async for chunk in without_first(chunks, skip):
        yield chunk


async def last_lines_and_more(chunks: Chunks, wanted: int, reopen: Open) -> Cut:
    """The last lines that a log has now, and what it goes on with."""
    last = LastLines(wanted)
    last.kept = None
    await last.read(await reopen())
    async for chunk in without_first(chunks, last.before):
        yield chunk


async def without_first(chunks: Chunks, lines: int) -> Cut:
    """The log without its first lines."""
    left = lines
    async for chunk in chunks:
        if not left:
            yield chunk
            continue
        ends = chunk.count(b"\n")
        if ends < left:
            left -= ends
            continue
        rest = chunk[_after(chunk, left) :]
        left = 0
        if rest:
            yield rest


def _after(data: bytes, ends: int) -> int:
    """Where it goes on behind so many line ends; there are as many."""
    at = 0
    for _ in range(ends):
        at = data.index(b"\n", at) + 1
    return at


async def _each(kept: deque[bytes]) -> Cut:
    while kept:
        yield kept.popleft()
