"""Where things of a pod are below the folder of its node, with the names that a kubelet gives them. Pure."""

from __future__ import annotations

from typing import NamedTuple

from vk_core.errors import MaterialMissing
from vk_core.host.names import checked, failed_mount
from vk_core.provider.materials import (
    FILE_VOLUMES,
    EmptyDirVolume,
    FilesVolume,
    HostPathVolume,
    ImageVolume,
    OtherVolume,
    VolumeContent,
)

PODS = "pods"
VOLUMES = "volumes"
SUB_PATHS = "volume-subpaths"
CONTAINERS = "containers"
HOSTS = "etc-hosts"
RESOLV_CONF = "resolv.conf"

PRIVATE = 0o750
"""The permissions of folders that are not volumes."""

MOUNTABLE_KINDS = frozenset({*FILE_VOLUMES, "emptyDir", "hostPath"})
"""The kinds of volumes that can be laid out on this machine."""

_PLUGINS = {
    "configMap": "kubernetes.io~configmap",
    "secret": "kubernetes.io~secret",
    "downwardAPI": "kubernetes.io~downward-api",
    "projected": "kubernetes.io~projected",
    "emptyDir": "kubernetes.io~empty-dir",
}


class Place(NamedTuple):
    """Where a volume is.

    Attributes:
        kind: the name of its source in the API.
        names: the folders to it below that of the pod; empty for a path of the host.
        host_path: that path.
    """

    kind: str
    names: tuple[str, ...] = ()
    host_path: str = ""

    @property
    def has_files(self) -> bool:
        """Whether core makes what is in it."""
        return self.kind in FILE_VOLUMES


def place_of(volume: VolumeContent) -> Place:
    """Where a volume belongs.

    Raises:
        MaterialMissing: a volume of this kind cannot be made on this machine.
        InvalidInput: its name cannot be that of a folder.
    """
    name = checked(volume.name, "the volume")
    match volume:
        case HostPathVolume():
            return Place(volume.kind, host_path=volume.path)
        case FilesVolume() | EmptyDirVolume():
            return Place(volume.kind, names=(VOLUMES, _PLUGINS[volume.kind], name))
        case ImageVolume() | OtherVolume():
            raise not_mountable(name, volume.kind)


def not_mountable(name: str, kind: str) -> MaterialMissing:
    """That a volume is of a kind that cannot be had here."""
    return failed_mount(name, f"volumes of the kind {kind} cannot be mounted on this machine")
