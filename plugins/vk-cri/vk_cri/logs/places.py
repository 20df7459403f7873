"""Where in a file of a log to begin: at a time, or so many lines before its end. Everything here blocks."""

from __future__ import annotations

import datetime as dt
from typing import Protocol

from vk_cri.logs.entries import header, time_of

_BLOCK = 64 * 1024
_PARTIAL = (b" stdout P", b" stderr P")


class Readable(Protocol):
    """What can be read at any place."""

    @property
    def size(self) -> int:
        """Bytes in it."""
        ...

    def read(self, offset: int, length: int) -> bytes:
        """Bytes from a place on."""
        ...


def since(file: Readable, moment: dt.datetime) -> int:
    """Where the first entry begins that was written at a time or later; the size if there is none."""
    low, high = 0, file.size
    while high - low > _BLOCK:
        middle = (low + high) // 2
        found = _entry_behind(file, middle, high)
        if found is None:
            high = middle
            continue
        _, end, time = found
        if time < moment:
            low = end
        else:
            high = middle
    return _first_since(file, low, moment)


def _first_since(file: Readable, offset: int, moment: dt.datetime) -> int:
    """The same from a place on, entry by entry."""
    size = file.size
    while offset < size:
        found = _entry_behind(file, offset - 1 if offset else -1, size)
        if found is None:
            return size
        start, end, time = found
        if time >= moment:
            return start
        offset = end
    return size


def _entry_behind(file: Readable, offset: int, end: int) -> tuple[int, int, dt.datetime] | None:
    """The first whole entry that begins behind the byte at an offset: where it begins and ends, and its time."""
    start = 0 if offset < 0 else _behind_line(file, offset)
    while start < end:
        after = _behind_line(file, start)
        if after > file.size:
            return None
        time = time_of(file.read(start, min(after - start, _BLOCK)))
        if time is not None:
            return start, after, time
        start = after
    return None


def _behind_line(file: Readable, offset: int) -> int:
    """Where the line that has this byte is over; more than the size if it has no end."""
    while True:
        block = file.read(offset, _BLOCK)
        if not block:
            return file.size + 1
        end = block.find(b"\n")
        if end >= 0:
            return offset + end + 1
        offset += len(block)


class LineCounter:
    """Counts lines back from the end of a log, over several files of it.

    Args:
        lines: how many are wanted.
        stream: only those of one stream; None for both.
    """

    def __init__(self, lines: int, stream: bytes | None) -> None:
        self._left = lines
        self._stream = stream
        self._is_last = True

    def start(self, file: Readable) -> int | None:
        """Where the lines that are wanted begin in a file; None if they begin before it."""
        if self._left == 0 and self._is_last:
            return file.size
        end, block, carry = file.size, _BLOCK, b""
        while end:
            begin = max(end - block, 0)
            data = file.read(begin, end - begin) + carry
            first = data.find(b"\n") + 1 if begin else 0
            if begin and not first:
                block *= 2  # a long entry is not read again and again
            else:
                place = self._in(data, first)
                if place is not None:
                    return begin + place
                data = data[:first]
            end, carry = begin, data
        return None

    def _all_count(self, data: bytes) -> bool:
        """Whether each entry is a line that is wanted."""
        return self._stream is None and data.endswith(b"\n") and not any(mark in data for mark in _PARTIAL)

    def _in(self, data: bytes, first: int) -> int | None:
        """The same in some whole lines, the last of them maybe without its end."""
        if self._all_count(data):
            lines = data.count(b"\n", first)
            if lines <= self._left:
                self._left -= lines
                self._is_last = self._is_last and not lines
                return None
        end = len(data)
        while end > first:
            start = max(data.rfind(b"\n", first, end - 1) + 1, first)
            found = header(data[start : min(end, start + _BLOCK)])
            if found is not None and self._stream in {None, found.stream}:
                if found.is_full or self._is_last:
                    if self._left == 0:
                        return end
                    self._left -= 1
                self._is_last = False
            end = start
        return None
