"""What the containers of one pod find when they start: variables, volumes, and the files that a kubelet makes."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from vk_core.api.container import Container
from vk_core.host import PodVolumes
from vk_core.provider import FILE_VOLUMES, Environment, PodMaterials
from vk_core.provider.termination import DEFAULT_TERMINATION_PATH
from vk_process.roots import make_root

_FROM_HERE = ("PATH", "HOME", "LANG", "TZ", "TMPDIR")
"""What processes get of virtual-kubelet's own environment; the rest may hold secrets."""

_SHELL = ("/bin/sh",)


@dataclass(frozen=True, slots=True, repr=False)
class Prepared:
    """What one run of a container starts with.

    Attributes:
        command: the command line; a container that takes input and names no command gets a shell.
        environment: the variables of its process, and of commands that are run beside it.
        root: the folder that stands for its root.
        directory: where its process begins.
    """

    command: tuple[str, ...]
    environment: Mapping[str, str]
    root: Path
    directory: str


class Surroundings:
    """The surroundings of one pod's containers.

    Args:
        materials: of the pod.
        volumes: of the pod, on this machine.
        addresses: the pod's.
    """

    def __init__(self, materials: PodMaterials, volumes: PodVolumes, addresses: Sequence[str]) -> None:
        self.volumes = volumes
        self._materials = materials
        self._addresses = addresses
        self._changed = asyncio.Event()
        volumes.follow(self._tell)

    @property
    def next_change(self) -> asyncio.Event:
        """Set when something that the pod refers to has changed; ask for it before looking, then nothing is missed."""
        return self._changed

    async def prepare(self, container: Container) -> Prepared:
        """Everything for a start, as it is now.

        Raises:
            MaterialMissing: something that the container refers to is not there.
            Unavailable: its folder cannot be made.
        """
        name = container.name
        environment = await self._materials.environment(name, pod_ips=self._addresses, read_file=self.volumes.read_file)
        mounts = await self.volumes.mounts(name, environment)
        network = await self.volumes.network_files(self._addresses)
        files = {"/etc/resolv.conf": network.resolv_conf} | ({"/etc/hosts": network.hosts} if network.hosts else {})
        root = await self.volumes.container_folder(name) / "root"
        await asyncio.to_thread(
            make_root,
            root,
            mounts,
            copied=self._copied(name, environment),
            files=files,
            message_path=container.termination_message_path or DEFAULT_TERMINATION_PATH,
        )
        inherited = {name: os.environ[name] for name in _FROM_HERE if name in os.environ}
        terminal = {"TERM": "xterm"} if container.tty else {}
        return Prepared(
            command=self._materials.expand((*container.command, *container.args), environment) or _SHELL,
            environment={
                **inherited,
                "HOSTNAME": network.hostname,
                "CONTAINER_ROOT": str(root),
                **terminal,
                **environment,
            },
            root=root,
            directory=container.working_dir or str(root),
        )

    def _copied(self, container_name: str, environment: Environment) -> set[str]:
        """Where only a part of a volume is mounted that core makes: a mount would not follow its changes either."""
        made = {volume.name for volume in self._materials.pod.spec.volumes if volume.kind in FILE_VOLUMES}
        mounts = self._materials.mounts(container_name, environment)
        return {mount.path for mount in mounts if mount.sub_path and mount.volume in made}

    def _tell(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
