"""Metrics about the node that are read when somebody scrapes: its pods, its lease."""

from __future__ import annotations

import contextlib
import math
from collections import Counter
from collections.abc import Callable, Iterator

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from vk_core.kubelet.backend import KubeletBackend
from vk_core.telemetry.metrics import REGISTRY

PHASES = ("Pending", "Running", "Succeeded", "Failed", "Unknown")


@contextlib.contextmanager
def node_metrics(backend: KubeletBackend, lease_age_seconds: Callable[[], float]) -> Iterator[None]:
    """Have the node in `/metrics` for as long as the context lasts.

    Args:
        backend: the node and its pods.
        lease_age_seconds: how long ago the lease was renewed; infinite if it was not.
    """
    collector = NodeCollector(backend, lease_age_seconds)
    REGISTRY.register(collector)
    try:
        yield
    finally:
        REGISTRY.unregister(collector)


class NodeCollector(Collector):
    """Asks the node."""

    def __init__(self, backend: KubeletBackend, lease_age_seconds: Callable[[], float]) -> None:
        self._backend = backend
        self._lease_age_seconds = lease_age_seconds

    def describe(self) -> list[Metric]:
        """Nothing: a second node of the same process must not be refused for having the same names."""
        return []

    def collect(self) -> Iterator[Metric]:
        """What is so now."""
        node = GaugeMetricFamily("kubelet_node_name", "The node's name, for joins; always 1.", labels=["node"])
        node.add_metric([self._backend.node_name], 1)
        yield node
        yield from self._pods()
        age = self._lease_age_seconds()
        if not math.isinf(age):
            yield GaugeMetricFamily("virtual_kubelet_lease_age_seconds", "Since the last renewal of the lease.", age)

    def _pods(self) -> Iterator[Metric]:
        phases: Counter[str] = Counter()
        running = 0
        for pod in self._backend.pods():
            phases[pod.status.phase or "Pending"] += 1
            running += any(container.state.running for container in pod.status.container_statuses)
        pods = GaugeMetricFamily("virtual_kubelet_pods", "Pods of the node by phase.", labels=["phase"])
        for phase in PHASES:
            pods.add_metric([phase], phases[phase])
        yield pods
        yield GaugeMetricFamily("kubelet_running_pods", "Pods of which a container runs.", running)
