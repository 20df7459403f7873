"""A process provider that is started, and what tests ask of it again and again."""

from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import pytest_asyncio

from vk_core.api.pod import Pod
from vk_core.api.podkey import PodKey
from vk_core.api.podstatus import ContainerStatus, PodStatus
from vk_core.provider import LogOptions
from vk_core.testing import ContainerClient, make_container, make_context, make_materials, make_pod
from vk_process.provider import ProcessProvider
from vk_process.settings import ProcessSettings

SECONDS = 20


class Machine:
    """The provider and what it has told."""

    def __init__(self, folder: Path, /, **settings: Any) -> None:
        self.folder = folder
        self.materials = make_materials()
        self.provider = ProcessProvider(make_context(ProcessSettings(**settings), materials=self.materials))
        self.told: list[PodStatus] = []
        self._changed = asyncio.Event()
        self.provider.notify_pods(self._note)

    def _note(self, pod: Pod) -> None:
        self.told.append(pod.status)
        self._changed.set()

    async def create(self, *command: str, pod: dict[str, Any] | None = None, **container: Any) -> Pod:
        """A pod with one container, which runs this."""
        made = make_pod(containers=(make_container(command=command, **container),), **(pod or {}))
        await self.provider.create_pod(made)
        return made

    async def running(self, *command: str, pod: dict[str, Any] | None = None, **container: Any) -> Pod:
        """The same, once it runs."""
        made = await self.create(*(command or ("sleep", "3600")), pod=pod, **container)
        await self.until(lambda status: status.phase == "Running")
        return made

    async def until(self, done: Callable[[PodStatus], bool]) -> PodStatus:
        """The first status that was told and is as wanted, of those that no other call has taken."""
        async with asyncio.timeout(SECONDS):
            while True:
                while self.told:
                    if done(status := self.told.pop(0)):
                        return status
                self._changed.clear()
                await self._changed.wait()

    async def ended(self) -> PodStatus:
        """The status when the pod has come to its end."""
        return await self.until(lambda status: status.phase in {"Succeeded", "Failed"})

    async def log(self, pod: Pod, *, container: str = "main", **options: Any) -> bytes:
        log = await self.provider.get_container_logs(PodKey.of(pod), container, LogOptions(**options))
        async with asyncio.timeout(SECONDS):
            return b"".join([chunk async for chunk in log.chunks])

    async def exec(self, pod: Pod, *command: str, client: ContainerClient | None = None) -> int:
        client = client or ContainerClient()
        async with asyncio.timeout(SECONDS):
            return await self.provider.run_in_container(PodKey.of(pod), "main", command, client.io)


@contextlib.asynccontextmanager
async def started(folder: Path) -> AsyncIterator[Machine]:
    """A provider that is started, and leaves nothing behind."""
    with patch.object(tempfile, "tempdir", str(folder)):
        machine = Machine(folder)
        await machine.provider.start()
        try:
            yield machine
        finally:
            await machine.provider.close()
    assert os.listdir(folder) == []  # noqa: PTH208 - asynchronous code may not use Path.iterdir
    assert children() == []


@pytest_asyncio.fixture
async def machine(tmp_path: Path) -> AsyncIterator[Machine]:
    async with started(tmp_path) as machine:
        yield machine


def children() -> Sequence[str]:
    """What this process has started and not waited for."""
    return Path("/proc/thread-self/children").read_text("ascii").split()


@pytest.fixture
def states() -> Callable[[Sequence[ContainerStatus]], list[str]]:
    def describe(statuses: Sequence[ContainerStatus]) -> list[str]:
        return [
            "running" if one.state.running else str(one.state.terminated.exit_code) if one.state.terminated else "waits"
            for one in statuses
        ]

    return describe


async def until_gone(pid: bytes) -> None:
    """Wait until a process has ended, whoever has to take note of it."""
    async with asyncio.timeout(SECONDS):
        while True:
            if not is_running(pid):
                return
            await asyncio.sleep(0.01)


def is_running(pid: bytes) -> bool:
    """Whether there is a process of this number that has not ended."""
    try:
        return Path(f"/proc/{int(pid)}/stat").read_text("ascii").rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
