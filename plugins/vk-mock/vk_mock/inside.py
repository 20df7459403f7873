"""What there is inside a container of the mock: its variables and files, resolved whenever somebody looks.

Nothing of it is kept, so that a pod nobody looks into costs nothing, and everybody sees it as it is at the moment.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from typing import NamedTuple

from vk_core.api.container import Container
from vk_core.api.pod import Pod
from vk_core.provider import Environment, FilesVolume, Materials, Mount, PodMaterials, VolumeContent, VolumeFile
from vk_core.provider.termination import DEFAULT_TERMINATION_PATH

_FOLDER_MODE = 0o755
_VOLUME_MODE = 0o777
_FILE_MODE = 0o644


class Entry(NamedTuple):
    """A file or a directory, with what `ls -l` says about it.

    Attributes:
        name: as it is listed.
        mode: its permission bits.
        owner: the number of its user.
        group: the number of its group.
        size: bytes in it; None for a directory.
    """

    name: str
    mode: int
    owner: int
    group: int
    size: int | None


async def check_materials(pod: Pod, materials: Materials) -> None:
    """Look whether all that the pod refers to is there; a pod that refers to nothing costs nothing.

    Raises:
        MaterialMissing: something is not there yet.
    """
    spec = pod.spec
    everyone = (*spec.init_containers, *spec.containers, *spec.ephemeral_containers)
    referring = [container for container in everyone if _refers(container)]
    if not (spec.volumes or referring):
        return
    found = materials.of(pod)
    if spec.volumes:
        await found.volumes(tokens=False)
    for container in referring:
        environment = await found.environment(container.name)
        if container.volume_mounts:
            found.mounts(container.name, environment)


def _refers(container: Container) -> bool:
    """Whether anything of a container can only be known by asking."""
    return bool(
        container.env_from
        or any(variable.value_from for variable in container.env)
        or any(mount.sub_path_expr for mount in container.volume_mounts)
    )


class Inside:
    """The inside of one container.

    Args:
        materials: of its pod.
        container: which one.
        address: the pod's address.
    """

    def __init__(self, materials: PodMaterials, container: Container, address: str) -> None:
        self._materials = materials
        self._container = container
        self._addresses = (address,)

    async def variables(self) -> Mapping[str, str]:
        """The environment of its process.

        Raises:
            MaterialMissing: something mandatory is gone.
        """
        hostname = self._materials.network_files(pod_ips=self._addresses).hostname
        return {"HOSTNAME": hostname, **await self._environment()}

    async def read(self, path: str) -> bytes:
        """The content of a file.

        Raises:
            FileNotFoundError: there is none.
            IsADirectoryError: it is a directory.
            MaterialMissing: the volume that it belongs to cannot be made any more.
        """
        path = self._absolute(path)
        tree = await self._look(path)
        if path in tree.files:
            return tree.files[path].data
        if path in tree.folders:
            raise IsADirectoryError
        raise FileNotFoundError

    async def entries(self, path: str) -> list[Entry]:
        """What is in a directory, sorted; for a file only that.

        Raises:
            FileNotFoundError: there is neither.
            MaterialMissing: a volume cannot be made any more.
        """
        absolute = self._absolute(path)
        tree = await self._look(absolute)
        if absolute in tree.files:
            return [tree.entry(absolute)._replace(name=path)]
        if absolute not in tree.folders:
            raise FileNotFoundError
        inside = [one for one in (*tree.files, *tree.folders) if posixpath.dirname(one) == absolute != one]
        return [tree.entry(one) for one in sorted(inside)]

    def _absolute(self, path: str) -> str:
        return normal(posixpath.join(self._container.working_dir, path))

    async def _environment(self) -> Environment:
        return await self._materials.environment(self._container.name, pod_ips=self._addresses)

    async def _look(self, path: str) -> Tree:
        """As much of the file system as concerns a path; volumes elsewhere are empty directories."""
        security = self._materials.pod.spec.security_context
        tree = Tree(security.fs_group if security else None)
        self._add_what_kubelet_makes(tree)
        mounts = await self._mounts()
        concerned = {mount.volume for mount in mounts if _concerns(mount, path, mounts)}
        volumes = await self._materials.volumes(concerned) if concerned else {}
        for mount in sorted(mounts, key=lambda mount: mount.path):
            tree.mount(mount, volumes.get(mount.volume))
        return tree

    def _add_what_kubelet_makes(self, tree: Tree) -> None:
        made = self._materials.network_files(pod_ips=self._addresses)
        tree.add_file("/etc/hostname", VolumeFile(f"{made.hostname}\n".encode(), _FILE_MODE))
        tree.add_file("/etc/hosts", VolumeFile((made.hosts or "").encode(), _FILE_MODE))
        tree.add_file("/etc/resolv.conf", VolumeFile(made.resolv_conf.encode(), _FILE_MODE))
        message_path = self._container.termination_message_path or DEFAULT_TERMINATION_PATH
        tree.add_file(normal(message_path), VolumeFile(b"", 0o666))

    async def _mounts(self) -> tuple[Mount, ...]:
        needs_variables = any(mount.sub_path_expr for mount in self._container.volume_mounts)
        environment = await self._environment() if needs_variables else Environment({})
        return tuple(
            Mount(volume=one.volume, path=normal(one.path), sub_path=one.sub_path)
            for one in self._materials.mounts(self._container.name, environment)
        )


class Tree:
    """A file system in memory.

    Args:
        group: whose volumes are (`fsGroup`); None leaves them to root.

    Attributes:
        files: by absolute path.
        folders: modes by absolute path.
    """

    def __init__(self, group: int | None) -> None:
        self._group = group
        self.files: dict[str, VolumeFile] = {}
        self.folders: dict[str, int] = {"/": _FOLDER_MODE}

    def add_file(self, path: str, file: VolumeFile) -> None:
        """Put a file there, in directories as needed."""
        self._add_parents(path)
        self.files[path] = file

    def add_folder(self, path: str, mode: int) -> None:
        """Put a directory there."""
        self._add_parents(path)
        self.folders[path] = mode

    def mount(self, mount: Mount, volume: VolumeContent | None) -> None:
        """Put a volume there, or the part of it that is asked for; it hides what was there."""
        for hidden in [path for path in (*self.files, *self.folders) if _covers(mount.path, path)]:
            self.files.pop(hidden, None)
            self.folders.pop(hidden, None)
        files = volume.files if isinstance(volume, FilesVolume) else {}
        if mount.sub_path in files:
            self.add_file(mount.path, files[mount.sub_path])
            return
        self.add_folder(mount.path, _VOLUME_MODE)
        prefix = f"{mount.sub_path}/" if mount.sub_path else ""
        for path, file in files.items():
            if path.startswith(prefix):
                self.add_file(posixpath.join(mount.path, path.removeprefix(prefix)), file)

    def entry(self, path: str) -> Entry:
        """What there is to say about a path that is there."""
        name = posixpath.basename(path)
        if path not in self.files:
            return Entry(name, self.folders[path], 0, 0, None)
        file = self.files[path]
        return Entry(name, file.mode, file.user_id or 0, self._group or 0, len(file.data))

    def _add_parents(self, path: str) -> None:
        while (path := posixpath.dirname(path)) not in self.folders:
            self.folders[path] = _FOLDER_MODE


def normal(path: str) -> str:
    """An absolute path without `.`, `..` and needless slashes."""
    return posixpath.normpath(f"/{path.lstrip('/')}")


def _covers(folder: str, path: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def _concerns(mount: Mount, path: str, mounts: tuple[Mount, ...]) -> bool:
    """Whether one has to know what is in a volume to say what is at the path and directly in it."""
    if mount.sub_path and posixpath.dirname(mount.path) == path:
        return True  # it may be a file
    covering = [one.path for one in mounts if _covers(one.path, path)]
    return bool(covering) and mount.path == max(covering, key=len)
