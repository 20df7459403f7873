"""The states a container goes through and what they make of the pod's phase: pure functions on statuses."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from vk_core.api.container import Container
from vk_core.api.meta import utc_now
from vk_core.api.pod import PodSpec
from vk_core.api.podstatus import (
    ContainerState,
    ContainerStateRunning,
    ContainerStateTerminated,
    ContainerStateWaiting,
    ContainerStatus,
)

KILLED = 137
"""Exit code of a process that was killed: 128 + SIGKILL."""

_CREATING = ContainerState(waiting=ContainerStateWaiting(reason="ContainerCreating"))
_INITIALIZING = ContainerState(waiting=ContainerStateWaiting(reason="PodInitializing"))
_BACK_OFF = ContainerState(waiting=ContainerStateWaiting(reason="CrashLoopBackOff"))


def is_sidecar(container: Container) -> bool:
    """Whether an init container keeps running beside the others (KEP-753)."""
    return container.restart_policy == "Always"


def has_run(status: ContainerStatus) -> bool:
    """Whether the container was started at least once."""
    return status.state.waiting is None or status.last_state.terminated is not None


def created(container: Container, *, initializing: bool = False) -> ContainerStatus:
    """A container that waits for its first start."""
    return ContainerStatus(
        name=container.name,
        image=container.image,
        state=_INITIALIZING if initializing else _CREATING,
        started=False,
    )


def started(container: Container, status: ContainerStatus, pod_uid: str) -> ContainerStatus:
    """The container runs, for the first time or again. There are no probes: what runs is ready."""
    restarts = status.restart_count + has_run(status)
    return ContainerStatus(
        name=container.name,
        image=container.image,
        image_id=container.image,
        container_id=f"mock://{pod_uid}/{container.name}/{restarts}",
        state=ContainerState(running=ContainerStateRunning(started_at=utc_now())),
        last_state=status.last_state,
        restart_count=restarts,
        ready=True,
        started=True,
        allocated_resources=container.resources.requests,
        resources=container.resources,
    )


def ended(status: ContainerStatus, exit_code: int) -> ContainerStatus:
    """The container has ended; one that never ran counts as killed, one that waited to run again as it ended last."""
    running = status.state.running
    if running is None and has_run(status):
        return status if status.state.terminated else replace(status, state=status.last_state)
    terminated = ContainerStateTerminated(
        exit_code=exit_code if running else KILLED,
        reason=("Error" if exit_code else "Completed") if running else "ContainerStatusUnknown",
        started_at=running.started_at if running else None,
        finished_at=utc_now(),
        container_id=status.container_id,
    )
    return replace(status, state=ContainerState(terminated=terminated), ready=False, started=False)


def restarting(status: ContainerStatus) -> ContainerStatus:
    """What has ended waits to be started again."""
    return replace(status, state=_BACK_OFF, last_state=status.state)


def is_backing_off(status: ContainerStatus) -> bool:
    """Whether the container waits because it ended, not because of its image."""
    return status.state is _BACK_OFF


def replaced(container: Container, status: ContainerStatus) -> ContainerStatus:
    """The container makes way for one with another image, as kubelet does whatever the restart policy."""
    if status.state.running:
        status = restarting(ended(status, 0))
    return replace(status, state=_CREATING, image=container.image)


def resized(container: Container, status: ContainerStatus) -> ContainerStatus:
    """The container has the resources that it asks for now (KEP-1287)."""
    if not status.state.running or status.resources == container.resources:
        return status
    return replace(status, allocated_resources=container.resources.requests, resources=container.resources)


def is_init_done(container: Container, status: ContainerStatus) -> bool:
    """Whether what comes after an init container may start: it has succeeded, or is a sidecar that was started."""
    return has_run(status) if is_sidecar(container) else _exit_code(status) == 0


def phase(spec: PodSpec, statuses: Mapping[str, ContainerStatus]) -> str:
    """The phase of a pod whose ended containers are terminated only if they do not start again."""
    inits = [_exit_code(statuses[container.name]) for container in spec.init_containers if not is_sidecar(container)]
    if any(inits):
        return "Failed"  # it would wait, not be terminated, if it were started again
    main = [statuses[container.name] for container in spec.containers]
    if not all(map(has_run, main)):
        return "Pending"  # even if others run, as with kubelet
    if any(status.state.terminated is None for status in main):
        return "Running"
    return "Failed" if any(map(_exit_code, main)) else "Succeeded"


def _exit_code(status: ContainerStatus) -> int | None:
    terminated = status.state.terminated
    return terminated.exit_code if terminated else None
