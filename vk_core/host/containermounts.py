"""What to mount into a container: volumes as a whole, and parts of them that are made fast first."""

from __future__ import annotations

from pathlib import Path

from vk_core.host import atomicwriter
from vk_core.host.beneath import Folder, Held
from vk_core.host.hostpath import is_directory
from vk_core.host.layout import PRIVATE, SUB_PATHS, Place
from vk_core.host.names import checked, failed_sub_path, sub_path_parts, wording
from vk_core.host.results import HostMount
from vk_core.host.subpaths import find, find_or_make, show_by_link, show_by_mount, show_nothing
from vk_core.provider.materials import Mount


class ContainerMounts:
    """Prepares the mounts of one container.

    Args:
        root: the pod's folder, open.
        path: where that is.
        container: the container's name.
        mounts: whether this process may mount.
    """

    def __init__(self, root: Folder, path: Path, container: str, *, mounts: bool) -> None:
        self._root = root
        self._path = path
        self._container = checked(container, "the container")
        self._mounts = mounts

    def prepare(self, mount: Mount, place: Place, index: int) -> HostMount:
        """Make ready what a container mounts.

        Args:
            mount: what it wants.
            place: where that volume is.
            index: which of its mounts it is.

        Raises:
            MaterialMissing: the sub path cannot be had; its reason is `CreateContainerConfigError`.
        """
        try:
            parts = sub_path_parts(mount.sub_path)
            if not parts:
                return self._whole(mount, place)
            return (
                self._files_part(mount, place, parts, index)
                if place.has_files
                else self._part(mount, place, parts, index)
            )
        except (OSError, ValueError) as error:
            raise failed_sub_path(mount.volume, self._container, wording(error)) from error

    def _whole(self, mount: Mount, place: Place) -> HostMount:
        path = self._volume_path(place)
        return _host_mount(mount, place, path, folder=bool(place.names) or is_directory(path))

    def _part(self, mount: Mount, place: Place, parts: atomicwriter.Parts, index: int) -> HostMount:
        with self._volume(place) as volume, find_or_make(volume, parts) as found:
            path = self._volume_path(place).joinpath(*parts)
            if self._mounts:
                path = self._mount(mount, found, index)
            return _host_mount(mount, place, path, folder=found.is_folder)

    def _files_part(self, mount: Mount, place: Place, parts: atomicwriter.Parts, index: int) -> HostMount:
        if parts[0] == atomicwriter.DATA:  # the link that the volume itself consists of leads to what is there now
            parts = parts[1:] or (".",)
        with self._volume(place) as volume, volume.folder(atomicwriter.current(volume) or ".") as files:
            try:
                with find(files, parts) as found:
                    is_folder = found.is_folder
                    if self._mounts:
                        self._mount(mount, found, index)
            except FileNotFoundError:
                is_folder = True
                with self._fast_folder(mount) as fast:
                    show_nothing(volume, fast, str(index))
            else:
                if not self._mounts:
                    with self._fast_folder(mount) as fast:
                        show_by_link(files, parts, fast, str(index))
        return _host_mount(mount, place, self._fast_path(mount, index), folder=is_folder)

    def _mount(self, mount: Mount, found: Held, index: int) -> Path:
        with self._fast_folder(mount) as fast:
            show_by_mount(found, fast, str(index), mount.propagation)
        return self._fast_path(mount, index)

    def _fast_folder(self, mount: Mount) -> Folder:
        return self._root.make_folders((SUB_PATHS, mount.volume, self._container), PRIVATE)

    def _fast_path(self, mount: Mount, index: int) -> Path:
        return self._path / SUB_PATHS / mount.volume / self._container / str(index)

    def _volume(self, place: Place) -> Folder:
        return self._root.folder(*place.names) if place.names else Folder.at(Path(place.host_path))

    def _volume_path(self, place: Place) -> Path:
        return self._path.joinpath(*place.names) if place.names else Path(place.host_path)


def _host_mount(mount: Mount, place: Place, path: Path, *, folder: bool) -> HostMount:
    return HostMount(
        path=mount.path,
        host_path=path,
        is_directory=folder,
        read_only=mount.read_only or place.has_files,
        recursive_read_only=mount.recursive_read_only,
        propagation=mount.propagation,
        volume=mount.volume,
    )
