"""From entries of log files to what containers have written."""

from __future__ import annotations

import datetime as dt
import gzip
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vk_core.provider import LogOptions, LogSource
from vk_cri.logs import places
from vk_cri.logs.entries import Unpacker
from vk_cri.logs.reader import LogReader

TIME = "2026-01-02T03:04:{:02}.123456789Z"


def entry(text: str, stream: str = "stdout", tag: str = "F", second: int = 5) -> bytes:
    return f"{TIME.format(second)} {stream} {tag} {text}\n".encode()


def unpacked(data: bytes, source: LogSource = "All", *, timestamps: bool = False) -> bytes:
    return Unpacker(source, timestamps=timestamps).unpack(data)


def test_lines_come_out_as_they_were_written() -> None:
    data = entry("one") + entry("") + entry("  two F three ", "stderr")
    assert unpacked(data) == b"one\n\n  two F three \n"


def test_partial_entries_are_put_together_and_have_one_time() -> None:
    data = entry("on", tag="P") + entry("ce", tag="P") + entry("", second=6) + entry("next", second=7)
    assert unpacked(data) == b"once\nnext\n"
    assert unpacked(data, timestamps=True) == f"{TIME.format(5)} once\n{TIME.format(7)} next\n".encode()


def test_one_stream_is_told_from_the_other() -> None:
    data = entry("out") + entry("err", "stderr") + entry("par", "stderr", "P") + entry("tial", "stderr")
    assert unpacked(data, "Stdout") == b"out\n"
    assert unpacked(data, "Stderr") == b"err\npartial\n"
    assert unpacked(entry("err", "stderr"), "Stdout") == b""


def test_entries_that_make_no_sense_are_left_out() -> None:
    torn = b"2026-01-02T03:04:05.1234567\nrubbish\n\n"
    assert unpacked(entry("before") + torn + entry("after")) == b"before\nafter\n"


def test_a_carriage_return_is_part_of_what_was_written() -> None:
    assert unpacked(entry("a\rb\x0bc\r") + entry("p", tag="P")) == b"a\rb\x0bc\r\np"


TEXT = st.text(st.characters(exclude_characters="\n", codec="utf-8"), max_size=20)
ENTRIES = st.lists(st.tuples(TEXT, st.sampled_from(["stdout", "stderr"]), st.sampled_from("FP"), st.integers(0, 59)))


@given(ENTRIES, st.booleans())
def test_the_quick_way_and_the_slow_one_say_the_same(
    entries: list[tuple[str, str, str, int]], timestamps: bool
) -> None:
    data = b"".join(entry(*parts) for parts in entries)
    for source in ("All", "Stdout", "Stderr"):
        one = Unpacker(source, timestamps=timestamps)
        by_one = b"".join(one.unpack(line + b"\n") for line in data.split(b"\n")[:-1])
        assert unpacked(data, source, timestamps=timestamps) == by_one


@given(st.binary(max_size=300), st.integers(1, 50))
def test_bytes_from_outside_never_break_it(data: bytes, size: int) -> None:
    unpacker = Unpacker("All", timestamps=True)
    for start in range(0, len(data), size):
        unpacker.unpack(data[start : start + size])


