"""Logs: every byte in its order, in every part that can be asked for, against a model too simple to be wrong."""

from __future__ import annotations

import asyncio
import datetime as dt
import re
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vk_core.provider import LogOptions, LogSource
from vk_process import logreader
from vk_process.logreader import read_log
from vk_process.logs import STDERR, STDOUT, ContainerLog

STAMP = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z ")
Writes = list[tuple[int, bytes]]

writes = st.lists(
    st.tuples(st.sampled_from([STDOUT, STDERR]), st.lists(st.sampled_from([b"a", b"\n", b"bc"]), min_size=1)).map(
        lambda write: (write[0], b"".join(write[1]))
    ),
    max_size=30,
)


def model(written: Writes, source: LogSource) -> list[bytes]:
    """The lines in the order in which they were ended; lines that were not come last."""
    held, lines = [b"", b""], []
    for number, data in written:
        *whole, held[number] = (held[number] + data).split(b"\n")
        lines += [(number, line + b"\n") for line in whole]
    lines += [(number, line) for number, line in enumerate(held) if line]
    wanted = {"All": {STDOUT, STDERR}, "Stdout": {STDOUT}, "Stderr": {STDERR}}[source]
    return [line for number, line in lines if number in wanted]


async def read(log: ContainerLog, options: LogOptions) -> bytes:
    return b"".join([piece async for piece in read_log(log, options)])


async def write(log: ContainerLog, written: Writes) -> None:
    with log.in_use():
        for source, data in written:
            await log.append(source, data)
        await log.complete()


@settings(max_examples=60, deadline=None)
@pytest.mark.parametrize("piece", [pytest.param(3, id="tiny pieces"), pytest.param(262144, id="real pieces")])
@given(
    written=writes,
    source=st.sampled_from(["All", "Stdout", "Stderr"]),
    tail=st.none() | st.integers(0, 20),
    limit=st.none() | st.integers(0, 40),
    timestamps=st.booleans(),
)
def test_a_log_gives_what_is_asked_for(
    piece: int,
    written: Writes,
    source: LogSource,
    tail: int | None,
    limit: int | None,
    timestamps: bool,
) -> None:
    written = [*written, (STDERR, b"end\n")]  # two last lines without an end could not be told apart
    lines = model(written, source)
    if tail is not None:
        lines = lines[max(len(lines) - tail, 0) :]
    options = LogOptions(stream=source, tail_lines=tail, timestamps=timestamps)

    async def check() -> None:
        with tempfile.TemporaryDirectory() as folder:
            log = ContainerLog(Path(folder, "log"))
            await write(log, written)
            got = await read(log, options)
            cut = await read(log, LogOptions(stream=source, tail_lines=tail, timestamps=timestamps, limit_bytes=limit))
        assert cut == got[:limit]
        if timestamps:
            assert len(STAMP.findall(got)) == len(lines)
            got = STAMP.sub(b"", got)
        assert got == b"".join(lines)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(logreader, "_PIECE", piece)
        patch.setattr(logreader, "_RECORDS", piece)
        asyncio.run(check())


@pytest.fixture
def log(tmp_path: Path) -> ContainerLog:
    return ContainerLog(tmp_path / "log")


async def test_since_takes_what_was_written_then_or_later(log: ContainerLog, monkeypatch: pytest.MonkeyPatch) -> None:
    start = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
    clock = iter(range(int(start.timestamp()) * 10**9, 10**19, 10**9))
    monkeypatch.setattr("vk_process.logs.time.time_ns", lambda: next(clock))
    await write(log, [(STDOUT, b"%d\n" % number) for number in range(10)])
    for second in range(-1, 12):
        since = start + dt.timedelta(seconds=second)
        expected = b"".join(b"%d\n" % number for number in range(max(second, 0), 10))
        assert await read(log, LogOptions(since=since)) == expected
        assert await read(log, LogOptions(since=since, tail_lines=100, stream="Stdout")) == expected
    stamped = await read(log, LogOptions(since=start + dt.timedelta(seconds=9), timestamps=True))
    assert stamped == b"2026-01-02T03:04:14.000000000Z 9\n"


