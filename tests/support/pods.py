"""Pods, statuses and records for tests, in a few words."""

from __future__ import annotations

import datetime as dt
from typing import Any

from msgspec.structs import replace

from vk_core.api.meta import Time
from vk_core.api.pod import Pod
from vk_core.api.podstatus import (
    ContainerState,
    ContainerStateRunning,
    ContainerStateTerminated,
    ContainerStateWaiting,
    ContainerStatus,
    PodStatus,
)
from vk_core.pod.record import PodRecord
from vk_core.testing import make_container, make_pod

NOW: Time = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
BEFORE: Time = NOW - dt.timedelta(hours=1)


def pod_with(*names: str, **fields: Any) -> Pod:
    """A pod with containers of these names."""
    return make_pod(containers=tuple(make_container(name) for name in names), **fields)


def running(name: str = "main", **fields: Any) -> ContainerStatus:
    """A container that runs and is ready."""
    state = ContainerState(running=ContainerStateRunning(started_at=BEFORE))
    fields = {"ready": True, "started": True, "container_id": f"test://{name}", **fields}
    return ContainerStatus(name=name, image="busybox:1.37", state=state, **fields)


def waiting(name: str = "main", reason: str = "ContainerCreating", **fields: Any) -> ContainerStatus:
    """A container that waits."""
    state = ContainerState(waiting=ContainerStateWaiting(reason=reason))
    return ContainerStatus(name=name, image="busybox:1.37", state=state, **fields)


def ended(name: str = "main", code: int = 0, **fields: Any) -> ContainerStatus:
    """A container that has ended."""
    terminated = ContainerStateTerminated(exit_code=code, started_at=BEFORE, finished_at=NOW)
    return ContainerStatus(name=name, image="busybox:1.37", state=ContainerState(terminated=terminated), **fields)


def status_of(*containers: ContainerStatus, phase: str = "", **fields: Any) -> PodStatus:
    """A status with these containers."""
    return PodStatus(phase=phase, container_statuses=containers, **fields)


def with_metadata(pod: Pod, **fields: Any) -> Pod:
    """The pod with other metadata."""
    return replace(pod, metadata=replace(pod.metadata, **fields))


def with_spec(pod: Pod, **fields: Any) -> Pod:
    """The pod with another specification."""
    return replace(pod, spec=replace(pod.spec, **fields))


def deleting(pod: Pod, grace_period_seconds: int | None = 30) -> Pod:
    """The pod after `kubectl delete`."""
    return with_metadata(pod, deletion_timestamp=NOW, deletion_grace_period_seconds=grace_period_seconds)


def record_of(pod: Pod | None = None, *, status: PodStatus | None = None, **fields: Any) -> PodRecord:
    """A record; `status` is the one that the API server has."""
    pod = pod or make_pod()
    if status is not None:
        pod = replace(pod, status=status)
    return PodRecord(pod=pod, **fields)
