"""Makes the volumes of one pod inside its folder, each according to its kind, and writes what has changed in them."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from typing import NamedTuple

from vk_core.api.pod import Pod
from vk_core.host import atomicwriter
from vk_core.host.beneath import Folder
from vk_core.host.hostpath import checked_host_path
from vk_core.host.layout import PRIVATE, Place, not_mountable
from vk_core.host.names import failed_mount, wording
from vk_core.host.ownership import Ownership, Privileges
from vk_core.host.sizes import huge_page_size, memory_size
from vk_core.host.volumefolders import MountFolder, huge_pages, make_shared_folder, open_files_folder, tmpfs
from vk_core.provider.materials import EmptyDirVolume, FilesVolume, HostPathVolume, VolumeContent, VolumeFile

KEPT_SECONDS = 1.0
"""How long contents stay after others have taken their place, for those who were about to open them."""


class _Written(NamedTuple):
    digest: bytes
    generation: str | None


class VolumeWriter:
    """Makes and writes volumes.

    Args:
        pod: whose volumes they are.
        privileges: what this process may do.
    """

    def __init__(self, pod: Pod, privileges: Privileges) -> None:
        security = pod.spec.security_context
        fs_group = None if security is None else security.fs_group
        self._ownership = Ownership(privileges.group_for(fs_group), privileges.owners)
        self._mounts = privileges.mounts
        self._written: dict[str, _Written] = {}
        self._former: dict[str, dict[str, float]] = {}

    def make(self, root: Folder, volume: VolumeContent, place: Place, pod: Pod) -> bool:
        """Make a volume below the pod's folder as it shall be; what is there from before is taken over.

        Returns:
            Whether older contents have been left for those who read them just now.

        Raises:
            MaterialMissing: it cannot be made.
        """
        try:
            match volume:
                case FilesVolume():
                    return self.write(root, volume, place)
                case EmptyDirVolume():
                    self._make_empty(root, volume, place, pod)
                case HostPathVolume():
                    checked_host_path(volume.path, volume.type)
                case _:
                    raise not_mountable(volume.name, volume.kind)
        except (OSError, ValueError) as error:
            raise failed_mount(volume.name, wording(error)) from error
        return False

    def write(self, root: Folder, volume: FilesVolume, place: Place) -> bool:
        """Write a volume if its content is not what is there; see `make`.

        Raises:
            OSError: it cannot be written; it is as it was.
            ValueError: the path of a file is not allowed.
        """
        digest = _digest(volume.files)
        mount = tmpfs(self._ownership, shared=False) if self._mounts and volume.in_memory else None
        with (
            root.make_folders(place.names[:-1], PRIVATE) as parent,
            open_files_folder(parent, place.names[-1], self._ownership, mount) as folder,
        ):
            before = atomicwriter.current(folder)
            known = self._written.get(volume.name)
            if known is not None and known == _Written(digest, before):
                return False
            changed = atomicwriter.write(folder, atomicwriter.arrange(volume.files), self._ownership)
            self._written[volume.name] = _Written(digest, atomicwriter.current(folder))
            if changed and before is not None:
                self._former.setdefault(volume.name, {})[before] = time.monotonic()
            return self._purge(folder, volume.name)

    def purge(self, root: Folder, name: str, place: Place) -> bool:
        """Remove contents of a volume that have not been current for `KEPT_SECONDS`.

        Returns:
            Whether there are some left.

        Raises:
            OSError: something cannot be removed.
        """
        if name not in self._former:
            return False
        with root.folder(*place.names) as folder:
            return self._purge(folder, name)

    def _purge(self, folder: Folder, name: str) -> bool:
        horizon = time.monotonic() - KEPT_SECONDS
        kept = {former: since for former, since in self._former.pop(name, {}).items() if since > horizon}
        if kept:
            self._former[name] = kept
        atomicwriter.purge(folder, keep=kept)
        return bool(kept)

    def _make_empty(self, root: Folder, volume: EmptyDirVolume, place: Place, pod: Pod) -> None:
        mount: MountFolder | None = None
        if volume.huge_page_bytes:
            if not self._mounts:
                raise ValueError("huge pages can only be had where this process may mount (root, CAP_SYS_ADMIN)")
            page_bytes = huge_page_size(volume, pod)
            mount = huge_pages(self._ownership, page_bytes=page_bytes, size_bytes=volume.size_limit_bytes)
        elif volume.in_memory and self._mounts:
            mount = tmpfs(self._ownership, shared=True, size_bytes=memory_size(volume, pod))
        with root.make_folders(place.names[:-1], PRIVATE) as parent:
            make_shared_folder(parent, place.names[-1], self._ownership, mount)


def _digest(files: Mapping[str, VolumeFile]) -> bytes:
    digest = hashlib.blake2b(digest_size=16)
    for path, file in sorted(files.items()):
        head = f"{len(path)} {path} {file.mode} {file.user_id} {len(file.data)} "
        digest.update(head.encode("utf-8", errors="surrogatepass"))
        digest.update(file.data)
    return digest.digest()
