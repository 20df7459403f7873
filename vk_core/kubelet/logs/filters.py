"""Cuts out of a log what was asked for, as far as the provider has not done it: from pieces of bytes to pieces.

Logs are large and their lines short, so nothing is done line by line that can be done for a whole piece at once. How
the pieces are cut says nothing; at most the beginning of one line is held back.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import NamedTuple

from vk_core.kubelet.logs.options import rfc3339

Chunks = AsyncIterator[bytes]
Cut = AsyncGenerator[bytes]

LONGEST_STAMP = 36
"""`2026-01-02T03:04:05.123456789+02:00` and the blank behind it."""

_SECOND = rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d"
_ZONE = rb"(?:Z|[+-]\d\d:\d\d)"
_STAMP = re.compile(rb"\n%b(?:\.\d{1,9})?%b " % (_SECOND, _ZONE))
"""A line's time with the end of the line before: a byte that can be searched for at once."""

_UNEVEN = re.compile(rb"\n(?!%b\.\d{9}%b )" % (_SECOND, _ZONE))
"""A line without a time of the nine digits that kubelet writes."""

_SHORT = re.compile(rb"\n(%b)(?:\.(\d{1,8}))?(%b )" % (_SECOND, _ZONE))
"""A time with fewer digits."""


class Piece(NamedTuple):
    """Bytes of a log in which no line's time is cut in two.

    Attributes:
        begins: whether they begin at the beginning of a line.
        data: the bytes; not empty.
    """

    begins: bool
    data: bytes


async def aligned(chunks: Chunks) -> AsyncGenerator[Piece]:
    """The log in pieces in which the time of every line that begins is whole."""
    rest = b""
    begins = True
    async for chunk in chunks:
        data = rest + chunk
        last = data.rfind(b"\n") + 1
        goes_on = last == 0 and not begins
        # The blank ends the time; a line that is longer without one has no time.
        whole = goes_on or len(data) - last >= LONGEST_STAMP or data.find(b" ", last) >= 0
        cut = len(data) if whole else last
        rest = data[cut:]
        if cut:
            data = data[:cut]
            yield Piece(begins, data)
            begins = data.endswith(b"\n")
    if rest:
        yield Piece(begins, rest)


async def without_times(chunks: Chunks) -> Cut:
    """The lines without their times."""
    async with aclosing(aligned(chunks)) as pieces:
        async for begins, data in pieces:
            if begins:
                yield b"\n".join(_STAMP.split(b"\n" + data))[1:]
            else:
                yield b"\n".join(_STAMP.split(data))


async def with_even_times(chunks: Chunks) -> Cut:
    """The lines with nine digits of a second in every time."""
    async with aclosing(aligned(chunks)) as pieces:
        async for begins, data in pieces:
            lines = b"\n" + data if begins else data
            if _UNEVEN.search(lines, 0, len(lines) - 1):
                lines = _SHORT.sub(_nine_digits, lines)
            yield lines[1:] if begins else lines


def _nine_digits(stamp: re.Match[bytes]) -> bytes:
    second, fraction, zone = stamp.groups()
    return b"\n%b.%b%b" % (second, (fraction or b"").ljust(9, b"0"), zone)


async def since(chunks: Chunks, moment: dt.datetime) -> Cut:
    """What was written at a time or later: everything from the first such line on, as a log's times do not run back."""
    skipping = True
    async with aclosing(aligned(chunks)) as pieces:
        async for begins, data in pieces:
            if not skipping:
                yield data
                continue
            start = _first_since(data, moment, begins=begins)
            if start is not None:
                skipping = False
                yield data[start:]


def _first_since(data: bytes, moment: dt.datetime, *, begins: bool) -> int | None:
    """Where the first line starts that was written at the time or later."""
    lines = b"\n" + data if begins else data
    shift = 1 if begins else 0
    last = lines.rfind(b"\n", 0, len(lines) - 1)
    if last >= 0 and _is_before(_STAMP.match(lines, last), moment):
        return None  # with its last line the whole piece is too old
    for stamp in _STAMP.finditer(lines):
        if not _is_before(stamp, moment):
            return stamp.start() + 1 - shift
    return None


def _is_before(stamp: re.Match[bytes] | None, moment: dt.datetime) -> bool:
    if stamp is None:
        return False
    try:
        return rfc3339(stamp[0][1:-1].decode("ascii")) < moment
    except ValueError:  # no such day
        return False


async def limited(chunks: Chunks, limit_bytes: int) -> Cut:
    """The first so many bytes; what comes later is not read."""
    left = limit_bytes
    async for chunk in chunks:
        yield chunk[:left]
        left -= len(chunk)
        if left <= 0:
            return
