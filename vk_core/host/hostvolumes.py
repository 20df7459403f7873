"""The volumes of all pods of one node below one folder of this machine."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection
from pathlib import Path

from vk_core.errors import Unavailable
from vk_core.host.layout import PODS, PRIVATE
from vk_core.host.names import wording
from vk_core.host.ownership import Privileges
from vk_core.host.podfolder import PodFolder
from vk_core.host.podvolumes import PodVolumes
from vk_core.provider.materials import PodMaterials


class HostVolumes:
    """Lays the volumes of pods out as a kubelet does, and keeps them up to date.

    As root with CAP_SYS_ADMIN, what must not be on a disk is in memory and parts of volumes are mounted; without, all
    is in plain folders, belongs to the user of this process, and containers must be that user's processes.

    Args:
        folder: where; made if it is missing. One process uses it at a time.
        log: where failures of the background go.
        privileges: what this process may do; found out unless it is given.
    """

    def __init__(self, folder: Path, *, log: logging.Logger, privileges: Privileges | None = None) -> None:
        self._folder = folder
        self._log = log
        self._privileges = privileges
        self._base: Path | None = None
        self._folders: dict[str, PodFolder] = {}
        self._pods: dict[str, PodVolumes] = {}

    async def open(self, materials: PodMaterials) -> PodVolumes:
        """Lay all volumes of a pod out and follow their changes; what another process left of it is taken over.

        Raises:
            MaterialMissing: something mandatory is not there, or a volume cannot be made on this machine.
            InvalidInput: a name cannot be that of a folder.
            Unavailable: the folder of the node cannot be made.
        """
        uid = materials.pod.metadata.uid
        folder = await self._pod_folder(uid)
        known = self._pods.get(uid)
        volumes = PodVolumes(materials, folder, log=self._log, forget=lambda: self._forget(uid, volumes))
        self._pods[uid] = volumes
        if known is not None:
            await known.close()
        try:
            await volumes.lay_out()
        except BaseException as error:
            await volumes.close()
            if self._pods.get(uid) is volumes and not isinstance(error, asyncio.CancelledError):
                self._forget(uid, volumes)
            raise
        return volumes

    async def sweep(self, uids: Collection[str]) -> None:
        """Unmount and remove what belongs to other pods than these and those that are open.

        Raises:
            Unavailable: something cannot be unmounted or removed; the rest is gone all the same.
        """
        problems: list[str] = []
        base, _ = await self._prepared()
        for uid in await asyncio.to_thread(_entries, base / PODS):
            if uid in uids or uid in self._pods:
                continue
            folder = await self._pod_folder(uid)
            try:
                await asyncio.to_thread(folder.remove)
            except OSError as error:
                problems.append(f"the volumes of the pod with UID {uid} cannot be removed: {wording(error)}")
            else:
                self._log.info("removed the volumes of the pod with UID %s, which is not here any more", uid)
            if uid not in self._pods:
                self._folders.pop(uid, None)
        if problems:
            raise Unavailable("; ".join(problems))

    async def container_path(self, uid: str, container_name: str) -> Path:
        """Where `PodVolumes.container_folder` is or was, also of a pod that another process has laid out.

        Raises:
            Unavailable: the folder of the node cannot be made.
            InvalidInput: a name cannot be that of a folder.
        """
        return (await self._pod_folder(uid)).container_path(container_name)

    async def remove(self, uid: str) -> None:
        """Unmount and remove what there is of one pod, whoever laid it out; nothing of it may run any more.

        Raises:
            Unavailable: something cannot be unmounted or removed.
        """
        known = self._pods.get(uid)
        if known is not None:
            await known.tear_down()
            return
        folder = await self._pod_folder(uid)
        try:
            await asyncio.to_thread(folder.remove)
        except OSError as error:
            message = f"the volumes of the pod with UID {uid} cannot be removed: {wording(error)}"
            raise Unavailable(message) from error
        if uid not in self._pods:
            self._folders.pop(uid, None)

    async def close(self) -> None:
        """Follow no longer; files stay, for the next process."""
        pods = tuple(self._pods.values())
        self._pods.clear()
        self._folders.clear()
        await asyncio.gather(*(pod.close() for pod in pods))

    def _forget(self, uid: str, volumes: PodVolumes) -> None:
        if self._pods.get(uid) is volumes:
            del self._pods[uid]
            self._folders.pop(uid, None)

    async def _pod_folder(self, uid: str) -> PodFolder:
        """The one object for a pod's folder, so that whatever is done there is done one after the other."""
        base, privileges = await self._prepared()
        if uid not in self._folders:
            self._folders[uid] = PodFolder(base, uid, privileges)
        return self._folders[uid]

    async def _prepared(self) -> tuple[Path, Privileges]:
        if self._base is None or self._privileges is None:
            try:
                base, found = await asyncio.to_thread(_prepare, self._folder)
            except OSError as error:
                message = f"the folder for volumes cannot be made: {wording(error)}"
                raise Unavailable(message) from error
            self._base = base
            self._privileges = self._privileges or found
        return self._base, self._privileges


def _prepare(folder: Path) -> tuple[Path, Privileges]:
    base = folder.absolute()
    base.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
    (base / PODS).mkdir(mode=PRIVATE, exist_ok=True)  # before the first pods come, which may be several at once
    return base.resolve(), Privileges.of_process()


def _entries(folder: Path) -> list[str]:
    """The UIDs of pods that have a folder; names with a dot are none of ours."""
    if not folder.exists():
        return []
    return sorted(entry.name for entry in folder.iterdir() if not entry.name.startswith("."))
