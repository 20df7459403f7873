"""What the node uses as a whole, for a provider that knows only about its pods.

CPU time is a counter: the sum over the pods that are there would run backwards whenever one goes away. So what was
used by containers that are gone stays in the sum, for as long as this process lives.
"""

from __future__ import annotations

from vk_core.api.meta import Time, utc_now
from vk_core.api.stats import CPUStats, MemoryStats, Summary

LEAST_NANOSECONDS = 1
LEAST_BYTES = 1
"""A node of which nothing is used yet is shown with next to nothing: readers drop a node that uses 0."""

_Container = tuple[str, str]


class NodeTotal:
    """Adds up one summary after another."""

    def __init__(self) -> None:
        self._gone_nanoseconds = 0
        self._last: dict[_Container, int] = {}

    def of(self, summary: Summary) -> tuple[CPUStats, MemoryStats]:
        """CPU and memory of the node: the provider's own figures where it has them."""
        node = summary.node
        cpu, memory = node.cpu, node.memory
        if cpu is None or cpu.usage_core_nano_seconds is None:
            cpu = CPUStats(time=_newest(summary), usage_core_nano_seconds=self._nanoseconds(summary))
        if memory is None or memory.working_set_bytes is None:
            memory = MemoryStats(time=cpu.time, working_set_bytes=_bytes(summary))
        return cpu, memory

    def _nanoseconds(self, summary: Summary) -> int:
        now = _used(summary)
        for container, before in self._last.items():
            if now.get(container, -1) < before:  # it is gone, or was started anew
                self._gone_nanoseconds += before
        self._last = now
        return max(LEAST_NANOSECONDS, self._gone_nanoseconds + sum(now.values()))


def _used(summary: Summary) -> dict[_Container, int]:
    """CPU time of every container; of a pod as a whole where its containers are not known."""
    used: dict[_Container, int] = {}
    for pod in summary.pods:
        for container in pod.containers:
            if container.cpu is not None and container.cpu.usage_core_nano_seconds is not None:
                used[pod.pod_ref.uid, container.name] = container.cpu.usage_core_nano_seconds
        if not pod.containers and pod.cpu is not None:
            used[pod.pod_ref.uid, ""] = pod.cpu.usage_core_nano_seconds or 0
    return used


def _bytes(summary: Summary) -> int:
    total = 0
    for pod in summary.pods:
        if pod.memory is not None and pod.memory.working_set_bytes is not None:
            total += pod.memory.working_set_bytes
        else:
            total += sum(item.memory.working_set_bytes or 0 for item in pod.containers if item.memory is not None)
    return max(LEAST_BYTES, total)


def _newest(summary: Summary) -> Time:
    """When the newest sample was taken; now if there is none."""
    samples = [cpu for pod in summary.pods for cpu in (pod.cpu, *(container.cpu for container in pod.containers))]
    return max((cpu.time for cpu in samples if cpu is not None), default=utc_now())
