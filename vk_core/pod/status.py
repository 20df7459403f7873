"""The status of a pod as the cluster shall see it: what the provider says, completed by what every kubelet reports."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from msgspec.structs import replace

from vk_core.api.container import Container, ResourceRequirements
from vk_core.api.meta import Time
from vk_core.api.podstatus import (
    ContainerState,
    ContainerStateWaiting,
    ContainerStatus,
    HostIP,
    PodIP,
    PodStatus,
)
from vk_core.api.scheduling import qos_class
from vk_core.pod.conditions import conditions_of
from vk_core.pod.phase import FAILED, SUCCEEDED, TERMINAL, all_succeeded, has_stopped, phase_of
from vk_core.pod.reasons import CONFIG_ERROR, CREATING, INITIALIZING, PROVIDER_FAILED, unknown
from vk_core.pod.record import PodRecord


class NodeFacts(NamedTuple):
    """What a pod's status says about its node: addresses, the preferred one first."""

    host_ips: tuple[str, ...]


def build_status(record: PodRecord, node: NodeFacts, now: Time) -> PodStatus | None:
    """The status to report; None when there is nothing to say yet."""
    if record.adopting and not record.deleting:
        return None  # what the provider says before it knows what the pod shall be is not the whole story
    source = _source(record)
    if source is None:
        return None
    pod, known = record.pod, record.known_status
    if source is record.verdict and not source.container_statuses:
        # It never came so far as to have containers or addresses; kubelet says no more than this either.
        return replace(
            source,
            observed_generation=pod.metadata.generation,
            conditions=known.conditions,
            start_time=known.start_time or now,
            qos_class=known.qos_class or qos_class(pod),
        )
    source = replace(
        source,
        container_statuses=_completed(pod.spec.containers, source.container_statuses, record),
        init_container_statuses=tuple(
            status if container.restart_policy == "Always" else _done(status)
            for container, status in zip(
                pod.spec.init_containers,
                _completed(pod.spec.init_containers, source.init_container_statuses, record),
                strict=False,
            )
        ),
        ephemeral_container_statuses=tuple(
            _unprobed(status)
            for status in _completed(pod.spec.ephemeral_containers, source.ephemeral_container_statuses, record)
        ),
    )
    source = replace(source, **_outcome(record, source, known))
    pod_ip = source.pod_ip or (source.pod_ips[0].ip if source.pod_ips else "")
    hosts = node.host_ips if not source.host_ip else (source.host_ip,)
    return replace(
        source,
        observed_generation=pod.metadata.generation,
        conditions=conditions_of(pod, source, known, now),
        host_ip=hosts[0] if hosts else "",
        host_ips=source.host_ips or tuple(HostIP(ip=address) for address in hosts),
        pod_ip=pod_ip,
        pod_ips=source.pod_ips or ((PodIP(ip=pod_ip),) if pod_ip else ()),
        start_time=known.start_time or whole_seconds(source.start_time) or now,
        qos_class=known.qos_class or qos_class(pod),
        nominated_node_name=known.nominated_node_name,
        resize=source.resize or known.resize,
        resource_claim_statuses=source.resource_claim_statuses or known.resource_claim_statuses,
    )


def _source(record: PodRecord) -> PodStatus | None:
    """What the status is made of: core's own verdict, the provider's word, or that it is being created."""
    if record.verdict is not None:
        return record.verdict
    if record.actual is not None:
        return record.actual if record.present or not record.deleting else unlocated(record.actual)
    if record.deleting and not record.present:
        return PodStatus(phase=FAILED)
    if record.missing is not None:
        return PodStatus(phase="Pending")
    if record.trouble:
        return PodStatus(phase="Pending", reason=PROVIDER_FAILED, message=record.trouble)
    return PodStatus() if record.creating else None


def _outcome(record: PodRecord, source: PodStatus, known: PodStatus) -> dict[str, str]:
    """Phase, reason and message. A terminal phase the cluster knows is final, whatever comes behind it."""
    if known.phase in TERMINAL:
        return {"phase": known.phase, "reason": known.reason, "message": known.message}
    phase = source.phase or phase_of(record.pod, source)
    if record.deleting and phase not in TERMINAL and has_stopped(source):
        phase = SUCCEEDED if all_succeeded(source.container_statuses) else FAILED
    return {"phase": phase, "reason": source.reason, "message": source.message}


