"""What runtimes answer, in the words of the engine."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

from vk_core.engine.runtime import (
    ContainerPhase,
    HandlerFeatures,
    Image,
    RuntimeContainer,
    RuntimeState,
    Sandbox,
    SandboxPhase,
)
from vk_cri.api import runtime_pb2 as pb

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)

_PHASES: Mapping[int, ContainerPhase] = {
    pb.CONTAINER_CREATED: ContainerPhase.CREATED,
    pb.CONTAINER_RUNNING: ContainerPhase.RUNNING,
    pb.CONTAINER_EXITED: ContainerPhase.EXITED,
}


def moment(nanoseconds: int) -> dt.datetime:
    """A time, to the microsecond."""
    return _EPOCH + dt.timedelta(microseconds=nanoseconds // 1000)


def listed_sandbox(item: pb.PodSandbox) -> Sandbox:
    """A sandbox as a list has it: without addresses."""
    return Sandbox(
        id=item.id,
        phase=_sandbox_phase(item.state),
        created_at=moment(item.created_at),
        attempt=item.metadata.attempt,
        labels=dict(item.labels),
        annotations=dict(item.annotations),
        runtime_handler=item.runtime_handler,
    )


def sandbox(status: pb.PodSandboxStatus) -> Sandbox:
    """A sandbox as it is when looked at closely."""
    network = status.network
    return Sandbox(
        id=status.id,
        phase=_sandbox_phase(status.state),
        created_at=moment(status.created_at),
        attempt=status.metadata.attempt,
        labels=dict(status.labels),
        annotations=dict(status.annotations),
        ips=tuple(address for address in (network.ip, *(more.ip for more in network.additional_ips)) if address),
        runtime_handler=status.runtime_handler,
    )


def listed_container(item: pb.Container) -> RuntimeContainer:
    """A container as a list has it: without times, exit code and log."""
    return RuntimeContainer(
        id=item.id,
        sandbox_id=item.pod_sandbox_id,
        phase=_PHASES.get(item.state, ContainerPhase.UNKNOWN),
        created_at=moment(item.created_at),
        image=item.image.image,
        image_id=item.image_ref,
        labels=dict(item.labels),
        annotations=dict(item.annotations),
    )


def container(status: pb.ContainerStatus, sandbox_id: str) -> RuntimeContainer:
    """A container as it is when looked at closely."""
    has_ended = status.state == pb.CONTAINER_EXITED
    finished_at = _moment_or_none(status.finished_at)
    return RuntimeContainer(
        id=status.id,
        sandbox_id=sandbox_id,
        phase=_PHASES.get(status.state, ContainerPhase.UNKNOWN),
        created_at=moment(status.created_at),
        started_at=_started_at(_moment_or_none(status.started_at), finished_at),
        finished_at=finished_at,
        exit_code=status.exit_code if has_ended else None,
        reason=status.reason,
        message=status.message,
        image=status.image.image,
        image_id=status.image_ref,
        labels=dict(status.labels),
        annotations=dict(status.annotations),
        log_path=status.log_path,
    )


def image(found: pb.Image) -> Image:
    """An image."""
    return Image(
        id=found.id,
        tags=tuple(found.repo_tags),
        digests=tuple(found.repo_digests),
        size_bytes=found.size,
        user_id=found.uid.value if found.HasField("uid") else None,
        user_name=found.username,
        pinned=found.pinned,
    )


def state(version: pb.VersionResponse, status: pb.StatusResponse) -> RuntimeState:
    """How the runtime is."""
    conditions = {condition.type: condition for condition in status.status.conditions}
    runtime, network = conditions.get("RuntimeReady"), conditions.get("NetworkReady")
    problems = [
        f"{condition.reason}: {condition.message}" if condition.message else f"{condition.type} is false"
        for condition in (runtime, network)
        if condition is not None and not condition.status
    ]
    return RuntimeState(
        name=version.runtime_name,
        version=version.runtime_version,
        ready=runtime is not None and runtime.status,
        network_ready=network is not None and network.status,
        problem="; ".join(problems),
        handlers={
            handler.name: HandlerFeatures(
                recursive_read_only=handler.features.recursive_read_only_mounts,
                user_namespaces=handler.features.user_namespaces,
            )
            for handler in status.runtime_handlers
        },
        supplemental_groups_policy=status.features.supplemental_groups_policy,
    )


def _sandbox_phase(phase: pb.PodSandboxState) -> SandboxPhase:
    return SandboxPhase.READY if phase == pb.SANDBOX_READY else SandboxPhase.NOT_READY


def _started_at(started_at: dt.datetime | None, finished_at: dt.datetime | None) -> dt.datetime | None:
    """When a container began: runtimes look at the clock when starting is done, and some have ended by then."""
    if started_at is None or finished_at is None:
        return started_at
    return min(started_at, finished_at)


def _moment_or_none(nanoseconds: int) -> dt.datetime | None:
    return moment(nanoseconds) if nanoseconds > 0 else None
