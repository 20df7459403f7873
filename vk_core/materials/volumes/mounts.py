"""Where a container has its volumes: the mounts of its specification with variables expanded, as plain data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from vk_core.api.container import Container, VolumeMount
from vk_core.api.expansion import expand, references
from vk_core.api.volumes import Volume
from vk_core.materials.volumes.paths import clean_sub_path
from vk_core.provider.materials import FILE_VOLUMES, Mount

_PROPAGATIONS = ("None", "HostToContainer", "Bidirectional")
_RECURSIVE = ("Disabled", "IfPossible", "Enabled")
_NEVER_WRITTEN = FILE_VOLUMES | {"image"}


def mounts_of(
    container: Container, variables: Mapping[str, str], *, volumes: Iterable[Volume] = ()
) -> tuple[Mount, ...]:
    """Returns the mounts of a container in the order of its specification.

    Args:
        container: an init, app or ephemeral container.
        variables: its environment, for `subPathExpr`.
        volumes: those of the pod; mounts of those that nobody may write to (files that core makes, images, sources
            with `readOnly`) are read-only whatever the container says, as kubelet has them.

    Raises:
        ValueError: `subPathExpr` refers to a variable that is not there or empty, a sub path leaves the volume, or
            modes contradict each other.
    """
    never_written = {volume.name for volume in volumes if _is_never_written(volume)}
    return tuple(_mount(mount, variables, mount.name in never_written) for mount in container.volume_mounts)


def _is_never_written(volume: Volume) -> bool:
    kind = volume.kind
    if kind in _NEVER_WRITTEN:
        return True
    source = volume.persistent_volume_claim or volume.csi or volume.nfs or volume.azure_file or volume.azure_disk
    return bool(source is not None and source.read_only)


def _mount(mount: VolumeMount, variables: Mapping[str, str], never_written: bool) -> Mount:
    sub_path = _expanded(mount.sub_path_expr, variables) if mount.sub_path_expr else mount.sub_path
    propagation = mount.mount_propagation or "None"
    if propagation not in _PROPAGATIONS:
        raise ValueError(f'invalid MountPropagation mode: "{propagation}"')
    return Mount(
        volume=mount.name,
        path=mount.mount_path if mount.mount_path.startswith("/") else f"/{mount.mount_path}",
        sub_path=clean_sub_path(sub_path),
        read_only=mount.read_only or never_written,
        recursive_read_only=_recursive(mount, propagation),
        propagation=propagation,
    )


def _expanded(text: str, variables: Mapping[str, str]) -> str:
    missing = sorted({name for name in references(text) if not variables.get(name)})
    if missing:
        raise ValueError(f"missing value for {', '.join(missing)}")
    return expand(text, variables)


def _recursive(mount: VolumeMount, propagation: str) -> str:
    """Recursive read-only (KEP-3857) is for mounts that are read-only themselves and hand nothing on."""
    mode = mount.recursive_read_only or "Disabled"
    if mode not in _RECURSIVE:
        raise ValueError(f'unknown recursive read-only mode "{mode}"')
    if mode != "Disabled" and not mount.read_only:
        raise ValueError(f'volume "{mount.name}" requested recursive read-only mode, but it is not read-only')
    if mode != "Disabled" and propagation != "None":
        raise ValueError(
            f'volume "{mount.name}" requested recursive read-only mode, '
            f'but it is not compatible with propagation "{propagation}"'
        )
    return mode
