"""What is wrong with a pod's status, whatever provider it comes from: rules of core/v1 that no provider may break."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Sequence

from vk_core.api.container import Container
from vk_core.api.pod import Pod
from vk_core.api.podstatus import ContainerStatus, PodStatus

_PHASES = ("Pending", "Running", "Succeeded", "Failed", "Unknown")
_LARGEST_EXIT_CODE = 255


def all_statuses(status: PodStatus) -> tuple[ContainerStatus, ...]:
    """The statuses of all containers, init and ephemeral ones too."""
    return (*status.init_container_statuses, *status.container_statuses, *status.ephemeral_container_statuses)


def is_running(status: PodStatus) -> bool:
    """Whether any container runs."""
    return any(container.state.running for container in all_statuses(status))


def all_run(status: PodStatus) -> bool:
    """Whether the pod is Running with every one of its containers."""
    containers = status.container_statuses
    return status.phase == "Running" and bool(containers) and all(container.state.running for container in containers)


def all_terminated(status: PodStatus) -> bool:
    """Whether every container has ended."""
    return all(container.state.terminated for container in all_statuses(status))


def describe(status: PodStatus) -> str:
    """A status in a few words, for messages."""
    states = ", ".join(f"{container.name} {_state(container)}" for container in all_statuses(status))
    return f"phase {status.phase or 'missing'}, containers: {states or 'none'}"


def _state(container: ContainerStatus) -> str:
    state = container.state
    if state.terminated:
        return f"terminated ({state.terminated.exit_code})"
    if state.waiting:
        return f"waiting ({state.waiting.reason})"
    return "running" if state.running else "without a state"


def status_problems(pod: Pod, status: PodStatus) -> list[str]:
    """One line for everything in `status` that cannot be said about `pod`; empty if it is valid."""
    return list(_problems(pod, status))


def _problems(pod: Pod, status: PodStatus) -> Iterator[str]:
    if status.phase not in _PHASES:
        yield f"phase is {status.phase!r}, expected one of {', '.join(_PHASES)}"
    spec = pod.spec
    yield from _name_problems("containerStatuses", spec.containers, status.container_statuses)
    yield from _name_problems("initContainerStatuses", spec.init_containers, status.init_container_statuses)
    yield from _name_problems(
        "ephemeralContainerStatuses", spec.ephemeral_containers, status.ephemeral_container_statuses
    )
    for container in all_statuses(status):
        yield from (f"container {container.name}: {problem}" for problem in _container_problems(container))
    yield from _phase_problems(status)
    for address in (status.pod_ip, *(pod_ip.ip for pod_ip in status.pod_ips)):
        if address and not _is_address(address):
            yield f"{address!r} is not an IP address"


def _name_problems(field: str, expected: Sequence[Container], statuses: Sequence[ContainerStatus]) -> Iterator[str]:
    known = {container.name for container in expected}
    names = [container.name for container in statuses]
    if unknown := sorted(set(names) - known):
        yield f"{field} has {', '.join(unknown)}, which the pod's spec does not have"
    if len(set(names)) < len(names):
        yield f"{field} has a container twice: {', '.join(names)}"


def _container_problems(container: ContainerStatus) -> Iterator[str]:
    state = container.state
    states = [name for name in ("waiting", "running", "terminated") if getattr(state, name) is not None]
    if len(states) != 1:
        yield f"expected exactly one of waiting, running and terminated, got {' and '.join(states) or 'none'}"
    if container.restart_count < 0:
        yield f"restartCount is {container.restart_count}"
    for terminated in (state.terminated, container.last_state.terminated):
        if terminated is None:
            continue
        if not 0 <= terminated.exit_code <= _LARGEST_EXIT_CODE:
            yield f"exitCode is {terminated.exit_code}, expected 0 to {_LARGEST_EXIT_CODE}"
        if terminated.started_at and terminated.finished_at and terminated.started_at > terminated.finished_at:
            yield f"finishedAt {terminated.finished_at} is before startedAt {terminated.started_at}"
    if container.last_state.running:
        yield "lastState is running, expected how the container ended before"


def _phase_problems(status: PodStatus) -> Iterator[str]:
    containers = status.container_statuses
    running = [container.name for container in containers if container.state.running]
    if status.phase in ("Succeeded", "Failed") and running:
        yield f"phase is {status.phase}, but {', '.join(running)} is running"
    if status.phase == "Succeeded" and any(_failed(container) for container in containers):
        yield "phase is Succeeded, but a container has failed"
    if status.phase == "Pending" and running:
        yield f"phase is Pending, but {', '.join(running)} is running"
    if status.phase == "Running" and not any(_has_run(containers)):
        yield "phase is Running, but no container has been started"


def _has_run(containers: Iterable[ContainerStatus]) -> Iterator[bool]:
    for container in containers:
        yield container.state.waiting is None or container.last_state.terminated is not None


def _failed(container: ContainerStatus) -> bool:
    return container.state.terminated is not None and container.state.terminated.exit_code != 0


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
