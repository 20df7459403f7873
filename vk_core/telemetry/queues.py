"""What the work queues do, under the names that all controllers of Kubernetes use."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from vk_core.telemetry.tally import Tally, cumulative


class QueueTally:
    """Counts what one queue does (`vk_core.aio.keyedqueue.QueueObserver`); on the path of every pod.

    Args:
        depth: how many keys wait at the moment.
    """

    __slots__ = ("adds", "depth", "handled", "retries")

    def __init__(self, depth: Callable[[], int]) -> None:
        self.depth = depth
        self.adds = 0
        self.retries = 0
        self.handled = Tally()

    def added(self) -> None:
        """A key waits to be handled."""
        self.adds += 1

    def done(self, seconds: float) -> None:
        """A key was handled, whatever came of it."""
        self.handled.observe(seconds)

    def failed(self) -> None:
        """A key could not be handled and comes again later."""
        self.retries += 1


class Queues(Collector):
    """All queues of the process by name."""

    def __init__(self) -> None:
        self._queues: dict[str, QueueTally] = {}

    def observer(self, name: str, depth: Callable[[], int]) -> QueueTally:
        """What the queue of this name tells from now on; one that had the name before is forgotten."""
        tally = self._queues[name] = QueueTally(depth)
        return tally

    def describe(self) -> list[Metric]:
        """The names, so that registering collects nothing."""
        return list(self.collect())

    def collect(self) -> Iterator[Metric]:
        """What the queues did until now."""
        depth = GaugeMetricFamily("workqueue_depth", "Keys that wait to be handled.", labels=["name"])
        adds = CounterMetricFamily("workqueue_adds", "Keys that were added.", labels=["name"])
        retries = CounterMetricFamily("workqueue_retries", "Keys that failed and come again.", labels=["name"])
        work = HistogramMetricFamily("workqueue_work_duration_seconds", "Handling of one key.", labels=["name"])
        for name, queue in self._queues.items():
            depth.add_metric([name], queue.depth())
            adds.add_metric([name], queue.adds)
            retries.add_metric([name], queue.retries)
            work.add_metric([name], cumulative(queue.handled), queue.handled.seconds)
        yield from (depth, adds, retries, work)
