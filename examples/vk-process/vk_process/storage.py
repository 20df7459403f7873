"""The volumes of all pods on this machine, whether they end with virtual-kubelet or outlive it.

What was left by the process before is told to core as pods that nothing runs of. Core knows which of them the cluster
still wants: it has the others deleted, and so nothing is ever removed on suspicion.
"""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
from collections.abc import Mapping
from pathlib import Path

from vk_core.api.pod import Pod
from vk_core.errors import Unavailable
from vk_core.host import HostVolumes, PodVolumes
from vk_core.provider import PodMaterials
from vk_process.kept import KeptPods


class Storage:
    """Where volumes are.

    Args:
        folder: of this node alone; it is made if it is not there.
        keeps: whether volumes outlive virtual-kubelet.
        log: where problems are told that concern no single call.
    """

    def __init__(self, folder: Path, *, keeps: bool, log: logging.Logger) -> None:
        self.keeps = keeps
        self._folder = folder
        self._log = log
        self._volumes = HostVolumes(folder, log=log)
        self._kept = KeptPods(folder / "kept", log)
        self._left: dict[str, Pod] = {}
        self._here: set[str] = set()
        self._lock = -1

    @property
    def left(self) -> Mapping[str, Pod]:
        """Pods of which only volumes are left, by UID."""
        return self._left

    async def open(self) -> None:
        """Look what is left.

        Raises:
            Unavailable: the folder cannot be used, or another process uses it.
        """
        try:
            await asyncio.to_thread(self._take_folder)
            if self.keeps:
                self._left, unreadable = await self._kept.load()
                self._here = {*self._left, *unreadable}
        except BlockingIOError:
            message = f"folder: {self._folder} is in use by another process; nodes that share a folder need other names"
            raise Unavailable(message) from None
        except OSError as error:
            raise Unavailable(f"folder: volumes cannot be kept in {self._folder}: {error}") from error
        try:
            await self._volumes.sweep(self._here)  # what was never completed
        except Unavailable as error:
            self._log.warning("%s", error)

    async def close(self) -> None:
        """Let go of everything; what is kept stays."""
        await self._kept.settle()
        await self._volumes.close()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    async def set_up(self, pod: Pod, materials: PodMaterials) -> PodVolumes:
        """Have the volumes of a pod here; what is left of them is taken over.

        Raises:
            MaterialMissing: one of them cannot be made yet.
            InvalidInput: one of them cannot be made here.
            Unavailable: this machine does not let them be made.
        """
        uid = pod.metadata.uid
        is_new = uid not in self._here
        self._here.add(uid)
        try:
            volumes = await self._volumes.open(materials)
            await self._keep(pod)
        except BaseException:
            if is_new:
                self._here.discard(uid)
            raise
        self._left.pop(uid, None)
        return volumes

    def claim(self, uid: str) -> None:
        """The cluster wants this pod, so it is no longer one that is left; its volumes wait until it is set up."""
        self._left.pop(uid, None)

    def note(self, pod: Pod) -> None:
        """The status of a pod has changed."""
        if self.keeps and pod.metadata.uid in self._here:
            self._kept.note(pod)

    def forget(self, uid: str) -> None:
        """Nothing is left of a pod's volumes."""
        self._here.discard(uid)
        if self.keeps:
            self._kept.forget(uid)

    async def remove_left(self, uid: str) -> None:
        """Remove what is left of a pod of which nothing else is here.

        Raises:
            Unavailable: it cannot be removed.
        """
        await self._volumes.sweep(self._here - {uid})
        self._left.pop(uid, None)
        self.forget(uid)

    async def _keep(self, pod: Pod) -> None:
        if self.keeps:
            try:
                await self._kept.add(pod)
            except OSError as error:
                raise Unavailable(f"the pod cannot be kept over a restart: {error}") from error

    def _take_folder(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._lock = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