async def test_what_is_written_before_since_is_not_followed(log: ContainerLog, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(0, 10**11, 10**9))
    monkeypatch.setattr("vk_process.logs.time.time_ns", lambda: next(clock))
    since = dt.datetime.fromtimestamp(3, dt.UTC)
    with log.in_use():
        await log.append(STDOUT, b"0\n")
        readings = [
            asyncio.create_task(read(log, LogOptions(since=since, follow=True, tail_lines=tail, timestamps=times)))
            for tail in (None, 1)
            for times in (False, True)
        ]
        for number in range(1, 6):
            await asyncio.sleep(0.02)  # so that the readers wait for each of them
            await log.append(STDOUT, b"%d\n" % number)
        await log.complete()
        for reading in readings:
            assert STAMP.sub(b"", await reading) == b"3\n4\n5\n"


async def test_times_do_not_run_back_when_the_clock_does(log: ContainerLog, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([2 * 10**9, 10**9])
    monkeypatch.setattr("vk_process.logs.time.time_ns", lambda: next(clock))
    await write(log, [(STDOUT, b"a\n"), (STDOUT, b"b\n")])
    assert await read(log, LogOptions(timestamps=True)) == (
        b"1970-01-01T00:00:02.000000000Z a\n1970-01-01T00:00:02.000000000Z b\n"
    )


async def test_a_line_without_an_end_is_cut_and_has_one_time(log: ContainerLog) -> None:
    await write(log, [(STDOUT, b"x" * 65536), (STDERR, b"between\n"), (STDOUT, b"x" * 65536), (STDOUT, b"\nlast\n")])
    stamped = await read(log, LogOptions(timestamps=True, stream="Stdout"))
    assert len(STAMP.findall(stamped)) == 2
    assert STAMP.sub(b"", stamped) == b"x" * 131072 + b"\nlast\n"


@pytest.mark.parametrize("source", ["All", "Stdout"])
async def test_who_follows_gets_every_line_as_it_comes(log: ContainerLog, source: Literal["All", "Stdout"]) -> None:
    lines = [b"line %d\n" % number for number in range(200)]
    with log.in_use():
        await log.append(STDOUT, lines[0])
        following = read_log(log, LogOptions(follow=True, stream=source))
        assert await anext(following) == lines[0]
        for line in lines[1:]:
            await log.append(STDERR, b"noise\n" if source == "Stdout" else b"")
            await log.append(STDOUT, line)
            assert await anext(following) == line
        rest = asyncio.create_task(read_all(following))
        await log.append(STDOUT, b"no end")
        await log.complete()
        assert await rest == b"no end"


async def read_all(following: AsyncIterator[bytes]) -> bytes:
    return b"".join([piece async for piece in following])


async def test_only_new_lines_follow_a_tail_of_none(log: ContainerLog, monkeypatch: pytest.MonkeyPatch) -> None:
    with log.in_use():
        await log.append(STDOUT, b"old\n")
        waits, grown = asyncio.Event(), log.grown

        async def noted(size: int) -> None:
            waits.set()
            await grown(size)

        monkeypatch.setattr(log, "grown", noted)
        following = asyncio.create_task(read(log, LogOptions(follow=True, tail_lines=0)))
        await waits.wait()
        await log.append(STDOUT, b"new\n")
        await log.complete()
        assert await following == b"new\n"


def open_files() -> int:
    return len([*Path("/proc/self/fd").iterdir()])


async def test_files_are_open_only_while_somebody_uses_the_log(log: ContainerLog) -> None:
    await write(log, [(STDOUT, b"line\n")])
    before = open_files()
    reading = read_log(log, LogOptions())
    await anext(reading)
    assert open_files() == before + 2
    assert isinstance(reading, AsyncGenerator)
    await reading.aclose()
    assert open_files() == before