def _completed(
    containers: Iterable[Container], statuses: tuple[ContainerStatus, ...], record: PodRecord
) -> tuple[ContainerStatus, ...]:
    """One status for each container, in the order of the specification; none for a pod that never came so far."""
    if not statuses and (record.verdict is not None or (record.deleting and not record.present)):
        return ()
    by_name = {status.name: status for status in statuses}
    return tuple(
        _complete(by_name.get(container.name), container, record.restarts.get(container.name, 0), record)
        for container in containers
    )


def _complete(
    status: ContainerStatus | None, container: Container, restarts: int, record: PodRecord
) -> ContainerStatus:
    if status is None:
        waiting = ContainerState(waiting=_why_it_waits(container, record))
        return ContainerStatus(
            name=container.name,
            image=container.image,
            state=waiting,
            started=False,
            restart_count=restarts,
        )
    state, last = _whole_state(status.state), _whole_state(status.last_state)
    resources = status.resources or _resources(container, record)
    if (
        restarts
        or not status.image
        or state is not status.state
        or last is not status.last_state
        or resources is not status.resources
    ):
        return replace(
            status,
            image=status.image or container.image,
            restart_count=status.restart_count + restarts,
            state=state,
            last_state=last,
            resources=resources,
            allocated_resources=status.allocated_resources or (resources.requests if resources else {}),
        )
    return status


def _why_it_waits(container: Container, record: PodRecord) -> ContainerStateWaiting:
    """Something that the container itself lacks is its own reason; for volumes and other containers it just waits."""
    missing = record.missing
    if missing is not None and missing.reason == CONFIG_ERROR and missing.container_name in {"", container.name}:
        return ContainerStateWaiting(reason=missing.reason, message=str(missing))
    return ContainerStateWaiting(reason=INITIALIZING if record.pod.spec.init_containers else CREATING)


def _resources(container: Container, record: PodRecord) -> ResourceRequirements | None:
    """The resources that the provider has taken over last, which is how a resize shows (KEP-1287)."""
    if record.handed is record.pod or record.handed is None:
        taken = container.resources
    else:
        spec = record.handed.spec
        found = (other for other in (*spec.containers, *spec.init_containers) if other.name == container.name)
        taken = next(found, container).resources
    return taken if taken.requests or taken.limits else None


def _done(status: ContainerStatus) -> ContainerStatus:
    """An init container that has done its work counts as ready, as with kubelet."""
    ended = status.state.terminated
    return replace(status, ready=True) if ended is not None and ended.exit_code == 0 and not status.ready else status


def _unprobed(status: ContainerStatus) -> ContainerStatus:
    """Ephemeral containers have no probes: a kubelet says neither that they are ready nor whether they have started."""
    return replace(status, ready=False, started=None) if status.ready or status.started is not None else status


def unlocated(status: PodStatus) -> PodStatus:
    """The status of a pod that the provider no longer has although it never told how it ended."""
    return replace(
        status,
        container_statuses=unknown(status.container_statuses),
        init_container_statuses=unknown(status.init_container_statuses),
        ephemeral_container_statuses=unknown(status.ephemeral_container_statuses),
    )


def _whole_state(state: ContainerState) -> ContainerState:
    """The state with times as the API server keeps them, so that what is read back equals what was written."""
    running, terminated = state.running, state.terminated
    if running is not None and running.started_at is not None and running.started_at.microsecond:
        return replace(state, running=replace(running, started_at=whole_seconds(running.started_at)))
    if terminated is not None and (
        (terminated.started_at is not None and terminated.started_at.microsecond)
        or (terminated.finished_at is not None and terminated.finished_at.microsecond)
    ):
        return replace(
            state,
            terminated=replace(
                terminated,
                started_at=whole_seconds(terminated.started_at),
                finished_at=whole_seconds(terminated.finished_at),
            ),
        )
    return state


def whole_seconds(moment: Time | None) -> Time | None:
    """A time without its fraction of a second, which `metav1.Time` does not keep."""
    return moment.replace(microsecond=0) if moment is not None and moment.microsecond else moment