class Bytes:
    """A file in memory."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.size = len(data)

    def read(self, offset: int, length: int) -> bytes:
        return self.data[offset : offset + length]


@given(ENTRIES, st.integers(0, 30), st.sampled_from([None, b"stdout", b"stderr"]))
def test_the_last_lines_are_those_that_unpacking_all_would_give(
    entries: list[tuple[str, str, str, int]], lines: int, stream: bytes | None
) -> None:
    wanted = [parts for parts in entries if stream is None or parts[1] == stream.decode()]
    data = b"".join(entry(*parts) for parts in entries)
    start = places.LineCounter(lines, stream).start(Bytes(data))
    source: LogSource = "All" if stream is None else "Stdout" if stream == b"stdout" else "Stderr"
    whole = unpacked(b"".join(entry(*parts) for parts in wanted), source)
    shown = unpacked(data[start or 0 :], source)
    split = whole.split(b"\n")
    rest = split.pop()
    kept = [*(line + b"\n" for line in split), *([rest] if wanted and wanted[-1][2] == "P" else [])]
    assert shown == b"".join(kept[max(len(kept) - lines, 0) :])


@pytest.mark.parametrize(("count", "at_once"), [(1, 1), (3, 1), (5000, 1), (5000, 700)], ids=str)
def test_a_time_is_found_by_halves(count: int, at_once: int) -> None:
    base = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    times = [base + dt.timedelta(seconds=number // at_once) for number in range(count)]
    lines = [f"{time.isoformat()} stdout F {'x' * (number % 70)}\n".encode() for number, time in enumerate(times)]
    for wanted in {*times[:: count // 3 or 1], times[-1], times[-1] + dt.timedelta(seconds=1)}:
        start = places.since(Bytes(b"".join(lines)), wanted)
        assert start == sum(len(line) for line, time in zip(lines, times, strict=True) if time < wanted)


def read_all(path: Path, options: LogOptions) -> bytes:
    reader = LogReader(path, options)
    try:
        pieces = []
        while (piece := reader.read()) is not None:
            pieces.append(piece)
        return b"".join([*pieces, reader.rest()])
    finally:
        reader.close()


def test_what_rotation_has_put_aside_comes_first(tmp_path: Path) -> None:
    path = tmp_path / "0.log"
    path.write_bytes(entry("new"))
    (tmp_path / "0.log.20260102-000000").write_bytes(entry("older") + entry("par", tag="P"))
    (tmp_path / "0.log.20260101-000000.gz").write_bytes(gzip.compress(entry("oldest")))
    (tmp_path / "0.log.20260102-000000.gz.tmp").write_bytes(b"half")
    (tmp_path / "1.log").write_bytes(entry("another"))
    assert read_all(path, LogOptions()) == b"oldest\nolder\nparnew\n"
    assert read_all(path, LogOptions(tail_lines=2)) == b"older\nparnew\n"
    assert read_all(path, LogOptions(tail_lines=1)) == b"parnew\n"
    assert read_all(path, LogOptions(tail_lines=0)) == b""


def test_an_entry_of_any_length_passes_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vk_cri.logs.reader.PIECE", 100)
    path = tmp_path / "0.log"
    path.write_bytes(entry("x" * 1000) + entry("y" * 1000, tag="P") + entry("z") + entry("e" * 500, "stderr"))
    assert read_all(path, LogOptions(stream="Stdout")) == b"x" * 1000 + b"\n" + b"y" * 1000 + b"z\n"
    assert read_all(path, LogOptions(tail_lines=1)) == b"e" * 500 + b"\n"


def test_an_entry_that_is_cut_off_at_the_end_is_shown(tmp_path: Path) -> None:
    path = tmp_path / "0.log"
    path.write_bytes(entry("whole") + entry("cut")[:-2])
    assert read_all(path, LogOptions()) == b"whole\ncu"


def drained(reader: LogReader) -> bytes:
    """All that there is now."""
    pieces = []
    while (piece := reader.read()) is not None:
        pieces.append(piece)
    return b"".join(pieces)


def test_a_reader_that_falls_behind_several_rotations_misses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vk_cri.logs.reader.SWITCH_SECONDS", 0.0)
    path = tmp_path / "0.log"
    (tmp_path / "0.log.20260101-000000").write_bytes(entry("before"))
    path.write_bytes(entry("one"))
    with closing(LogReader(path, LogOptions(tail_lines=1))) as reader:
        assert drained(reader) == b"one\n"
        with path.open("ab") as late:
            path.rename(tmp_path / "0.log.20260102-000000")
            (tmp_path / "0.log.20260103-000000.gz").write_bytes(gzip.compress(entry("two")))
            path.write_bytes(entry("three"))
            late.write(entry("late"))
        assert drained(reader) == b"late\ntwo\nthree\n"
        path.rename(tmp_path / "0.log.20260104-000000")
        path.write_bytes(entry("four"))
        assert drained(reader) == b"four\n"


def test_a_file_that_was_put_aside_is_read_on_for_a_moment(tmp_path: Path) -> None:
    path = tmp_path / "0.log"
    path.write_bytes(entry("one"))
    with closing(LogReader(path, LogOptions())) as reader:
        assert drained(reader) == b"one\n"
        with path.open("ab", buffering=0) as late:
            path.rename(tmp_path / "0.log.20260102-000000")
            path.write_bytes(entry("new"))
            assert drained(reader) == b""
            late.write(entry("late"))
        assert drained(reader) == b"late\n"
        reader.is_final = True
        assert drained(reader) == b"new\n"


def test_the_last_lines_are_those_of_what_is_new_enough(tmp_path: Path) -> None:
    path = tmp_path / "0.log"
    path.write_bytes(b"".join(entry(str(second), second=second) for second in range(10)))
    since = dt.datetime(2026, 1, 2, 3, 4, 8, tzinfo=dt.UTC)
    assert read_all(path, LogOptions(since=since, tail_lines=5)) == b"8\n9\n"
    assert read_all(path, LogOptions(since=since, tail_lines=1)) == b"9\n"
