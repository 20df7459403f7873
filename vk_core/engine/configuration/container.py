"""The configuration of a container."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from vk_core.api.container import Container
from vk_core.api.pod import Pod
from vk_core.engine.configuration.errors import ConfigurationError
from vk_core.engine.configuration.host import Host
from vk_core.engine.configuration.labels import container_annotations, container_labels
from vk_core.engine.configuration.mounts import ContainerFiles, ImageMount, container_mounts
from vk_core.engine.configuration.namespaces import container_namespaces
from vk_core.engine.configuration.paths import log_path
from vk_core.engine.configuration.refusals import unsupported_in
from vk_core.engine.configuration.resources import container_resources
from vk_core.engine.configuration.security import container_security
from vk_core.engine.configuration.signals import stop_signal
from vk_core.engine.runtime import Image
from vk_core.engine.specs import ContainerConfig, SandboxConfig
from vk_core.host.results import HostMount


def container_config(
    pod: Pod,
    container: Container,
    *,
    host: Host,
    sandbox: SandboxConfig,
    owner: str,
    image: Image,
    attempt: int,
    environment: Mapping[str, str],
    command: Sequence[str],
    args: Sequence[str],
    mounts: Sequence[HostMount | ImageMount],
    files: ContainerFiles,
    target_id: str = "",
    groups: tuple[int, ...] = (),
) -> ContainerConfig:
    """Returns the configuration of a container.

    Args:
        pod: its pod.
        container: one of the pod's containers, of whatever kind.
        host: where it runs.
        sandbox: the configuration of its sandbox.
        owner: the owner mark of this node.
        image: what it runs.
        attempt: how often it was started before.
        environment: its variables (`PodMaterials.environment`).
        command: its command with variables in place (`PodMaterials.expand`).
        args: the same for its arguments.
        mounts: its volumes, in order (`mounts.arranged`).
        files: what it has mounted beside them.
        target_id: the runtime's ID of the container that it debugs, if it names one and that one is there.
        groups: further groups that the pod's volumes ask for.

    Raises:
        ConfigurationError: it asks for what makes no sense or cannot be had here, with kubelet's words.
    """
    for field, why in unsupported_in(container):
        raise ConfigurationError(f"{field}: {why}", container_name=container.name)
    namespaces = container_namespaces(sandbox.namespaces, container, target_id)
    return ContainerConfig(
        name=container.name,
        attempt=attempt,
        image_id=image.id,
        image=container.image,
        command=tuple(command),
        args=tuple(args),
        working_dir=container.working_dir,
        environment=environment,
        mounts=container_mounts(
            pod,
            container,
            mounts,
            files,
            recursive_read_only=host.features(sandbox.runtime_handler).recursive_read_only,
            selinux=host.machine.has_selinux,
        ),
        labels=container_labels(pod, container, owner),
        annotations=container_annotations(pod, container, attempt),
        log_path=log_path(container.name, attempt),
        stdin=container.stdin,
        stdin_once=container.stdin_once,
        tty=container.tty,
        stop_signal=stop_signal(container),
        resources=container_resources(pod, container, host),
        security=container_security(pod, container, host=host, image=image, namespaces=namespaces, groups=groups),
    )
