"""What the states of a pod's containers say about the pod as a whole: its phase, and whether it has ended."""

from __future__ import annotations

from collections.abc import Iterable

from vk_core.api.pod import Pod
from vk_core.api.podstatus import ContainerStatus, PodStatus

PENDING = "Pending"
RUNNING = "Running"
SUCCEEDED = "Succeeded"
FAILED = "Failed"
TERMINAL = frozenset({SUCCEEDED, FAILED})


def is_running(status: PodStatus) -> bool:
    """Whether any container runs, of whatever sort."""
    for statuses in (status.container_statuses, status.init_container_statuses, status.ephemeral_container_statuses):
        for container in statuses:
            if container.state.running is not None:
                return True
    return False


def has_started(status: PodStatus) -> bool:
    """Whether any container was ever started."""
    return any(
        container.container_id or container.state.running or container.state.terminated or container.restart_count
        for container in (*status.container_statuses, *status.init_container_statuses)
    )


def is_finished(status: PodStatus) -> bool:
    """Whether the pod has come to its end by itself: nothing will be started again."""
    return status.phase in TERMINAL


def has_stopped(status: PodStatus) -> bool:
    """Whether a pod that was asked to stop has done so: no container runs, and none will."""
    if is_running(status):
        return False
    statuses = status.container_statuses
    return is_finished(status) or (bool(statuses) and all(container.state.terminated for container in statuses))


def all_succeeded(statuses: Iterable[ContainerStatus]) -> bool:
    """Whether every container ended with exit code 0."""
    return all(container.state.terminated and container.state.terminated.exit_code == 0 for container in statuses)


def phase_of(pod: Pod, status: PodStatus) -> str:
    """The phase that follows from the containers' states, as kubelet computes it (`PodStatus.phase`)."""
    statuses = status.container_statuses
    sidecars = {container.name for container in pod.spec.init_containers if container.restart_policy == "Always"}
    init = [container for container in status.init_container_statuses if container.name not in sidecars]
    policy = pod.spec.restart_policy
    if any(_ended_badly(container) for container in init) and policy == "Never":
        return FAILED
    if not all_succeeded(init) or len(init) < len(pod.spec.init_containers) - len(sidecars):
        return PENDING
    if not statuses or len(statuses) < len(pod.spec.containers):
        return PENDING
    if not all(_was_started(container) for container in statuses):
        return PENDING
    if all(container.state.terminated for container in statuses):
        return _ended_phase(statuses, policy)
    return RUNNING  # also when some wait between two runs


def _was_started(container: ContainerStatus) -> bool:
    return bool(
        container.state.running
        or container.state.terminated
        or container.last_state.terminated
        or container.restart_count
    )


def _ended_phase(statuses: tuple[ContainerStatus, ...], policy: str) -> str:
    if policy == "Always":
        return RUNNING
    if all_succeeded(statuses):
        return SUCCEEDED
    return FAILED if policy == "Never" else RUNNING


def _ended_badly(container: ContainerStatus) -> bool:
    return container.state.terminated is not None and container.state.terminated.exit_code != 0
