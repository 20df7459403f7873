"""What core does to a log that the provider gave whole; however it is cut into pieces."""

from __future__ import annotations

import datetime as dt
import itertools
import re
from collections.abc import Callable

from hypothesis import example, given
from hypothesis import strategies as st

from tests.support.kubelet import pieces
from vk_core.kubelet.logs import tail
from vk_core.kubelet.logs.filters import Chunks, limited, since, with_even_times, without_times
from vk_core.kubelet.logs.tail import LastLines, last_lines, last_lines_and_more

BEGIN = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
TEXTS = st.lists(st.sampled_from([b"", b"a", b"hello world", b"2026-01-02 no time", b" blank", b"x" * 50, b"\xff\x00"]))
CUTS = st.lists(st.integers(0, 400), max_size=12)
ZONES = (b"Z", b"+02:00")


def stamp(number: int) -> bytes:
    """Times of all lengths, in two zones, a second after one another."""
    moment = BEGIN + dt.timedelta(seconds=number)
    zone = dt.timezone(dt.timedelta(hours=2)) if number % 2 else dt.UTC
    digits = number % 10
    text = moment.astimezone(zone).strftime("%Y-%m-%dT%H:%M:%S").encode()
    fraction = b"." + b"123456789"[:digits] if digits else b""
    return text + fraction + ZONES[number % 2]


def cut_up(log: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted(min(cut, len(log)) for cut in cuts), len(log)]
    return [log[start:end] for start, end in itertools.pairwise(edges)]


async def joined(chunks: Chunks) -> bytes:
    return b"".join([chunk async for chunk in chunks])


def stamped(texts: list[bytes], *, whole: bool = True) -> bytes:
    log = b"".join(stamp(number) + b" " + text + b"\n" for number, text in enumerate(texts))
    return log if whole else log[:-1]


@given(TEXTS, CUTS, st.booleans())
@example([b"a"], [1], True)
@example([b"x" * 50, b""], [20, 40, 81], True)
@example([b"2026-01-02T03:04:05Z is not when it was written"], [21], True)
async def test_times_are_stripped_from_every_line(texts: list[bytes], cuts: list[int], whole: bool) -> None:
    log = stamped(texts, whole=whole)
    expected = b"\n".join(texts) + (b"\n" if whole and texts else b"")
    assert await joined(without_times(pieces(*cut_up(log, cuts)))) == expected


@given(TEXTS, CUTS)
async def test_times_are_given_nine_digits_of_a_second(texts: list[bytes], cuts: list[int]) -> None:
    found = await joined(with_even_times(pieces(*cut_up(stamped(texts), cuts))))
    lines = found.split(b"\n")[:-1]
    assert [line.partition(b" ")[2] for line in lines] == texts
    for number, line in enumerate(lines):
        time = line.partition(b" ")[0]
        assert re.fullmatch(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}(Z|\+02:00)", time)
        assert time.startswith(stamp(number).removesuffix(b"Z").removesuffix(b"+02:00"))


@given(TEXTS, CUTS, st.integers(-1, 12))
async def test_a_log_since_a_time_begins_with_its_first_line(texts: list[bytes], cuts: list[int], first: int) -> None:
    moment = BEGIN + dt.timedelta(seconds=first)
    expected = b"".join(stamped(texts).splitlines(keepends=True)[max(0, first) :])
    assert await joined(since(pieces(*cut_up(stamped(texts), cuts)), moment)) == expected


@given(st.binary(max_size=300), CUTS, st.integers(1, 300))
async def test_a_limit_cuts_in_the_middle_of_a_line(log: bytes, cuts: list[int], limit: int) -> None:
    assert await joined(limited(pieces(*cut_up(log, cuts)), limit)) == log[:limit]


LOGS = st.lists(st.sampled_from([b"\n", b"a\n", b"longer line\n", b"x" * 30 + b"\n"])).flatmap(
    lambda lines: st.sampled_from([b"".join(lines), b"".join(lines) + b"no end"])
)


def last_of(log: bytes, wanted: int) -> bytes:
    lines = log.split(b"\n")
    ended = [line + b"\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])
    return b"".join(ended[len(ended) - wanted :] if wanted < len(ended) else ended) if wanted else b""


@given(LOGS, CUTS, CUTS, st.integers(0, 8), st.sampled_from([0, 20, 1000]))
@example(b"longer line\na\n", [3], [], 2, 1000)
async def test_the_last_lines_are_found_whether_they_are_kept_or_read_again(
    log: bytes, cuts: list[int], others: list[int], wanted: int, most_kept: int
) -> None:
    async def reopen() -> Chunks:
        return pieces(*cut_up(log + b"written later\n", others))

    kept, tail.MOST_KEPT_BYTES = tail.MOST_KEPT_BYTES, most_kept
    try:
        assert await joined(last_lines(pieces(*cut_up(log, cuts)), wanted, reopen)) == last_of(log, wanted)
    finally:
        tail.MOST_KEPT_BYTES = kept


@given(LOGS, CUTS, st.integers(0, 8))
async def test_a_followed_log_begins_with_its_last_lines_and_goes_on(log: bytes, cuts: list[int], wanted: int) -> None:
    now = log if log.endswith(b"\n") else log + b"\n"
    later = b"later\nand later\n"

    async def reopen() -> Chunks:
        return pieces(now)

    chunks = pieces(*cut_up(now, cuts), later)
    assert await joined(last_lines_and_more(chunks, wanted, reopen)) == last_of(now, wanted) + later


def test_the_tail_of_a_huge_log_is_never_kept_whole() -> None:
    few, many = LastLines(10), LastLines(10_000_000)
    held = 0
    for _ in range(2000):
        chunk = b"a line of some bytes\n" * 500
        few.add(chunk)
        many.add(chunk)
        assert few.kept is not None
        assert sum(map(len, few.kept)) <= 2 * len(chunk)
        held = max(held, sum(map(len, many.kept or ())))
    assert many.kept is None
    assert held <= tail.MOST_KEPT_BYTES
    assert (few.before, few.surplus) == (999_990, 490)


async def test_a_line_without_end_is_passed_on_in_bounded_memory() -> None:
    passed = 0
    filters: list[Callable[[Chunks], Chunks]] = [without_times, with_even_times]
    for apply in filters:
        async for chunk in apply(pieces(*[b"x" * 65536] * 100)):
            assert len(chunk) <= 65536
            passed += len(chunk)
    assert passed == 200 * 65536
