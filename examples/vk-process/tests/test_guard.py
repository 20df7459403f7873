"""Nothing outlives virtual-kubelet, however it ends."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.components import lacking
from vk_core.errors import Unavailable
from vk_core.host import Privileges
from vk_process import guard

from .conftest import SECONDS, Machine, children, until_gone

PROGRAM = """
import asyncio, sys
from vk_core.api.podkey import PodKey
from vk_core.testing import ContainerClient, make_container, make_context, make_pod
from vk_process.provider import ProcessProvider
from vk_process.settings import ProcessSettings

async def main():
    provider = ProcessProvider(make_context(ProcessSettings()))
    await provider.start()
    command = ("sh", "-c", "trap '' TERM HUP; sleep 3600 & echo $$ $! >> " + sys.argv[1] + "/pids; wait")
    escaped = [part.replace("$$", "$$$$") for part in command]
    pod = make_pod(containers=(make_container(command=tuple(escaped)),))
    await provider.create_pod(pod)
    while (await provider.get_pod_status(PodKey.of(pod))).phase != "Running":
        await asyncio.sleep(0.01)
    await provider.run_in_container(PodKey.of(pod), "main", command, ContainerClient().io)

asyncio.run(main())
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
async def test_processes_and_logs_are_gone_when_virtual_kubelet_was_killed(tmp_path: Path, number: int) -> None:
    program = subprocess.Popen(  # noqa: ASYNC220 - it is killed at once
        [sys.executable, "-c", PROGRAM, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "TMPDIR": str(tmp_path)},
        stderr=subprocess.DEVNULL,
    )
    pids = await lines_of(tmp_path / "pids", 2)
    program.send_signal(number)
    await asyncio.to_thread(program.wait, SECONDS)
    for pid in pids:
        await until_gone(pid)
    async with asyncio.timeout(SECONDS):
        while os.listdir(tmp_path) != ["pids"]:  # noqa: PTH208, ASYNC110 - nobody tells
            await asyncio.sleep(0.01)


def test_what_is_mounted_in_the_folder_is_not_removed_with_it(tmp_path: Path) -> None:
    if not Privileges.of_process().mounts:
        lacking("only root with CAP_SYS_ADMIN has volumes mounted")
    elsewhere, volume = tmp_path / "elsewhere", tmp_path / "a folder" / "volume"
    for folder in (elsewhere, volume):
        folder.mkdir(parents=True)
    (elsewhere / "file").touch()
    subprocess.run(["mount", "--bind", elsewhere, volume], check=True)
    subprocess.run([sys.executable, "-I", "-S", guard.__file__, tmp_path / "a folder"], input=b"", check=True)
    assert [entry.name for entry in tmp_path.rglob("*")] == ["elsewhere", "file"]


async def lines_of(file: Path, count: int) -> list[bytes]:
    """The words of a file once it has so many lines."""
    async with asyncio.timeout(SECONDS):
        while True:
            with contextlib.suppress(FileNotFoundError):
                text = await asyncio.to_thread(file.read_bytes)
                if text.count(b"\n") == count:
                    return text.split()
            await asyncio.sleep(0.01)


async def test_nothing_is_started_without_a_guard(machine: Machine) -> None:
    (guard,) = children()
    os.kill(int(guard), signal.SIGKILL)
    async with asyncio.timeout(SECONDS):
        while children():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)
    with pytest.raises(Unavailable, match="the guard process has ended"):
        await machine.provider.ping()
    await machine.create("true", pod={"restart_policy": "Never"})
    terminated = (await machine.ended()).container_statuses[0].state.terminated
    assert terminated
    assert terminated.reason == "StartError"
