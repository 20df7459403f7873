"""What a container has mounted: volumes and images, `/etc/hosts` and its termination message, in this order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from vk_core.api.container import Container
from vk_core.api.pod import Pod
from vk_core.engine.configuration.errors import ConfigurationError
from vk_core.engine.specs import ContainerMount
from vk_core.host.results import HostMount
from vk_core.provider.materials import FILE_VOLUMES, Mount

HOSTS_PATH = "/etc/hosts"
RESOLV_CONF_PATH = "/etc/resolv.conf"

_RELABELLED_KINDS = FILE_VOLUMES | {"emptyDir"}


@dataclass(frozen=True, slots=True)
class ImageMount:
    """An image as a volume inside a container.

    Attributes:
        mount: where and what of it.
        image: the image as the runtime knows it.
    """

    mount: Mount
    image: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ContainerFiles:
    """Files of this machine that a container has beside its volumes.

    Attributes:
        hosts: for `/etc/hosts`; None while the pod has no address.
        resolv_conf: for `/etc/resolv.conf`; None where the runtime makes it of the sandbox's settings.
        termination_log: for its termination message path.
    """

    hosts: Path | None = None
    resolv_conf: Path | None = None
    termination_log: Path | None = None


def arranged(
    mounts: Sequence[Mount], on_host: Sequence[HostMount], images: Mapping[str, str]
) -> tuple[HostMount | ImageMount, ...]:
    """Puts mounts of images and of this machine in the order of the specification.

    Args:
        mounts: what the container wants (`PodMaterials.mounts`).
        on_host: the same for all volumes but images, in the same order.
        images: the images of image volumes, as the runtime knows them, by the volume's name.
    """
    rest = iter(on_host)
    return tuple(ImageMount(mount, images[mount.volume]) if mount.volume in images else next(rest) for mount in mounts)


def container_mounts(
    pod: Pod,
    container: Container,
    mounts: Sequence[HostMount | ImageMount],
    files: ContainerFiles,
    *,
    recursive_read_only: bool,
    selinux: bool,
) -> tuple[ContainerMount, ...]:
    """Returns all mounts of a container; a volume at the path of one of our files wins.

    Args:
        pod: its pod.
        container: the container.
        mounts: its volumes.
        files: what it has beside them.
        recursive_read_only: whether the runtime can make everything below a mount read-only.
        selinux: whether volumes and files that are ours are labelled for the container.

    Raises:
        ConfigurationError: recursive read-only is demanded and the runtime cannot do it.
    """
    relabelled = {volume.name for volume in pod.spec.volumes if selinux and volume.kind in _RELABELLED_KINDS}
    made = [_volume(container, mount, recursive_read_only, relabelled) for mount in mounts]
    taken = {mount.container_path for mount in made}
    path = container.termination_message_path
    for target, source in (
        (HOSTS_PATH, None if HOSTS_PATH in taken else files.hosts),
        (RESOLV_CONF_PATH, None if RESOLV_CONF_PATH in taken else files.resolv_conf),
        (path if path.startswith("/") else f"/{path}", files.termination_log if path else None),
    ):
        if source is not None:
            made.append(ContainerMount(container_path=target, host_path=source, selinux_relabel=selinux))
    return tuple(made)


def _volume(
    container: Container, mount: HostMount | ImageMount, can_recurse: bool, relabelled: set[str]
) -> ContainerMount:
    if isinstance(mount, ImageMount):
        wanted = mount.mount
        return ContainerMount(
            container_path=wanted.path,
            image=mount.image,
            image_sub_path=wanted.sub_path,
            read_only=True,
            recursive_read_only=_recursive(container, wanted.volume, wanted.recursive_read_only, can_recurse),
            propagation=wanted.propagation,
        )
    return ContainerMount(
        container_path=mount.path,
        host_path=mount.host_path,
        read_only=mount.read_only,
        recursive_read_only=_recursive(container, mount.volume, mount.recursive_read_only, can_recurse),
        selinux_relabel=mount.volume in relabelled,
        propagation=mount.propagation,
    )


def _recursive(container: Container, volume: str, mode: str, can_recurse: bool) -> bool:
    if mode == "Enabled" and not can_recurse:
        why = f'volume "{volume}" requested recursive read-only mode, but it is not supported by the runtime'
        text = f"failed to resolve recursive read-only mode: {why}"
        raise ConfigurationError(text, container_name=container.name)
    return mode != "Disabled" and can_recurse
