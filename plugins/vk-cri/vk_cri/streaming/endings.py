"""Ends commands whose client has gone, for runtimes let them run on and have no call for that.

A command is found among the processes of this machine: it is in the container's cgroup, it is a child of what the
container's main process is a child of, it began after we asked for it, and no other session has a better claim to it.
Where processes cannot be seen, as with a runtime in a virtual machine, the command runs on: its input has ended.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from vk_core.errors import ProviderError
from vk_cri import methods
from vk_cri.api import runtime_pb2 as pb
from vk_cri.failures import RpcError
from vk_cri.mainprocess import main_process
from vk_cri.runtimeapi import RuntimeApi

PROC = Path("/proc")
_TICKS = os.sysconf("SC_CLK_TCK")
_SLACK_SECONDS = 2 / _TICKS
_PARENT, _STARTED = 1, 19
"""Fields of `/proc/PID/stat` behind the name."""

log = logging.getLogger("virtual_kubelet.cri")


@dataclass(frozen=True, slots=True)
class Seen:
    """A process in a container's cgroup.

    Attributes:
        pid: its number on this machine.
        parent: its parent's.
        started: when, in seconds since the machine has started.
        command: what it was started with, as far as it has not said otherwise.
    """

    pid: int
    parent: int
    started: float
    command: tuple[str, ...]


class CommandEnding:
    """Watches over the commands of sessions."""

    def __init__(self, api: RuntimeApi) -> None:
        self._api = api

    @contextlib.asynccontextmanager
    async def of(self, container_id: str, command: Sequence[str]) -> AsyncIterator[None]:
        """End the command if the context is left by a cancellation."""
        asked = time.clock_gettime(time.CLOCK_BOOTTIME) - _SLACK_SECONDS
        try:
            yield
        except asyncio.CancelledError:
            ending = asyncio.create_task(self._end(container_id, tuple(command), asked))
            # A second cancellation must not leave it half done.
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.shield(ending)
            raise

    async def _end(self, container_id: str, command: tuple[str, ...], asked: float) -> None:
        try:
            request = pb.ContainerStatusRequest(container_id=container_id, verbose=True)
            answer = await self._api.runtime(methods.CONTAINER_STATUS, request)
            main = main_process(answer.info)
            if main is not None:
                await asyncio.to_thread(_end_command, container_id, main, command, asked)
        except (RpcError, ProviderError, OSError) as error:
            log.info("a command of container %s may run on without its client: %s", container_id, error)


def choose(processes: Sequence[Seen], main: int, command: tuple[str, ...], asked: float) -> Seen | None:
    """The process of a command that was asked for at a time.

    Args:
        processes: those of the container.
        main: the container's main process.
        command: what was to be run; a process may have become another program since.
        asked: seconds since the machine has started.
    """
    parents = {process.parent for process in processes if process.pid == main}
    candidates = sorted(
        (one for one in processes if one.pid != main and one.parent in parents and one.started >= asked),
        key=lambda one: one.started,
    )
    same = [one for one in candidates if one.command == command]
    if same:
        return same[0]
    return candidates[0] if len(candidates) == 1 else None


def with_descendants(chosen: Seen, processes: Sequence[Seen]) -> list[int]:
    """A process and those that it has started, as far as their parents are known; it comes first."""
    found = [chosen.pid]
    for pid in found:
        found += [one.pid for one in processes if one.parent == pid]
    return found


def processes_of(container_id: str) -> list[Seen]:
    """The processes in a container's cgroup; blocks."""
    found = []
    for folder in PROC.glob("[0-9]*"):
        with contextlib.suppress(OSError, ValueError, IndexError):
            if container_id.encode() in (folder / "cgroup").read_bytes():
                found.append(_seen(folder))
    return found


def _seen(folder: Path) -> Seen:
    fields = (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()
    words = (folder / "cmdline").read_bytes().split(b"\0")[:-1]
    return Seen(
        pid=int(folder.name),
        parent=int(fields[_PARENT]),
        started=int(fields[_STARTED]) / _TICKS,
        command=tuple(os.fsdecode(word) for word in words),
    )


def _end_command(container_id: str, main: int, command: tuple[str, ...], asked: float) -> None:
    processes = processes_of(container_id)
    chosen = choose(processes, main, command, asked)
    if chosen is None:
        return
    for pid in with_descendants(chosen, processes):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
