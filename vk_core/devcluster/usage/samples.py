"""What a kubelet says at `/metrics/resource`, in the Prometheus text format, and what became of it after a while."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

_NODE_CPU, _NODE_MEMORY = "node_cpu_usage_seconds_total", "node_memory_working_set_bytes"
_CPU, _MEMORY = "container_cpu_usage_seconds_total", "container_memory_working_set_bytes"
_START = "container_start_time_seconds"
_WANTED = (_NODE_CPU, _NODE_MEMORY, _CPU, _MEMORY, _START)
_SHORTEST_WINDOW = 0.5
"""Seconds; the rate of a shorter time says nothing."""


@dataclass(slots=True)
class Reading:
    """What one node or container has used: CPU seconds until `time`, bytes of memory at it, since `start`."""

    time: float
    cpu: float | None = None
    memory: float | None = None
    start: float | None = None


@dataclass(slots=True)
class Scrape:
    """One answer of one kubelet.

    Attributes:
        time: when it was asked, in seconds since 1970.
        node: of the node.
        pods: of containers by name, by namespace and name of their pod.
    """

    time: float
    node: Reading
    pods: dict[tuple[str, str], dict[str, Reading]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Use:
    """What is used now: cores on average over `window` seconds until `time`, and bytes."""

    cores: float
    memory: float
    time: float
    window: float


def parse_scrape(text: str, now: float) -> Scrape:
    """Reads the answer of a kubelet; samples without a time are of `now`.

    Raises:
        ValueError: this is not the Prometheus text format.
    """
    scrape = Scrape(now, Reading(now))
    for family in _families(text):
        for sample in family.samples:
            _put(scrape, sample)
    return scrape


def node_use(old: Scrape, new: Scrape) -> Use | None:
    """What a node used between two scrapes, or `None` if that cannot be told."""
    return _use(old.node, new.node)


def pod_use(old: Scrape, new: Scrape, namespace: str, name: str) -> dict[str, Use]:
    """What the containers of a pod used between two scrapes, or since they started if that is later; by name."""
    before = old.pods.get((namespace, name), {})
    uses: dict[str, Use] = {}
    for container, reading in new.pods.get((namespace, name), {}).items():
        first = before.get(container)
        if reading.start is not None and (first is None or first.time <= reading.start):
            first = Reading(reading.start, cpu=0.0)
        use = _use(first, reading) if first is not None else None
        if use is not None:
            uses[container] = use
    return uses


def _families(text: str) -> Iterable[Metric]:
    # Reading is slow: what is not wanted is left out beforehand.
    lines = [line for line in text.splitlines() if line.startswith(_WANTED)]
    return text_string_to_metric_families("\n".join(lines) + "\n")


def _put(scrape: Scrape, sample: Sample) -> None:
    reading = _reading_of(scrape, sample.name, sample.labels)
    if reading is None:
        return
    if sample.name == _START:
        reading.start = sample.value
    elif sample.name in {_CPU, _NODE_CPU}:
        reading.cpu = sample.value
        if sample.timestamp is not None:
            reading.time = float(sample.timestamp)
    else:
        reading.memory = sample.value


def _reading_of(scrape: Scrape, name: str, labels: Mapping[str, str]) -> Reading | None:
    if name in {_NODE_CPU, _NODE_MEMORY}:
        return scrape.node
    if name not in {_CPU, _MEMORY, _START}:
        return None
    namespace, pod, container = (labels.get(name, "") for name in ("namespace", "pod", "container"))
    if not (namespace and pod and container):
        return None
    return scrape.pods.setdefault((namespace, pod), {}).setdefault(container, Reading(scrape.time))


def _use(old: Reading, new: Reading) -> Use | None:
    if new.cpu is None or new.memory is None or old.cpu is None:
        return None
    window = new.time - old.time
    if window < _SHORTEST_WINDOW or new.cpu < old.cpu:
        return None
    return Use((new.cpu - old.cpu) / window, new.memory, new.time, window)
