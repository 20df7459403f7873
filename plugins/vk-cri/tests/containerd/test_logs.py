"""Logs that a real containerd writes: as they are, as they come, over rotation."""

from __future__ import annotations

import asyncio
import datetime as dt
import gzip
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from vk_core.engine.runtime import ContainerPhase, RuntimeContainer
from vk_core.errors import NotFound
from vk_core.provider import LogOptions
from vk_cri.lists import Lists
from vk_cri.logs import following
from vk_cri.logs.keeping import LogKeeper
from vk_cri.logs.rotation import rotate_if_large
from vk_cri.runtimeapi import RuntimeApi
from vk_cri.settings import CriSettings, Logs

from .conftest import Pods

PATIENCE = 20.0


async def container_of(pods: Pods, uid: str) -> RuntimeContainer:
    (container,) = (await pods.runtime.pod_snapshot(uid)).containers
    return container


async def ended(pods: Pods, uid: str) -> RuntimeContainer:
    async with asyncio.timeout(PATIENCE):
        while (container := await container_of(pods, uid)).phase is not ContainerPhase.EXITED:
            await asyncio.sleep(0.02)
    return container


async def text(chunks: AsyncIterator[bytes]) -> bytes:
    return b"".join([chunk async for chunk in chunks])


async def test_a_log_is_what_the_container_has_written(pods: Pods) -> None:
    script = "echo one; echo two >&2; yes x | tr -d '\\n' | head -c 50000; echo; printf end"
    uid, _, _ = await pods.run("sh", "-c", script)
    container = await ended(pods, uid)

    async def log(options: LogOptions) -> bytes:
        return await text((await pods.runtime.logs(container, options)).chunks)

    whole = await log(LogOptions())
    assert sorted(whole.split(b"\n")) == sorted([b"one", b"two", b"x" * 50000, b"end"])
    assert await log(LogOptions(stream="Stderr")) == b"two\n"
    assert await log(LogOptions(tail_lines=2, stream="Stdout")) == b"x" * 50000 + b"\nend"
    later = dt.datetime.now(dt.UTC)
    assert await log(LogOptions(since=later)) == b""
    stream = await pods.runtime.logs(container, LogOptions(timestamps=True, stream="Stderr"))
    assert stream.timestamped
    (line,) = (await text(stream.chunks)).splitlines()
    assert dt.datetime.fromisoformat(line.split()[0].decode()) <= later


async def test_a_log_without_a_file_is_not_found(pods: Pods) -> None:
    uid, _, _ = await pods.run("true")
    container = await ended(pods, uid)
    Path(container.log_path).unlink()
    with pytest.raises(NotFound, match=r"0\.log"):
        await pods.runtime.logs(container, LogOptions())


async def test_following_shows_lines_as_they_come_and_ends_with_the_container(pods: Pods) -> None:
    uid, _, container_id = await pods.run("sh", "-c", "while read line; do echo $line; done", stdin=True, name="main")
    container = await container_of(pods, uid)
    chunks = (await pods.runtime.logs(container, LogOptions(follow=True, tail_lines=0))).chunks
    following_it = asyncio.create_task(text(chunks))
    await asyncio.sleep(0.2)
    await pods.runtime.run_command(container_id, ["sh", "-c", "echo late > /proc/1/fd/1 || true"], 5)
    await pods.runtime.stop_container(container_id, 0)
    async with asyncio.timeout(PATIENCE):
        assert await following_it in {b"late\n", b""}


async def test_no_line_is_lost_or_doubled_while_a_log_is_rotated(
    pods: Pods, settings: CriSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    stamps = iter(range(10_000_000, 20_000_000))
    monkeypatch.setattr("vk_cri.logs.rotation.stamp", lambda: str(next(stamps)))
    # containerd itself may cut off a log that it is told to begin anew while the container ends: that waits.
    script = "sleep 0.3; for i in $(seq 1 20000); do echo line $i; done; sleep 2"
    uid, _, _ = await pods.run("sh", "-c", script)
    container = await container_of(pods, uid)
    chunks = (await pods.runtime.logs(container, LogOptions(follow=True))).chunks
    reading = asyncio.create_task(text(chunks))
    api = RuntimeApi(settings)
    keeper = LogKeeper(api, Lists(api), Logs(max_size="100Ki", max_files=30))
    async with asyncio.timeout(PATIENCE):
        while not reading.done():
            await keeper.look()
            await asyncio.sleep(0.05)
    await api.close()
    assert (await reading).splitlines() == [f"line {number}".encode() for number in range(1, 20001)]
    folder = Path(container.log_path).parent
    assert 2 <= len(list(folder.iterdir())) <= 30
    kept = await text((await pods.runtime.logs(container, LogOptions())).chunks)
    assert kept == await reading


async def test_rotation_packs_keeps_and_removes(tmp_path: Path) -> None:
    path = tmp_path / "0.log"
    for day in (1, 2, 3):
        (tmp_path / f"0.log.2026010{day}-000000").write_text(f"day {day}")
    path.write_text("present")
    (tmp_path / "0.log.20260103-000000.gz.tmp").write_text("half")

    async def reopen() -> None:
        path.write_text("new")

    assert not await rotate_if_large(path, reopen, max_bytes=7, max_files=3)
    assert await rotate_if_large(path, reopen, max_bytes=6, max_files=3)
    packed, aside, present = sorted(tmp_path.iterdir(), key=lambda file: (file.suffix != ".gz", file == path))
    assert gzip.decompress(packed.read_bytes()) == b"day 3"
    assert (aside.read_text(), present.read_text()) == ("present", "new")


async def test_a_log_stays_where_it_is_when_the_runtime_begins_no_new_one(tmp_path: Path) -> None:
    path = tmp_path / "0.log"
    path.write_text("present")

    async def reopen() -> None:
        raise NotFound("no such container")

    with pytest.raises(NotFound):
        await rotate_if_large(path, reopen, max_bytes=1, max_files=3)
    assert path.read_text() == "present"


def descriptors(path: Path) -> int:
    """How often this process has a file open."""
    links = [link for link in Path("/proc/self/fd").iterdir() if link.exists()]
    return sum(link.resolve() == path for link in links)


async def test_a_client_that_leaves_leaves_nothing_open(tmp_path: Path) -> None:
    path = tmp_path / "0.log"
    path.write_text("2026-01-02T03:04:05.123456789Z stdout F line\n")

    async def runs() -> bool:
        return True

    stream = await following.open_log(path, LogOptions(follow=True), runs)
    assert await anext(stream.chunks) == b"line\n"
    assert descriptors(path) == 1
    waiting = asyncio.ensure_future(anext(stream.chunks))
    await asyncio.sleep(0.02)
    waiting.cancel()
    await asyncio.wait({waiting})
    assert descriptors(path) == 0


async def test_the_last_lines_are_waited_for_until_the_runtime_has_written_them(tmp_path: Path) -> None:
    path = tmp_path / "0.log"

    async def has_ended() -> bool:
        return False

    for follow in (True, False):
        with path.open("wb", buffering=0) as runtime:
            stream = await following.open_log(path, LogOptions(follow=follow), has_ended, has_ended=True)
            reading = asyncio.create_task(text(stream.chunks))
            await asyncio.sleep(0.1)
            runtime.write(b"2026-01-02T03:04:05.123456789Z stdout F last\n")
        async with asyncio.timeout(5):
            assert await reading == b"last\n"
