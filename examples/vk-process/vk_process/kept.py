"""Remembers pods whose volumes outlive virtual-kubelet, so that the cluster can be asked about them after a restart.

Their processes have ended by then: what is left of such a pod is its volumes and, in a file for each, what it was and
the status that was told last. It must be known before its containers start, and be forgotten after its volumes.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from pathlib import Path

import msgspec
from msgspec.structs import replace

from vk_core.api.meta import ObjectMeta, utc_now
from vk_core.api.pod import Pod
from vk_core.api.podstatus import ContainerState, ContainerStateTerminated, ContainerStatus
from vk_core.provider import OWNER_ANNOTATION

_KILLED = 137
_SUFFIX = ".json"


class KeptPods:
    """Pods in files.

    Args:
        folder: where the files are.
        log: where it is told that one cannot be written.
    """

    def __init__(self, folder: Path, log: logging.Logger) -> None:
        self._folder = folder
        self._log = log
        self._news: dict[str, Pod | None] = {}
        self._writing: asyncio.Task[None] | None = None

    async def load(self) -> tuple[dict[str, Pod], set[str]]:
        """The pods of the process before, with a status that says so, and the UIDs of those that cannot be read.

        Raises:
            OSError: the folder cannot be made or read.
        """
        return await asyncio.to_thread(self._load)

    async def add(self, pod: Pod) -> None:
        """Remember a pod before anything of it starts.

        Raises:
            OSError: the file cannot be written.
        """
        await asyncio.to_thread(self._write, pod)

    def note(self, pod: Pod) -> None:
        """Its status has changed; it is written soon."""
        self._take(pod.metadata.uid, pod)

    def forget(self, uid: str) -> None:
        """Nothing of the pod is left; its file is removed soon."""
        self._take(uid, None)

    async def settle(self) -> None:
        """Wait until everything is written."""
        if self._writing:
            await self._writing

    def _take(self, uid: str, pod: Pod | None) -> None:
        self._news[uid] = pod
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write_news(), name="kept pods")

    async def _write_news(self) -> None:
        while self._news:
            uid, pod = self._news.popitem()
            try:
                await asyncio.to_thread(self._write, pod) if pod else await asyncio.to_thread(self._remove, uid)
            except OSError as error:
                self._log.error("what became of a pod cannot be kept over a restart: %s", error)

    def _load(self) -> tuple[dict[str, Pod], set[str]]:
        self._folder.mkdir(parents=True, exist_ok=True)
        found, unreadable = {}, set()
        for file in self._folder.glob(f"*{_SUFFIX}"):
            try:
                pod = msgspec.json.decode(file.read_bytes(), type=Pod)
            except msgspec.DecodeError as error:
                unreadable.add(file.stem)
                self._log.error("%s: expected a pod: %s; its volumes stay", file, error)
            else:
                found[file.stem] = _without_processes(pod)
        return found, unreadable

    def _write(self, pod: Pod) -> None:
        metadata = pod.metadata
        owner = {OWNER_ANNOTATION: metadata.annotations[OWNER_ANNOTATION]}
        identity = ObjectMeta(namespace=metadata.namespace, name=metadata.name, uid=metadata.uid, annotations=owner)
        file = self._file(metadata.uid)
        new = file.with_suffix(".new")
        new.write_bytes(msgspec.json.encode(Pod(metadata=identity, status=pod.status)))
        new.replace(file)

    def _remove(self, uid: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            self._file(uid).unlink()

    def _file(self, uid: str) -> Path:
        return self._folder / f"{uid}{_SUFFIX}"


def _without_processes(pod: Pod) -> Pod:
    """The pod now that nothing of it runs: nobody has seen how its containers ended."""
    status = pod.status
    statuses = {
        field: tuple([_without_process(one) for one in getattr(status, field)])
        for field in ("init_container_statuses", "container_statuses", "ephemeral_container_statuses")
    }
    return replace(pod, status=replace(status, **statuses))


def _without_process(status: ContainerStatus) -> ContainerStatus:
    running = status.state.running
    if running is None:
        return status
    terminated = ContainerStateTerminated(
        exit_code=_KILLED,
        reason="ContainerStatusUnknown",
        message="the process ended together with virtual-kubelet",
        started_at=running.started_at,
        finished_at=utc_now(),
        container_id=status.container_id,
    )
    return replace(status, state=ContainerState(terminated=terminated), ready=False, started=False)
