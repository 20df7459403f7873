"""`/metrics/resource`: what metrics-server reads for `kubectl top` and the HPA, with kubelet's names and labels.

metrics-server drops a pod as a whole when one of its containers has used no CPU or no memory, and a node likewise. So
a container of which either is unknown or zero is left out.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator

from aiohttp import web

from vk_core.api.meta import Time
from vk_core.api.stats import ContainerStats, CPUStats, MemoryStats, PodStats, Summary
from vk_core.errors import ProviderError
from vk_core.kubelet.backend import KubeletBackend
from vk_core.kubelet.metrics.nodetotal import NodeTotal
from vk_core.kubelet.metrics.own import HEADERS
from vk_core.kubelet.refusal import Handler
from vk_core.provider.capabilities import HasResourceMetrics, HasStats

PODS_AT_ONCE = 500
"""So many are written down before others get their turn."""

log = logging.getLogger("virtual_kubelet.kubelet")


class Family:
    """The samples of one metric."""

    def __init__(self, name: str, kind: str, documentation: str) -> None:
        self.name = name
        self.lines = [f"# HELP {name} {documentation}\n# TYPE {name} {kind}\n"]

    def add(self, labels: str, value: float, time: Time | None) -> None:
        """A sample; its time is when it was taken."""
        stamp = f" {round(time.timestamp() * 1000)}" if time is not None else ""
        self.lines.append(f"{self.name}{labels} {value!r}{stamp}\n")


class Used:
    """CPU and memory of one kind of thing."""

    def __init__(self, of: str, documentation: str) -> None:
        self.cpu = Family(f"{of}_cpu_usage_seconds_total", "counter", f"CPU time used by {documentation}, in seconds.")
        self.memory = Family(f"{of}_memory_working_set_bytes", "gauge", f"Working set of {documentation}, in bytes.")

    def add(self, labels: str, cpu: CPUStats | None, memory: MemoryStats | None) -> bool:
        """Both, as of one time; False when one of them is unknown or zero."""
        nanoseconds = cpu.usage_core_nano_seconds if cpu is not None else None
        size = memory.working_set_bytes if memory is not None else None
        if cpu is None or not nanoseconds or not size:
            return False
        self.cpu.add(labels, nanoseconds / 1e9, cpu.time)
        self.memory.add(labels, float(size), cpu.time)
        return True


class ResourceMetrics:
    """The page, written pod by pod."""

    def __init__(self) -> None:
        self._node = Used("node", "the node")
        self._pods = Used("pod", "a pod")
        self._containers = Used("container", "a container")
        self._started = Family("container_start_time_seconds", "gauge", "When a container started, in Unix seconds.")
        self._failed = Family("resource_scrape_error", "gauge", "1 if the provider could not say what is used, else 0.")

    def add_pod(self, pod: PodStats) -> None:
        """One pod and its containers."""
        ref = pod.pod_ref
        rest = f'namespace="{ref.namespace}",pod="{ref.name}"}}'
        used: list[ContainerStats] = []
        for container in pod.containers:
            labels = f'{{container="{container.name}",{rest}'
            if self._containers.add(labels, container.cpu, container.memory):
                used.append(container)
                self._started.add(labels, container.start_time.timestamp(), None)
        cpu = pod.cpu if pod.cpu is not None and pod.cpu.usage_core_nano_seconds else total_cpu(used)
        memory = pod.memory if pod.memory is not None and pod.memory.working_set_bytes else total_memory(used)
        self._pods.add(f"{{{rest}", cpu, memory)

    def add_node(self, cpu: CPUStats | None, memory: MemoryStats | None) -> None:
        """The node as a whole."""
        self._node.add("", cpu, memory)

    def text(self, *, failed: bool = False) -> bytes:
        """The page in the text format 0.0.4."""
        self._failed.add("", float(failed), None)
        return "".join(self._lines()).encode()

    def _lines(self) -> Iterator[str]:
        for used in (self._node, self._containers, self._pods):
            yield from used.cpu.lines
            yield from used.memory.lines
        yield from self._started.lines
        yield from self._failed.lines


def resource_metrics_handler(backend: KubeletBackend) -> Handler:
    """Answers the provider's own page, or one made of its summary."""
    total = NodeTotal()

    async def handle(_request: web.Request) -> web.StreamResponse:
        provider = backend.provider
        try:
            if isinstance(provider, HasResourceMetrics):
                return _page((await provider.get_metrics_resource()).encode())
            if isinstance(provider, HasStats):
                return _page(await render(await provider.get_stats_summary(), total))
        except ProviderError as error:
            # As of a kubelet: the page is there and says that it is not to be believed.
            log.warning("/metrics/resource: the provider cannot say what its pods use: %s", error)
            return _page(ResourceMetrics().text(failed=True))
        raise backend.unsupported("say what its pods use")

    return handle


async def render(summary: Summary, total: NodeTotal) -> bytes:
    """The page of a summary; `total` adds up the node for a provider that does not."""
    page = ResourceMetrics()
    for number, pod in enumerate(summary.pods, 1):
        page.add_pod(pod)
        if number % PODS_AT_ONCE == 0:
            await asyncio.sleep(0)
    cpu, memory = total.of(summary)
    page.add_node(cpu, memory)
    return page.text()


def total_cpu(containers: list[ContainerStats]) -> CPUStats | None:
    """The sum, as of the newest sample; None without any."""
    known = [container.cpu for container in containers if container.cpu is not None]
    if not known:
        return None
    return CPUStats(
        time=max(cpu.time for cpu in known),
        usage_core_nano_seconds=sum(cpu.usage_core_nano_seconds or 0 for cpu in known),
    )


def total_memory(containers: list[ContainerStats]) -> MemoryStats | None:
    """The sum, as of the newest sample; None without any."""
    known = [container.memory for container in containers if container.memory is not None]
    if not known:
        return None
    return MemoryStats(
        time=max(memory.time for memory in known),
        working_set_bytes=sum(memory.working_set_bytes or 0 for memory in known),
    )


def _page(body: bytes) -> web.Response:
    return web.Response(body=body, headers=HEADERS)
