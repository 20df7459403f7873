"""The status of a pod as its containers and its sandbox make it. Pure: made anew whenever something has changed.

Core completes it (`vk_core.pod.status`): conditions that follow from it, QoS class, the node's addresses.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from vk_core.api.meta import Time
from vk_core.api.pod import Pod
from vk_core.api.podstatus import ContainerStatus, PodCondition, PodIP, PodStatus
from vk_core.engine.deciding.actions import Kind
from vk_core.engine.deciding.ending import Ending, ending
from vk_core.engine.deciding.memory import PodMemory
from vk_core.engine.deciding.phases import FAILED, PENDING, RUNNING, SUCCEEDED, TERMINAL, phase_of
from vk_core.engine.deciding.policy import RESTART_ALL
from vk_core.engine.deciding.resizing import is_pending
from vk_core.engine.deciding.states import container_status, unknown_end
from vk_core.engine.deciding.survey import Survey, survey
from vk_core.engine.observed import ObservedPod

ALL_RESTARTING = "AllContainersRestarting"
SANDBOX_READY = "PodReadyToStartContainers"
RESIZE_IN_PROGRESS = "PodResizeInProgress"


def pod_status(pod: Pod, observed: ObservedPod, memory: PodMemory, now: Time) -> PodStatus:
    """The status of a pod.

    Args:
        pod: as it is specified, with the last status that the API server has.
        observed: as the runtime has it, from a closer look (`ContainerRuntime.pod_snapshot`).
        memory: what is remembered of it; is not changed.
        now: the time.
    """
    known = survey(pod, observed, memory)
    over = ending(known, now)
    is_over = over is not None and not known.alive and not memory.starting
    inits, apps, ephemeral = (
        tuple(container_status(known, view, is_over=over is not None) for view in views)
        for views in (known.inits, known.apps, known.ephemeral)
    )
    by_name = {status.name: status for status in (*inits, *apps)}
    phase = phase_of(known, by_name, is_over=is_over)
    if is_over:
        inits, apps = _without_loose_ends(known, inits, apps)
    phase, reason, message = _outcome(known, over, phase, is_over=is_over)
    ips = _ips(known, is_over=over is not None)
    return PodStatus(
        phase=phase,
        reason=reason,
        message=message,
        conditions=_conditions(known, phase),
        pod_ip=ips[0].ip if ips else "",
        pod_ips=ips,
        start_time=known.known.start_time or pod.status.start_time or memory.accepted_at,
        init_container_statuses=inits,
        container_statuses=apps,
        ephemeral_container_statuses=ephemeral,
    )


def _outcome(known: Survey, over: Ending | None, phase: str, *, is_over: bool) -> tuple[str, str, str]:
    """Phase, reason and message. A terminal phase is final, and comes only when nothing runs any more."""
    for before in (known.known, known.pod.status):
        if before.phase in TERMINAL:
            return before.phase, before.reason, before.message
    if not is_over:
        if phase in TERMINAL:
            phase = known.known.phase or (RUNNING if known.alive else PENDING)
        kept = known.known if phase == known.known.phase else PodStatus()
        return phase, kept.reason, kept.message
    if over is not None and over.fails:
        return FAILED, over.reason, over.message
    return phase if phase in TERMINAL else FAILED, "", ""


def _without_loose_ends(
    known: Survey, inits: tuple[ContainerStatus, ...], apps: tuple[ContainerStatus, ...]
) -> tuple[tuple[ContainerStatus, ...], tuple[ContainerStatus, ...]]:
    """Once a pod has ended no container waits: what began and has no known end has failed.

    App containers of a pod that never came to their start remain waiting, as do the init containers behind the last
    one that has run.
    """
    if not known.inits or _has_initialized(known, inits, apps):
        apps = tuple(_with_an_end(status) for status in apps)
    begun = max((index for index, status in enumerate(inits) if _has_begun(status)), default=0)
    inits = (*(_with_an_end(status) for status in inits[: begun + 1]), *inits[begun + 1 :])
    return inits, apps


def _has_initialized(known: Survey, inits: Sequence[ContainerStatus], apps: Sequence[ContainerStatus]) -> bool:
    if any(_has_begun(status) for status in apps):
        return True
    if known.inits[-1].kind is Kind.SIDECAR:
        return False
    ends = (inits[-1].state.terminated, inits[-1].last_state.terminated)
    return any(end is not None and end.exit_code == 0 for end in ends)


def _has_begun(status: ContainerStatus) -> bool:
    state = status.state
    return state.running is not None or state.terminated is not None or status.last_state.terminated is not None


def _with_an_end(status: ContainerStatus) -> ContainerStatus:
    return status if status.state.terminated is not None else replace(status, state=unknown_end())


def _ips(known: Survey, *, is_over: bool) -> tuple[PodIP, ...]:
    """The pod's addresses; a pod that ends keeps those it had."""
    if known.pod.spec.host_network:
        return tuple(PodIP(ip=ip) for ip in known.memory.host_ips)
    sandbox = known.sandbox
    if sandbox is not None and sandbox.ips:
        return tuple(PodIP(ip=ip) for ip in sandbox.ips)
    return known.known.pod_ips if is_over else ()


def _conditions(known: Survey, phase: str) -> tuple[PodCondition, ...]:
    """What only the engine knows."""
    sandbox = known.sandbox
    ready = sandbox is not None and bool(sandbox.ips or known.pod.spec.host_network)
    conditions = [PodCondition(type=SANDBOX_READY, status="True" if ready else "False")]
    if any(is_pending(view) for view in (*known.inits, *known.apps)):
        problem = known.memory.resize_problem
        conditions.append(
            PodCondition(type=RESIZE_IN_PROGRESS, status="True", reason="Error" if problem else "", message=problem)
        )
    if any(rule.action == RESTART_ALL for view in known.views for rule in view.container.restart_policy_rules):
        conditions.append(_restarting_all(known, phase))
    verdict = known.memory.verdict
    if verdict is not None and verdict.condition is not None and phase in TERMINAL:
        conditions.append(verdict.condition)
    return tuple(conditions)


def _restarting_all(known: Survey, phase: str) -> PodCondition:
    if phase in TERMINAL:
        reason = "PodCompleted" if phase == SUCCEEDED else "PodFailed"
        return PodCondition(type=ALL_RESTARTING, status="False", reason=reason)
    if not known.restarts_all or not any(view.instances for view in (*known.inits, *known.apps)):
        return PodCondition(type=ALL_RESTARTING, status="False")
    return PodCondition(
        type=ALL_RESTARTING,
        status="True",
        reason="RestartAllContainersStarted",
        message="container exited with restart policy rule",
    )
