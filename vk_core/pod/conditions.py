"""The conditions of a pod that kubelet keeps, computed from the states of its containers (`status.conditions`)."""

from __future__ import annotations

from msgspec.structs import replace

from vk_core.api.meta import Time
from vk_core.api.pod import Pod
from vk_core.api.podstatus import ContainerStatus, PodCondition, PodStatus
from vk_core.pod.phase import SUCCEEDED, TERMINAL
from vk_core.pod.reasons import BEFORE_THE_START

INITIALIZED = "Initialized"
READY = "Ready"
CONTAINERS_READY = "ContainersReady"
SANDBOX_READY = "PodReadyToStartContainers"
SCHEDULED = "PodScheduled"
KEPT = frozenset({INITIALIZED, READY, CONTAINERS_READY, SANDBOX_READY, SCHEDULED})
"""Types that this node writes; all others belong to whoever set them."""


def conditions_of(pod: Pod, status: PodStatus, known: PodStatus, now: Time) -> tuple[PodCondition, ...]:
    """All conditions that the node reports, those of the provider included.

    Args:
        pod: the pod.
        status: its status with phase and container statuses complete; conditions in it are the provider's and win.
        known: what the API server has, for times that must not change and for readiness gates.
        now: the time of conditions that change.
    """
    before = {condition.type: condition for condition in known.conditions}
    given = {condition.type: condition for condition in status.conditions}
    containers_ready = given.get(CONTAINERS_READY) or _containers_ready(pod, status)
    computed = (
        given.pop(SANDBOX_READY, None) or _sandbox_ready(status),
        given.pop(INITIALIZED, None) or _initialized(pod, status),
        given.pop(READY, None) or _ready(pod, containers_ready, before),
        containers_ready,
        given.pop(SCHEDULED, None) or before.get(SCHEDULED) or PodCondition(type=SCHEDULED, status="True"),
    )
    given.pop(CONTAINERS_READY, None)
    generation = pod.metadata.generation
    return tuple(_dated(condition, before, generation, now) for condition in (*computed, *given.values()))


def _dated(condition: PodCondition, before: dict[str, PodCondition], generation: int, now: Time) -> PodCondition:
    """Dates a condition: by its last real change, not by its last report."""
    old = before.get(condition.type)
    if old is not None and old.status == condition.status and old.last_transition_time is not None:
        since = old.last_transition_time
    else:
        since = condition.last_transition_time or now
    return replace(condition, last_transition_time=since, observed_generation=generation)


def _sandbox_ready(status: PodStatus) -> PodCondition:
    """A container can only be held up by something of its own once the pod is there to start it in."""
    has_address = bool(status.pod_ip or status.pod_ips)
    alive = status.phase not in TERMINAL and any(
        container.state.running
        or container.state.terminated
        or container.restart_count
        or (has_address and _is_held_up(container))
        for container in (*status.init_container_statuses, *status.container_statuses)
    )
    return PodCondition(type=SANDBOX_READY, status="True" if alive else "False")


def _is_held_up(container: ContainerStatus) -> bool:
    waiting = container.state.waiting
    return waiting is not None and waiting.reason not in BEFORE_THE_START


def _initialized(pod: Pod, status: PodStatus) -> PodCondition:
    if status.phase == SUCCEEDED:
        return PodCondition(type=INITIALIZED, status="True", reason="PodCompleted")
    sidecars = {container.name for container in pod.spec.init_containers if container.restart_policy == "Always"}
    missing = [
        container.name
        for container in status.init_container_statuses
        if not (container.started if container.name in sidecars else _done(container))
    ]
    if not missing or any(_has_run(container) for container in status.container_statuses):
        # What was initialized once remains so, even if a sidecar has to be started again.
        return PodCondition(type=INITIALIZED, status="True")
    names = " ".join(missing)
    return PodCondition(
        type=INITIALIZED,
        status="False",
        reason="ContainersNotInitialized",
        message=f"containers with incomplete status: [{names}]",
    )


def _has_run(container: ContainerStatus) -> bool:
    state = container.state
    return bool(state.running or state.terminated or container.last_state.terminated)


def _done(container: ContainerStatus) -> bool:
    return container.state.terminated is not None and container.state.terminated.exit_code == 0


def _containers_ready(pod: Pod, status: PodStatus) -> PodCondition:
    if status.phase in TERMINAL:
        reason = "PodCompleted" if status.phase == SUCCEEDED else "PodFailed"
        return PodCondition(type=CONTAINERS_READY, status="False", reason=reason)
    sidecars = {container.name for container in pod.spec.init_containers if container.restart_policy == "Always"}
    counted = [
        *(container for container in status.init_container_statuses if container.name in sidecars),
        *status.container_statuses,
    ]
    unready = [container.name for container in counted if not container.ready]
    if not unready:
        return PodCondition(type=CONTAINERS_READY, status="True")
    names = " ".join(unready)
    return PodCondition(
        type=CONTAINERS_READY,
        status="False",
        reason="ContainersNotReady",
        message=f"containers with unready status: [{names}]",
    )


def _ready(pod: Pod, containers_ready: PodCondition, before: dict[str, PodCondition]) -> PodCondition:
    if containers_ready.status != "True":
        return replace(containers_ready, type=READY)
    for gate in pod.spec.readiness_gates:
        condition = before.get(gate.condition_type)
        if condition is None:
            problem = f'corresponding condition of pod readiness gate "{gate.condition_type}" does not exist.'
        elif condition.status != "True":
            problem = f'the status of pod readiness gate "{gate.condition_type}" is not "True", but {condition.status}'
        else:
            continue
        return PodCondition(type=READY, status="False", reason="ReadinessGatesNotReady", message=problem)
    return PodCondition(type=READY, status="True")
