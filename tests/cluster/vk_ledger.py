"""A provider for tests whose pods outlive the process: a folder with one file per pod, and a list of every start.

The folder stands for a back end that goes on running while virtual-kubelet is killed and started again. What it must
never show is a pod in `starts` twice, or a file of a pod that the cluster does not know. With `volumes` in its settings
the pods' volumes are in a folder of that name, where a container of theirs would have them mounted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from pathlib import Path

import msgspec
from msgspec.structs import replace

from vk_core.api.meta import utc_now
from vk_core.api.pod import Pod
from vk_core.api.podkey import PodKey
from vk_core.api.podstatus import (
    ContainerState,
    ContainerStateRunning,
    ContainerStateTerminated,
    ContainerStatus,
    PodStatus,
)
from vk_core.errors import NotFound
from vk_core.host import MOUNTABLE_KINDS, HostVolumes, PodVolumes
from vk_core.provider import PodCallback, ProviderContext, ProviderPlugin


class LedgerSettings(msgspec.Struct, frozen=True):
    """Where the pods are kept, how long they take, and whether they have volumes."""

    folder: str
    start_seconds: float = 0.0
    stop_seconds: float = 0.0
    volumes: bool = False


class Ledger:
    """Pods as files."""

    def __init__(self, context: ProviderContext[LedgerSettings]) -> None:
        self._settings = context.settings
        self._folder = Path(context.settings.folder)
        self._starts = self._folder / "starts"
        self._notify: PodCallback = lambda _pod: None
        self._materials = context.materials
        self._host = HostVolumes(self._folder / "volumes", log=context.log)
        self._volumes: dict[str, PodVolumes] = {}

    def mountable_volumes(self) -> Collection[str]:
        return MOUNTABLE_KINDS

    async def close(self) -> None:
        await self._host.close()

    def notify_pods(self, notify: PodCallback) -> None:
        self._notify = notify

    async def capacity(self) -> dict[str, str]:
        return {"cpu": "10000", "memory": "10Ti", "pods": "10000"}

    async def create_pod(self, pod: Pod) -> None:
        path = self._path(pod.metadata.uid)
        if path.exists():
            return
        await self._open(pod)
        with self._starts.open("a") as starts:
            starts.write(f"{pod.metadata.uid}\n")
        pod = replace(pod, status=_status(pod, running=True))
        self._write(pod)
        await asyncio.sleep(self._settings.start_seconds)
        self._notify(pod)

    async def adopt_pod(self, pod: Pod) -> None:
        await self._open(pod)

    async def _open(self, pod: Pod) -> None:
        if self._settings.volumes:
            self._volumes[pod.metadata.uid] = await self._host.open(self._materials.of(pod))

    async def update_pod(self, pod: Pod) -> None:
        known = await self.get_pod(PodKey.of(pod))
        self._write(replace(pod, status=known.status))

    async def delete_pod(self, pod: Pod, grace_period_seconds: int) -> None:
        known = await self.get_pod(PodKey.of(pod))
        await asyncio.sleep(min(self._settings.stop_seconds, grace_period_seconds))
        self._path(pod.metadata.uid).unlink(missing_ok=True)
        if pod.metadata.uid in self._volumes:
            await self._volumes.pop(pod.metadata.uid).tear_down()
            await self._host.sweep({path.stem for path in self._folder.glob("*.json")})
        self._notify(replace(known, status=_status(known, running=False)))

    async def get_pod(self, key: PodKey) -> Pod:
        path = self._path(key.uid)
        if not path.exists():
            raise NotFound(f"no pod {key}")
        return msgspec.json.decode(path.read_bytes(), type=Pod)

    async def get_pod_status(self, key: PodKey) -> PodStatus:
        return (await self.get_pod(key)).status

    async def get_pods(self) -> Sequence[Pod]:
        return [msgspec.json.decode(path.read_bytes(), type=Pod) for path in self._folder.glob("*.json")]

    def _path(self, uid: str) -> Path:
        return self._folder / f"{uid}.json"

    def _write(self, pod: Pod) -> None:
        path = self._path(pod.metadata.uid)
        new = path.with_suffix(".new")
        new.write_bytes(msgspec.json.encode(pod))
        new.rename(path)


def _status(pod: Pod, *, running: bool) -> PodStatus:
    now = utc_now()
    if running:
        state = ContainerState(running=ContainerStateRunning(started_at=now))
    else:
        state = ContainerState(terminated=ContainerStateTerminated(exit_code=0, finished_at=now))
    return PodStatus(
        pod_ip="10.9.8.7",
        container_statuses=tuple(
            ContainerStatus(name=container.name, ready=running, started=running, state=state)
            for container in pod.spec.containers
        ),
    )


PROVIDER = ProviderPlugin(api=1, description="Pods as files, for tests.", settings=LedgerSettings, create=Ledger)
