"""One pod's folder on this machine: its volumes, the files that it gets beside them, and its removal.

Everything here blocks and is called in a thread; one call at a time does its work for a pod, the others wait.
"""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from vk_core.api.pod import Pod
from vk_core.errors import MaterialMissing
from vk_core.host import atomicwriter
from vk_core.host.beneath import Folder, read_regular, write_new_file
from vk_core.host.containermounts import ContainerMounts
from vk_core.host.layout import CONTAINERS, PODS, PRIVATE, SUB_PATHS, VOLUMES, Place, place_of
from vk_core.host.mounting import detach_below, detach_entries
from vk_core.host.names import CONFIG_ERROR, checked, split_path, wording
from vk_core.host.ownership import Privileges
from vk_core.host.removal import remove
from vk_core.host.results import HostMount
from vk_core.host.subpaths import find
from vk_core.host.volumewriter import VolumeWriter
from vk_core.provider.materials import FilesVolume, Mount, VolumeContent

LARGEST_READ = 1 << 20
"""How many bytes of a container's file are read at most."""

_FILE_MODE = 0o644

_MOUNT_DEPTHS = {VOLUMES: 2, SUB_PATHS: 3}
"""How deep below the pod's folder we mount: kind and name of a volume; volume, container and number of a part."""


class Updated(NamedTuple):
    """What became of an update.

    Attributes:
        is_purge_due: whether former contents were left for a moment, for those who read them just now.
        failed: volumes that are as they were, and why.
    """

    is_purge_due: bool
    failed: Mapping[str, str]


