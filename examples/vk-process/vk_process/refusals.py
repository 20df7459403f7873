"""What a pod may ask for that no process of this machine can be given: said at once and with the field's name."""

from __future__ import annotations

from collections.abc import Iterator

from vk_core.api.container import Container
from vk_core.api.pod import Pod
from vk_core.errors import InvalidInput
from vk_core.provider.termination import DEFAULT_TERMINATION_PATH
from vk_process.roots import is_below, normal


def refuse_what_is_not_here(pod: Pod) -> None:
    """Look whether a pod asks for such a thing.

    Raises:
        InvalidInput: it does; the message names the field.
    """
    spec = pod.spec
    for field, containers in (
        ("initContainers", spec.init_containers),
        ("containers", spec.containers),
        ("ephemeralContainers", spec.ephemeral_containers),
    ):
        for container in containers:
            for key, problem in _problems(container):
                raise InvalidInput(f"spec.{field}[{container.name}].{key}: {problem}")


def _problems(container: Container) -> Iterator[tuple[str, str]]:
    if not (container.command or container.args or container.stdin):
        yield "command", "required; images are not looked at, so there is no command to take from one"
    if container.volume_devices:
        yield "volumeDevices", "block devices are not supported by this provider"
    yield from _mount_problems(container)
    mounted = [mount.mount_path for mount in container.volume_mounts]
    if is_below(container.termination_message_path or DEFAULT_TERMINATION_PATH, mounted):
        yield "terminationMessagePath", "must not be in a volume; what is mounted are links"


def _mount_problems(container: Container) -> Iterator[tuple[str, str]]:
    seen: list[str] = []
    for mount in sorted(container.volume_mounts, key=lambda mount: normal(mount.mount_path)):
        key = f"volumeMounts[{mount.name}]"
        if normal(mount.mount_path) == "/":
            yield f"{key}.mountPath", "must not be /, which is the container's own folder"
        if is_below(mount.mount_path, seen):
            yield f"{key}.mountPath", f"{mount.mount_path} is in another mount; what is mounted are links"
        if mount.mount_propagation == "Bidirectional":
            yield f"{key}.mountPropagation", "Bidirectional is not supported by this provider; nothing is mounted"
        if mount.recursive_read_only == "Enabled":
            yield f"{key}.recursiveReadOnly", "Enabled is not supported by this provider; nothing is read-only to it"
        seen.append(mount.mount_path)
