"""Reads a log: from where, which lines, with or without times. What a request asks for is all done here, in big pieces.

Nothing here waits; `read_log` runs it in threads and waits for what is written later.
"""

from __future__ import annotations

import asyncio
import bisect
import datetime as dt
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import NamedTuple

from vk_core.provider import LogOptions
from vk_process.logs import CONTINUES, RECORD, STDERR, STDOUT, ContainerLog

_PIECE = 262144
_SHORT = 16384
_RECORDS = 4096
_SECOND_NS = 1_000_000_000


class Place(NamedTuple):
    """Where in a log: the record of a piece, and the byte from which on it is wanted."""

    record: int
    offset: int


class _Segment(NamedTuple):
    time_ns: int
    start: int
    end: int
    flags: int


async def read_log(log: ContainerLog, options: LogOptions) -> AsyncIterator[bytes]:
    """What the options ask for, in pieces of some 256 KiB."""
    left = sys.maxsize if options.limit_bytes is None else options.limit_bytes
    with log.in_use():
        reader = LogReader(log, options)
        await asyncio.to_thread(reader.seek)
        is_fresh = False
        while left > 0:
            size = log.size
            # What was written a moment ago and is short does not wait for a disk, and a thread costs more than it.
            is_short = is_fresh and size - reader.place.offset < _SHORT
            piece = reader.read() if is_short else await asyncio.to_thread(reader.read)
            if piece:
                yield piece[:left]
                left -= len(piece)
            elif reader.place.offset < size:
                continue  # there were only lines of the other output
            elif options.follow and not (log.is_complete and log.size == size):
                await log.grown(size)
                is_fresh = True
            else:
                return


class LogReader:
    """A reader at some place of a log."""

    def __init__(self, log: ContainerLog, options: LogOptions) -> None:
        self.place = Place(0, 0)
        self._log = log
        self._options = options
        self._source = {"All": None, "Stdout": STDOUT, "Stderr": STDERR}[options.stream]
        self._as_it_is = self._source is None and not options.timestamps
        self._stamp = _Stamps()
        self._has_old = options.since is not None

    def seek(self) -> None:
        """Go to the first line that is wanted: of those that `since` leaves, the last `tail_lines`."""
        self._skip_old()
        if self._options.tail_lines is not None:
            self.place = self._tail(self._options.tail_lines)

    def read(self) -> bytes:
        """The next piece; empty if there is none, or none of the output that is wanted."""
        if self._has_old:
            self._skip_old()
        log, place = self._log, self.place
        if self._as_it_is:
            piece = log.read_data(place.offset, min(place.offset + _PIECE, log.size))
            self.place = Place(place.record, place.offset + len(piece))
            return piece
        segments = list(_until_enough(self._segments(place.record, log.records)))
        if not segments:
            return b""
        base = max(segments[0].start, place.offset)
        data = log.read_data(base, segments[-1].end)
        self.place = Place(place.record + len(segments), segments[-1].end)
        return b"".join(self._shown(segment, base, data) for segment in segments if self._is_wanted(segment))

    def _skip_old(self) -> None:
        """Go to the first line that `since` leaves; until there is one, what comes later may be too old as well."""
        if self._options.since is None:
            return
        since_ns, first = _nanoseconds(self._options.since), self.place.record
        numbers = range(first, self._log.records)
        record = first + bisect.bisect_left(numbers, since_ns, key=lambda number: self._record(number)[0])
        self._has_old = record == first + len(numbers)
        if record > first:
            self.place = Place(record, self._start(record))

    def _shown(self, segment: _Segment, base: int, data: bytes) -> bytes:
        """What is wanted of a piece, from the bytes of the log that begin at `base`."""
        lines = data[max(segment.start - base, 0) : segment.end - base]
        if not self._options.timestamps:
            return lines
        stamp = self._stamp.of(segment.time_ns)
        first = b"" if segment.flags & CONTINUES and segment.start >= base else stamp
        return b"".join((first, lines[:-1].replace(b"\n", b"\n" + stamp), lines[-1:]))

    def _is_wanted(self, segment: _Segment) -> bool:
        return self._source is None or segment.flags & STDERR == self._source

    def _tail(self, lines: int) -> Place:
        """Where the last lines begin, at or behind the present place."""
        first, end = self.place, Place(self._log.records, self._log.size)
        if not lines:
            return end
        is_newest = True
        for segment in self._backwards(first, end):
            data = self._log.read_data(segment.start, segment.end)
            stop = len(data) - 1 if is_newest else len(data)  # the very last byte ends a line or lacks its end
            is_newest = False
            found = data.count(b"\n", 0, stop)
            if found >= lines:
                offset = segment.start + _find_backwards(data, stop, lines) + 1
                return Place(self._record_at(offset), offset)
            lines -= found
        return first

    def _backwards(self, first: Place, end: Place) -> Iterator[_Segment]:
        """The wanted bytes from the end to the first place."""
        if self._source is None:
            for stop in range(end.offset, first.offset, -_PIECE):
                yield _Segment(0, max(first.offset, stop - _PIECE), stop, 0)
            return
        for stop in range(end.record, first.record, -_RECORDS):
            segments = list(self._segments(max(first.record, stop - _RECORDS), stop))
            yield from filter(self._is_wanted, reversed(segments))

    def _segments(self, first: int, stop: int) -> Iterator[_Segment]:
        """The pieces with these numbers, as many as one read of the index gives."""
        count = min(stop - first, _RECORDS)
        start = self._start(first)
        for time_ns, end, flags in RECORD.iter_unpack(self._log.read_index(first, first + count)):
            yield _Segment(time_ns, start, end, flags)
            start = end

    def _record(self, number: int) -> Sequence[int]:
        return RECORD.unpack(self._log.read_index(number, number + 1))

    def _start(self, number: int) -> int:
        return self._record(number - 1)[1] if number else 0

    def _record_at(self, offset: int) -> int:
        """The number of the piece that has this byte."""
        return bisect.bisect_right(range(self._log.records), offset, key=lambda number: self._record(number)[1])


class _Stamps:
    """Times as they stand before lines, RFC 3339 with nine digits of a second; the text of a second is made once."""

    def __init__(self) -> None:
        self._second = -1
        self._text = ""

    def of(self, time_ns: int) -> bytes:
        second, rest = divmod(time_ns, _SECOND_NS)
        if second != self._second:
            self._second = second
            self._text = dt.datetime.fromtimestamp(second, dt.UTC).strftime("%Y-%m-%dT%H:%M:%S")
        return b"%s.%09dZ " % (self._text.encode(), rest)


def _nanoseconds(moment: dt.datetime) -> int:
    since = moment - dt.datetime.fromtimestamp(0, dt.UTC)
    return (since.days * 86400 + since.seconds) * _SECOND_NS + since.microseconds * 1000


def _find_backwards(data: bytes, stop: int, count: int) -> int:
    """Where the last but `count - 1` line end before `stop` is."""
    for _ in range(count):
        stop = data.rfind(b"\n", 0, stop)
    return stop


def _until_enough(segments: Iterator[_Segment]) -> Iterator[_Segment]:
    start = None
    for segment in segments:
        start = segment.start if start is None else start
        yield segment
        if segment.end - start >= _PIECE:
            return