class PodFolder:
    """The folder of one pod.

    Args:
        base: the folder of the node, without links in its path.
        uid: the pod.
        privileges: what this process may do.

    Raises:
        InvalidInput: the UID cannot be the name of a folder.
    """

    def __init__(self, base: Path, uid: str, privileges: Privileges) -> None:
        self._base = base
        self._uid = checked(uid, "the pod's UID")
        self._privileges = privileges
        self._lock = threading.Lock()
        self._writer: VolumeWriter | None = None
        self._places: dict[str, Place] = {}

    @property
    def path(self) -> Path:
        """Where it is."""
        return self._base / PODS / self._uid

    def lay_out(self, volumes: Mapping[str, VolumeContent], pod: Pod) -> bool:
        """Make all volumes as they shall be; what is there from before is taken over.

        Returns:
            Whether `purge` is due a moment later.

        Raises:
            MaterialMissing: a volume cannot be made; a folder that was not there before is gone again.
            InvalidInput: a name cannot be that of a folder.
        """
        with self._lock:
            places = {name: place_of(volume) for name, volume in volumes.items()}
            writer = VolumeWriter(pod, self._privileges)
            is_new = not self.path.exists()
            try:
                with self._made() as root:
                    left = [writer.make(root, volume, places[name], pod) for name, volume in volumes.items()]
            except BaseException:
                if is_new:
                    with suppress(OSError):  # what matters is why the volumes cannot be had; a sweep removes the rest
                        self._remove()
                raise
            self._writer, self._places = writer, places
            return any(left)

    def update(self, volumes: Mapping[str, FilesVolume]) -> Updated:
        """Write volumes whose content has changed; nothing happens to what was not laid out or is removed."""
        is_purge_due = False
        failed: dict[str, str] = {}
        with self._lock:
            if self._writer is None:
                return Updated(is_purge_due, failed)
            for name, volume in volumes.items():
                try:
                    with self._opened() as root:
                        is_purge_due |= self._writer.write(root, volume, self._places[name])
                except (OSError, ValueError) as error:
                    failed[name] = wording(error)
        return Updated(is_purge_due, failed)

    def purge(self) -> bool:
        """Remove contents that have not been current for `KEPT_SECONDS`.

        Returns:
            Whether there are some left.

        Raises:
            OSError: something cannot be removed.
        """
        with self._lock:
            if self._writer is None:
                return False
            with self._opened() as root:
                return any([self._writer.purge(root, name, place) for name, place in self._places.items()])

    def mounts(self, container: str, mounts: Sequence[Mount]) -> tuple[HostMount, ...]:
        """What to mount into a container, in the same order.

        Raises:
            MaterialMissing: there is no such volume, or a sub path cannot be had.
            InvalidInput: the container's name cannot be that of a folder.
        """
        with self._lock, self._opened() as root:
            prepared = ContainerMounts(root, self.path, container, mounts=self._privileges.mounts)
            return tuple(
                prepared.prepare(mount, self._place(mount.volume, container), index)
                for index, mount in enumerate(mounts)
            )

    def read(self, volume: str, path: str) -> bytes:
        """The content of a file in a volume, at most `LARGEST_READ` bytes.

        Raises:
            FileNotFoundError: there is no such volume or file.
            OSError: the path leads out of the volume or through a link, or to what is no regular file or too large.
        """
        try:
            parts = split_path(path)
        except ValueError as error:
            raise OSError(str(error)) from error
        try:
            with (
                self._lock,
                self._opened() as root,
                self._content(root, volume) as folder,
                find(folder, parts) as found,
            ):
                return read_regular(found, LARGEST_READ)
        except FileNotFoundError:
            raise
        except OSError as error:
            raise OSError(f"the file {path!r} in the volume {volume} cannot be read: {wording(error)}") from error

    def put(self, name: str, content: str) -> Path:
        """Have a file of ours beside the volumes, with this content; returns where it is.

        Raises:
            OSError: it cannot be written.
        """
        data = content.encode("utf-8", errors="surrogateescape")
        with self._lock, self._opened() as root:
            if not _has(root, name, data):
                fresh = f"..{name}"
                remove(root, fresh)
                with write_new_file(root, fresh, data) as written:
                    os.fchmod(written.fd, _FILE_MODE)
                root.rename(fresh, name)
        return self.path / name

    def container_path(self, container: str) -> Path:
        """Where that folder is, if it is there; raises InvalidInput if the name cannot be that of a folder."""
        return self.path / CONTAINERS / checked(container, "the container")

    def container_folder(self, container: str) -> Path:
        """A folder for what a provider keeps of a container; it goes with the pod.

        Raises:
            InvalidInput: the container's name cannot be that of a folder.
            OSError: it cannot be made.
        """
        name = checked(container, "the container")
        with self._lock, self._opened() as root, root.make_folders((CONTAINERS, name), PRIVATE):
            return self.path / CONTAINERS / name

    def remove(self) -> None:
        """Unmount and remove all of it; nothing happens if it is gone already.

        Raises:
            OSError: something cannot be unmounted or removed; to be called again.
        """
        with self._lock:
            self._writer, self._places = None, {}
            self._remove()

    def _remove(self) -> None:
        with suppress(FileNotFoundError), Folder.at(self._base) as base, base.folder(PODS) as pods:
            if not self._privileges.mounts:
                remove(pods, self._uid)
                return
            for name, depth in _MOUNT_DEPTHS.items():
                with suppress(FileNotFoundError, NotADirectoryError), pods.folder(self._uid, name) as folder:
                    detach_entries(folder, depth)
            try:
                remove(pods, self._uid)
            except OSError as error:
                if error.errno not in {errno.EXDEV, errno.EBUSY}:
                    raise
                # Something that we have not mounted: a container that may has.
                with pods.folder(self._uid) as root:
                    detach_below(root)
                remove(pods, self._uid)

    def _made(self) -> Folder:
        with Folder.at(self._base) as base:
            return base.make_folders((PODS, self._uid), PRIVATE)

    def _opened(self) -> Folder:
        with Folder.at(self._base) as base:
            return base.folder(PODS, self._uid)

    def _content(self, root: Folder, volume: str) -> Folder:
        place = self._places.get(volume)
        if place is None:
            raise FileNotFoundError(f"the pod has no volume {volume!r}")
        if not place.names:
            return Folder.at(Path(place.host_path))
        with root.folder(*place.names) as folder:
            return folder.folder((atomicwriter.current(folder) if place.has_files else None) or ".")

    def _place(self, volume: str, container: str) -> Place:
        place = self._places.get(volume)
        if place is None:
            message = f'cannot find volume "{volume}" to mount into container "{container}"'
            raise MaterialMissing(message, reason=CONFIG_ERROR, container_name=container)
        return place


def _has(root: Folder, name: str, data: bytes) -> bool:
    try:
        with root.pin(name) as held:
            return read_regular(held, len(data)) == data
    except OSError:
        return False
