"""What pods use that use nothing: CPU and memory as the settings or a pod's annotations say."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Iterable

from vk_core.api.meta import Time
from vk_core.api.pod import Pod
from vk_core.api.podstatus import ContainerStatus
from vk_core.api.quantity import Quantity, parse_quantity
from vk_core.api.stats import (
    ContainerStats,
    CPUStats,
    MemoryStats,
    NodeStats,
    PodReference,
    PodStats,
    Summary,
)
from vk_core.errors import InvalidInput
from vk_mock.pods import Meter, MockPod
from vk_mock.settings import Usage

CPU_ANNOTATION = "mock.virtual-kubelet.io/cpu-usage"
"""On a pod: how much CPU each of its containers uses, such as `250m`; may be changed while it runs."""

MEMORY_ANNOTATION = "mock.virtual-kubelet.io/memory-usage"
"""On a pod: how much memory each of its containers uses, such as `64Mi`; may be changed while it runs."""

_PODS_AT_ONCE = 500
_NANO = 1_000_000_000


def check_usage(pod: Pod) -> None:
    """Look at the annotations of a pod.

    Raises:
        InvalidInput: one of them is not a quantity.
    """
    _annotated(pod, CPU_ANNOTATION, "0")
    _annotated(pod, MEMORY_ANNOTATION, "0")


async def summary(node_name: str, born: Time, pods: Iterable[MockPod], usage: Usage) -> Summary:
    """What all pods use."""
    now = dt.datetime.now(dt.UTC)
    found = []
    for number, mock in enumerate(pods, 1):
        found.append(_pod_stats(mock, usage, now))
        if number % _PODS_AT_ONCE == 0:
            await asyncio.sleep(0)
    return Summary(node=NodeStats(node_name=node_name, start_time=born), pods=tuple(found))


def _pod_stats(mock: MockPod, usage: Usage, now: Time) -> PodStats:
    pod = mock.pod
    cpu = round(_annotated(pod, CPU_ANNOTATION, usage.cpu) * _NANO)
    memory = round(_annotated(pod, MEMORY_ANNOTATION, usage.memory))
    metadata = pod.metadata
    return PodStats(
        pod_ref=PodReference(name=metadata.name, namespace=metadata.namespace, uid=metadata.uid),
        start_time=pod.status.start_time or now,
        containers=tuple(
            [
                _container_stats(mock, status, running.started_at, cpu=cpu, memory=memory, now=now)
                for status in mock.statuses.values()
                if (running := status.state.running) and running.started_at
            ]
        ),
    )


def _container_stats(
    mock: MockPod, status: ContainerStatus, started_at: Time, *, cpu: int, memory: int, now: Time
) -> ContainerStats:
    meter = mock.meters.get(status.name)
    if meter is None or meter.container_id != status.container_id:
        meter = mock.meters[status.name] = Meter(status.container_id, cpu, started_at)
    return ContainerStats(
        name=status.name,
        start_time=started_at,
        cpu=CPUStats(time=now, usage_nano_cores=cpu, usage_core_nano_seconds=meter.read(now, cpu)),
        memory=MemoryStats(time=now, usage_bytes=memory, working_set_bytes=memory),
    )


def _annotated(pod: Pod, annotation: str, otherwise: str) -> Quantity:
    text = pod.metadata.annotations.get(annotation, otherwise)
    try:
        amount = parse_quantity(text)
    except ValueError as error:
        raise InvalidInput(f"annotation {annotation}: {error}") from None
    if amount < 0:
        raise InvalidInput(f"annotation {annotation}: expected a quantity that is not negative, got {text!r}")
    return amount
