"""What a pod shares with its host, its containers with each other, and which IDs of the host its users have.

Sources: `hostNetwork`, `hostPID`, `hostIPC`, `shareProcessNamespace`, `hostUsers` (KEP-127), `targetContainerName`.
"""

from __future__ import annotations

from collections.abc import Collection

from vk_core.api.container import Container, EphemeralContainer
from vk_core.api.pod import Pod
from vk_core.engine.configuration.errors import ConfigurationError
from vk_core.engine.configuration.host import Host
from vk_core.engine.specs import Namespaces

UserMapping = tuple[int, int, int]
"""First ID on the host, first ID in the pod, and how many."""

IDS_OF_A_POD = 65_536

_HIGHEST_ID = 2**32 - 1


def sandbox_namespaces(pod: Pod, host: Host, runtime_handler: str, mapping: UserMapping | None) -> Namespaces:
    """Returns the namespaces of a sandbox.

    Args:
        pod: the pod.
        host: where it runs.
        runtime_handler: by its runtime class.
        mapping: which IDs were chosen for it (`choose_user_mapping`), if it has users of its own.

    Raises:
        ConfigurationError: it shall have users of its own, and the runtime cannot do that or none were chosen.
    """
    spec = pod.spec
    return Namespaces(
        network="NODE" if spec.host_network else "POD",
        pid="NODE" if spec.host_pid else "POD" if spec.share_process_namespace else "CONTAINER",
        ipc="NODE" if spec.host_ipc else "POD",
        user_mapping=_checked(host, runtime_handler, mapping) if has_own_users(pod) else None,
    )


def container_namespaces(sandbox: Namespaces, container: Container, target_id: str) -> Namespaces:
    """Returns the namespaces of a container: the sandbox's, or processes of the one that it debugs.

    Args:
        sandbox: those of the sandbox.
        container: the container.
        target_id: the runtime's ID of the container that it debugs, if it names one.

    Raises:
        ConfigurationError: the one that it debugs is not there.
    """
    target = container.target_container_name if isinstance(container, EphemeralContainer) else ""
    if target and not target_id:
        raise ConfigurationError(f"unable to find target container {target}", container_name=container.name)
    is_target = bool(target) and sandbox.pid == "CONTAINER"
    return Namespaces(
        network=sandbox.network,
        pid="TARGET" if is_target else sandbox.pid,
        ipc=sandbox.ipc,
        target_id=target_id if is_target else "",
        user_mapping=sandbox.user_mapping,
    )


def has_own_users(pod: Pod) -> bool:
    """Whether the users of a pod are none of the host's."""
    return pod.spec.host_users is False


def choose_user_mapping(
    taken: Collection[UserMapping], *, first_id: int = IDS_OF_A_POD, count: int = IDS_OF_A_POD
) -> UserMapping:
    """Returns IDs of the host that no other pod has, root among them.

    Args:
        taken: what other pods have (`parse_user_mapping` of their sandboxes' annotations).
        first_id: from where on IDs are for pods.
        count: how many a pod has.

    Raises:
        ConfigurationError: all are taken.
    """
    for start in range(first_id, _HIGHEST_ID - count + 1, count):
        if not any(start < other + length and other < start + count for other, _, length in taken):
            return (start, 0, count)
    raise ConfigurationError("could not find an empty slot to allocate a user namespace")


def format_user_mapping(mapping: UserMapping) -> str:
    """The text of the annotation `USER_MAPPING`."""
    return f"{mapping[0]}:{mapping[2]}"


def parse_user_mapping(text: str) -> UserMapping | None:
    """What an annotation says; None for something else."""
    first, _, count = text.partition(":")
    if not all(part.isascii() and part.isdigit() and len(part) <= len(str(_HIGHEST_ID)) for part in (first, count)):
        return None
    return (int(first), 0, int(count))


def _checked(host: Host, runtime_handler: str, mapping: UserMapping | None) -> UserMapping:
    if not host.features(runtime_handler).user_namespaces:
        what = f'RuntimeClass handler "{runtime_handler}"' if runtime_handler else "runtime"
        raise ConfigurationError(f"can't set `spec.hostUsers: false`, {what} does not support user namespaces")
    if mapping is None:
        raise ValueError("a pod with spec.hostUsers: false needs a user mapping (choose_user_mapping)")
    return mapping
