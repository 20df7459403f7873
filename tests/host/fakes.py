"""Materials of one pod that a test decides, and what it wants to know about folders."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

from vk_core.api.pod import Pod
from vk_core.errors import MaterialMissing
from vk_core.provider.materials import (
    Environment,
    FilesVolume,
    Mount,
    NetworkFiles,
    ReadVolumeFile,
    RegistryCredential,
    VolumeContent,
    VolumeFile,
)
from vk_core.testing import make_pod


class FakeMaterials:
    """Has the volumes that the test gave, until it gives others.

    What is in `missing` cannot be had; `meanwhile` is called once, when volumes were taken and are about to be given.
    """

    def __init__(self, *volumes: VolumeContent, pod: Pod | None = None, mounts: Sequence[Mount] = ()) -> None:
        self.pod = pod or make_pod()
        self.contents = {volume.name: volume for volume in volumes}
        self.missing: set[str] = set()
        self.wanted = tuple(mounts)
        self.hosts: str | None = "127.0.0.1 localhost\n"
        self.followers: list[Callable[[], None]] = []
        self.meanwhile: Callable[[], None] | None = None
        self.asked = 0

    async def environment(
        self, container_name: str, *, pod_ips: Sequence[str] = (), read_file: ReadVolumeFile | None = None
    ) -> Environment:
        return Environment({})

    def expand(self, texts: Sequence[str], environment: Environment) -> tuple[str, ...]:
        return tuple(texts)

    async def volumes(
        self, names: Collection[str] | None = None, *, tokens: bool = True
    ) -> Mapping[str, VolumeContent]:
        self.asked += 1
        found = {name: volume for name, volume in self.contents.items() if names is None or name in names}
        for name in self.missing & set(found):
            raise MaterialMissing(f'MountVolume.SetUp failed for volume "{name}" : not found', reason="FailedMount")
        if self.meanwhile is not None:
            meanwhile, self.meanwhile = self.meanwhile, None
            meanwhile()
        return found

    def mounts(self, container_name: str, environment: Environment) -> tuple[Mount, ...]:
        return self.wanted

    def network_files(self, *, pod_ips: Sequence[str] = ()) -> NetworkFiles:
        hosts = None if self.hosts is None else self.hosts + "".join(f"{address} web\n" for address in pod_ips)
        return NetworkFiles(hostname="web", domain="", hosts=hosts, resolv_conf="nameserver 10.0.0.10\n")

    async def registry_credentials(self, image: str) -> tuple[RegistryCredential, ...]:
        return ()

    def follow(self, changed: Callable[[], None]) -> None:
        self.followers.append(changed)

    def change(self, *volumes: VolumeContent) -> None:
        """Other contents from now on, and tell so."""
        self.contents |= {volume.name: volume for volume in volumes}
        for follower in self.followers:
            follower()


def files(
    volume: str,
    contents: Mapping[str, bytes],
    *,
    kind: str = "configMap",
    mode: int = 0o644,
    user_id: int | None = None,
) -> FilesVolume:
    """A volume with these files."""
    made = {path: VolumeFile(data, mode, user_id) for path, data in contents.items()}
    return FilesVolume(name=volume, kind=kind, files=made, in_memory=kind != "configMap")


def seen(folder: Path) -> dict[str, bytes]:
    """What a container reads in a volume: contents by path, through the links that it sees."""
    found: dict[str, bytes] = {}
    for at, _, names in os.walk(folder, followlinks=True):
        relative = Path(at).relative_to(folder)
        if relative.parts and relative.parts[0].startswith(".."):
            continue
        found |= {str(relative / name): (Path(at) / name).read_bytes() for name in names}
    return found


def listed(folder: Path) -> list[str]:
    """The names in a folder, sorted; none if it is not there."""
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def points_to(link: Path) -> str:
    """What a link says."""
    return str(link.readlink())


async def until(met: Callable[[], bool]) -> None:
    """Wait until something is so on the disk, of which nothing tells; with a deadline."""
    async with asyncio.timeout(10):
        while not met():  # noqa: ASYNC110 - a file has no event
            await asyncio.sleep(0.001)


def reads(path: Path, data: bytes) -> Callable[[], bool]:
    """Whether a file has this content, to wait for."""
    return lambda: path.exists() and path.read_bytes() == data


def shows(folder: Path, contents: Mapping[str, bytes]) -> Callable[[], bool]:
    """Whether a volume has this content, to wait for; files that change while we look are no answer yet."""

    def is_shown() -> bool:
        try:
            return seen(folder) == contents
        except FileNotFoundError:
            return False

    return is_shown
