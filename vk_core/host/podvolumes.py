"""The volumes of one pod on this machine, kept up to date for as long as the pod is here.

What blocks is done in threads by `PodFolder`. A change of the materials starts one task for the pod, which writes
what changed and ends; changes that come meanwhile are taken together.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from vk_core.errors import Conflict, MaterialMissing, Unavailable, VirtualKubeletError
from vk_core.host.layout import HOSTS, RESOLV_CONF
from vk_core.host.names import wording
from vk_core.host.podfolder import PodFolder
from vk_core.host.results import HostMount, HostNetworkFiles
from vk_core.host.volumewriter import KEPT_SECONDS
from vk_core.provider.materials import Environment, FilesVolume, PodMaterials, VolumeContent

_FIRST_RETRY_SECONDS = 1.0
_LONGEST_RETRY_SECONDS = 60.0


class PodVolumes:
    """The volumes of one pod; `HostVolumes.open` makes one.

    Args:
        materials: what they are made of.
        folder: where they are.
        log: where failures of the background go.
        forget: called when the pod is torn down.
    """

    def __init__(
        self, materials: PodMaterials, folder: PodFolder, *, log: logging.Logger, forget: Callable[[], None]
    ) -> None:
        self._materials = materials
        self._folder = folder
        self._log = log
        self._forget = forget
        self._files: tuple[str, ...] = ()
        self._news = asyncio.Event()
        self._writing: asyncio.Task[None] | None = None
        self._follower: Callable[[], None] | None = None
        self._is_purge_due = False
        self._is_closed = False

    @property
    def folder(self) -> Path:
        """The pod's folder."""
        return self._folder.path

    async def lay_out(self) -> None:
        """Make all volumes as they shall be, and follow their changes from now on.

        Raises:
            MaterialMissing: something mandatory is not there, or a volume cannot be made on this machine.
            InvalidInput: a name cannot be that of a folder.
        """
        self._materials.follow(self._notice)
        volumes = await self._materials.volumes()
        self._is_purge_due = await asyncio.to_thread(self._folder.lay_out, volumes, self._materials.pod)
        self._files = tuple(_files_of(volumes))
        if self._files and (self._is_purge_due or self._news.is_set()):
            self._start_writing()

    def follow(self, changed: Callable[[], None]) -> None:
        """Have a function called like that of `PodMaterials.follow`, which has one follower only: these volumes."""
        self._follower = changed

    async def mounts(self, container_name: str, environment: Environment) -> tuple[HostMount, ...]:
        """What to mount into a container, in the order of the specification; ask at every start.

        A part (`subPath`) of files that core makes is what it is now: as in a kubelet, an update does not reach it, and
        leaves nothing in a part that is a folder where parts are mounted.

        Raises:
            MaterialMissing: a sub path cannot be had; its reason is `CreateContainerConfigError`.
            Unavailable: the pod's folder is gone.
        """
        wanted = self._materials.mounts(container_name, environment)
        try:
            return await asyncio.to_thread(self._folder.mounts, container_name, wanted)
        except OSError as error:
            raise Unavailable(f"the pod's folder cannot be read: {wording(error)}") from error

    async def read_file(self, volume: str, path: str) -> bytes:
        """The content of a file in a volume, for `fileKeyRef`.

        Raises:
            FileNotFoundError: there is no such volume or file.
            OSError: the path leads through a link or out of the volume, or to what is no regular file, or is larger
                than a MiB.
        """
        return await asyncio.to_thread(self._folder.read, volume, path)

    async def network_files(self, pod_ips: Sequence[str] = ()) -> HostNetworkFiles:
        """Write `/etc/hosts` and `/etc/resolv.conf` for the pod's containers.

        Args:
            pod_ips: the pod's addresses, if they are known; else those that its status has.

        Raises:
            Unavailable: they cannot be written.
        """
        files = self._materials.network_files(pod_ips=pod_ips)
        try:
            hosts = None if files.hosts is None else await asyncio.to_thread(self._folder.put, HOSTS, files.hosts)
            resolv_conf = await asyncio.to_thread(self._folder.put, RESOLV_CONF, files.resolv_conf)
        except OSError as error:
            raise Unavailable(f"the pod's network files cannot be written: {wording(error)}") from error
        return HostNetworkFiles(hostname=files.hostname, domain=files.domain, hosts=hosts, resolv_conf=resolv_conf)

    async def container_folder(self, container_name: str) -> Path:
        """A folder for what a provider keeps of a container; it goes with the pod.

        Raises:
            Unavailable: it cannot be made.
            InvalidInput: the name cannot be that of a folder.
        """
        try:
            return await asyncio.to_thread(self._folder.container_folder, container_name)
        except OSError as error:
            raise Unavailable(f"the container's folder cannot be made: {wording(error)}") from error

    async def tear_down(self) -> None:
        """Unmount and remove everything; the pod's containers must have ended. May be called again.

        Raises:
            Unavailable: something cannot be unmounted or removed now.
        """
        await self.close()
        try:
            await asyncio.to_thread(self._folder.remove)
        except OSError as error:
            raise Unavailable(f"the pod's volumes cannot be removed: {wording(error)}") from error
        self._forget()

    async def close(self) -> None:
        """Follow no longer; files stay as they are."""
        self._is_closed = True
        if self._writing is not None:
            self._writing.cancel()
            await asyncio.wait((self._writing,))

    def _notice(self) -> None:
        if self._is_closed:
            return
        self._news.set()
        if self._files:
            self._start_writing()
        if self._follower is not None:
            self._follower()

    def _start_writing(self) -> None:
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write(), name=f"volumes of {self._title}")
            self._writing.add_done_callback(self._tell_bug)

    async def _write(self) -> None:
        """Write until nothing has changed any more, and remove what is no longer current a moment later."""
        retry_seconds = _FIRST_RETRY_SECONDS
        while True:
            self._news.clear()
            if not await self._update():
                await self._news_within(retry_seconds)
                retry_seconds = min(2 * retry_seconds, _LONGEST_RETRY_SECONDS)
                continue
            retry_seconds = _FIRST_RETRY_SECONDS
            while self._is_purge_due and not await self._news_within(KEPT_SECONDS):
                await self._purge()
            if not self._news.is_set():
                return

    async def _update(self) -> bool:
        try:
            contents = await self._contents()
        except Conflict:
            return True  # the pod has come to its end: its materials are gone, and its volumes will be
        except VirtualKubeletError as error:
            self._log.warning("pod %s: its volumes cannot be brought up to date: %s", self._title, error)
            return False
        updated = await asyncio.to_thread(self._folder.update, contents)
        self._is_purge_due |= updated.is_purge_due
        for name, why in updated.failed.items():
            self._log.warning("pod %s: the volume %s cannot be brought up to date: %s", self._title, name, why)
        return not updated.failed

    async def _contents(self) -> dict[str, FilesVolume]:
        """The volumes as they shall be now; one of which something mandatory is gone is left as it is."""
        try:
            return _files_of(await self._materials.volumes(self._files))
        except MaterialMissing:
            pass  # one is enough for that: the others still change
        contents: dict[str, FilesVolume] = {}
        for name in self._files:
            try:
                contents |= _files_of(await self._materials.volumes((name,)))
            except MaterialMissing as error:
                self._log.debug("pod %s: the volume %s stays as it is: %s", self._title, name, error)
        return contents

    async def _purge(self) -> None:
        try:
            self._is_purge_due = await asyncio.to_thread(self._folder.purge)
        except OSError as error:
            # Nobody sees what is left; the next change of the volume removes it too.
            self._is_purge_due = False
            self._log.warning("pod %s: old contents of volumes stay: %s", self._title, wording(error))

    async def _news_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._news.wait()
        except TimeoutError:
            return False
        return True

    def _tell_bug(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._log.error("pod %s: following its volumes failed", self._title, exc_info=error)

    @property
    def _title(self) -> str:
        metadata = self._materials.pod.metadata
        return f"{metadata.namespace}/{metadata.name}"


def _files_of(volumes: Mapping[str, VolumeContent]) -> dict[str, FilesVolume]:
    return {name: volume for name, volume in volumes.items() if isinstance(volume, FilesVolume)}
