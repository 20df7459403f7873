"""The status of each container of a pod: its state and its last one, in kubelet's words (core/v1 `ContainerStatus`)."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from vk_core.api.podstatus import (
    ContainerState,
    ContainerStateRunning,
    ContainerStateTerminated,
    ContainerStateWaiting,
    ContainerStatus,
    VolumeMountStatus,
)
from vk_core.engine.deciding.actions import Kind
from vk_core.engine.deciding.backoff import REASON, crash_message, delay_of_view
from vk_core.engine.deciding.initialization import has_initialized
from vk_core.engine.deciding.survey import Survey
from vk_core.engine.deciding.views import KILLED, RESTARTING_ALL, STATUS_UNKNOWN, View, exit_code_of
from vk_core.engine.observed import restart_count
from vk_core.engine.runtime import ContainerPhase, RuntimeContainer
from vk_core.provider.termination import fit_message

COMPLETED = "Completed"
ERROR = "Error"
INITIALIZING = "PodInitializing"
CREATING = "ContainerCreating"
TREATED_AS_COMPLETED = (
    "Unable to get init container status from container runtime and pod has been initialized, "
    "treat it as exited normally"
)

RESET = "The container is removed because RestartAllContainers in place"
NOT_LOCATED = "The container could not be located when the pod was terminated"

NOTHING = ContainerState()


def container_status(known: Survey, view: View, *, is_over: bool) -> ContainerStatus:
    """The status of one container.

    Args:
        known: what is known of the pod.
        view: which container.
        is_over: whether nothing of the pod is started any more.
    """
    if view.was_reset:
        return _reset(known, view)
    seen = _seen(view)
    if seen:
        state, last = _state(known, seen[0]), _last_state(known, view, seen)
    else:
        state, last = _lost_states(known, view, is_over=is_over)
    if not is_over and state.running is None:
        waiting = _why_it_waits(known, view, state)
        if waiting is not None:
            last = state if state.terminated is not None else last
            state = ContainerState(waiting=waiting)
    return _with_probes(view, _described(known, view, seen, state, last))


def unknown_end() -> ContainerState:
    """The state of a container that has ended nobody knows how."""
    return ContainerState(
        terminated=ContainerStateTerminated(exit_code=KILLED, reason=STATUS_UNKNOWN, message=NOT_LOCATED)
    )


def _seen(view: View) -> Sequence[RuntimeContainer]:
    """The instances that count: one whose start is under way, `postStart` hook included, is still to come."""
    instances = view.instances
    if view.starting and instances and instances[0].phase in {ContainerPhase.CREATED, ContainerPhase.RUNNING}:
        return instances[1:]
    return instances


def _state(known: Survey, instance: RuntimeContainer) -> ContainerState:
    if instance.phase is ContainerPhase.RUNNING:
        return ContainerState(running=ContainerStateRunning(started_at=instance.started_at))
    if instance.phase is ContainerPhase.EXITED:
        return ContainerState(terminated=_terminated(known, instance))
    if instance.phase is ContainerPhase.UNKNOWN:
        return unknown_end()
    return ContainerState(waiting=_default(known))


def _default(known: Survey) -> ContainerStateWaiting:
    return ContainerStateWaiting(reason=INITIALIZING if known.inits else CREATING)


def _terminated(known: Survey, instance: RuntimeContainer) -> ContainerStateTerminated:
    exit_code = exit_code_of(instance)
    message = ": ".join(part for part in (instance.message, known.memory.messages.get(instance.id, "")) if part)
    return ContainerStateTerminated(
        exit_code=exit_code,
        reason=instance.reason or (COMPLETED if exit_code == 0 else ERROR),
        message=fit_message(message, len(known.views)),
        started_at=instance.started_at,
        finished_at=instance.finished_at,
        container_id=_id(known, instance),
    )


def _last_state(known: Survey, view: View, seen: Sequence[RuntimeContainer]) -> ContainerState:
    """The end of the instance before; from the last known status if the runtime no longer has that one."""
    for instance in seen[1:]:
        if instance.phase is ContainerPhase.EXITED:
            return ContainerState(terminated=_terminated(known, instance))
    status = view.known
    if status is None:
        return NOTHING
    if status.container_id == _id(known, seen[0]) or status.state.terminated is None:
        return status.last_state if status.last_state.terminated != _state(known, seen[0]).terminated else NOTHING
    return status.state


def _lost_states(known: Survey, view: View, *, is_over: bool) -> tuple[ContainerState, ContainerState]:
    """State and last state of a container of which the runtime has nothing."""
    status = view.known
    ended = view.lost
    waiting = ContainerState(waiting=_default(known))
    if status is not None and status.state.terminated is not None:
        return status.state, status.last_state
    if view.kind is Kind.INIT and has_initialized(known):
        done = ContainerStateTerminated(exit_code=0, reason=COMPLETED, message=TREATED_AS_COMPLETED)
        return ContainerState(terminated=done), status.last_state if status is not None else NOTHING
    if status is None or ended is None:
        return waiting, status.last_state if status is not None else NOTHING
    if status.state.running is not None and (is_over or not view.restarts):
        return unknown_end(), status.last_state
    return waiting, ContainerState(terminated=ended)


def _why_it_waits(known: Survey, view: View, state: ContainerState) -> ContainerStateWaiting | None:
    """Why it is not started although it should be; None if its state says enough."""
    if state.terminated is not None and not view.restarts:
        return None
    delay = delay_of_view(known, view).delay
    failure = known.memory.failures.get(view.name)
    if failure is not None and (failure.attempt == view.next_attempt or not delay):
        return ContainerStateWaiting(reason=failure.reason, message=failure.message)
    if delay and state.terminated is not None:
        return ContainerStateWaiting(reason=REASON, message=crash_message(known.pod, view.name, delay))
    return None


def _reset(known: Survey, view: View) -> ContainerStatus:
    """The status of a container that was removed so that all of the pod start anew."""
    waiting = ContainerStateWaiting(reason=RESTARTING_ALL, message=RESET)
    ended = ContainerStateTerminated(exit_code=KILLED, reason=RESTARTING_ALL, message=RESET)
    return ContainerStatus(
        name=view.name,
        state=ContainerState(waiting=waiting),
        last_state=ContainerState(terminated=ended),
        restart_count=view.next_attempt,
        image=view.container.image,
        started=False,
        volume_mounts=_mounts(known, view),
    )


def _described(
    known: Survey, view: View, seen: Sequence[RuntimeContainer], state: ContainerState, last: ContainerState
) -> ContainerStatus:
    container, before = view.container, view.known
    if not seen:
        described = ContainerStatus(
            name=container.name,
            state=state,
            last_state=last,
            restart_count=before.restart_count if before is not None else 0,
            image=container.image,
            volume_mounts=_mounts(known, view),
        )
        if before is None or state.terminated is None:
            return described
        return replace(
            described,
            image=before.image or container.image,
            image_id=before.image_id,
            container_id=before.container_id,
            resources=before.resources,
            allocated_resources=before.allocated_resources,
        )
    return ContainerStatus(
        name=container.name,
        state=state,
        last_state=last,
        restart_count=max(restart_count(seen[0]), before.restart_count if before is not None else 0),
        image=seen[0].image or container.image,
        image_id=seen[0].image_id,
        container_id=_id(known, seen[0]),
        allocated_resources=container.resources.requests,
        resources=view.actuated or container.resources,
        volume_mounts=_mounts(known, view),
    )


def _with_probes(view: View, status: ContainerStatus) -> ContainerStatus:
    """Adds what probes have found: whether it has started and is ready."""
    if view.kind is Kind.EPHEMERAL:
        return status
    if status.state.running is None:
        done = view.kind is Kind.INIT and status.state.terminated is not None and not status.state.terminated.exit_code
        return replace(status, started=False, ready=done)
    return replace(status, started=view.is_started, ready=view.is_ready and view.kind is not Kind.INIT)


def _mounts(known: Survey, view: View) -> tuple[VolumeMountStatus, ...]:
    able = known.memory.recursive_read_only
    mounts = []
    for mount in view.container.volume_mounts:
        recursive = None
        if mount.read_only:
            wanted = mount.recursive_read_only == "Enabled" or (mount.recursive_read_only == "IfPossible" and able)
            recursive = "Enabled" if wanted else "Disabled"
        mounts.append(
            VolumeMountStatus(
                name=mount.name,
                mount_path=mount.mount_path,
                read_only=mount.read_only,
                recursive_read_only=recursive,
            )
        )
    return tuple(mounts)


def _id(known: Survey, instance: RuntimeContainer) -> str:
    name = known.memory.runtime_name
    return f"{name}://{instance.id}" if name else instance.id
