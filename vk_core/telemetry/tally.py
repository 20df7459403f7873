"""Durations counted on paths that every pod takes many times.

A histogram of prometheus-client takes a lock and walks its buckets; this one is a list of numbers, changed by the event
loop's thread alone, and becomes Prometheus' metric family when somebody scrapes. It is no general replacement.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import Any

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

BOUNDS = (0.001, 0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Upper bounds of the buckets in seconds; the last bucket beyond them has none."""


class Tally:
    """One time series; `observe` is the hot path."""

    __slots__ = ("_bounds", "counts", "seconds")

    def __init__(self, bounds: Sequence[float] = BOUNDS) -> None:
        self._bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.seconds = 0.0

    def observe(self, seconds: float) -> None:
        """Count one duration."""
        self.counts[bisect_left(self._bounds, seconds)] += 1
        self.seconds += seconds

    @property
    def count(self) -> int:
        """How many durations were counted."""
        return sum(self.counts)


class Durations(Collector):
    """A metric with labels, made of tallies.

    Args:
        name: of the metric, ends in `_seconds`.
        documentation: its HELP.
        labels: their names; the values come in the same order.
        total: name of a counter that says the same without durations, where readers expect one; without `_total`.
    """

    def __init__(self, name: str, documentation: str, labels: Sequence[str], *, total: str = "") -> None:
        self._name = name
        self._documentation = documentation
        self._labels = tuple(labels)
        self._total = total
        self._tallies: dict[tuple[str | int, ...], Tally] = {}

    def of(self, *values: str | int) -> Tally:
        """The series with these values of the labels, made at its first use."""
        tally = self._tallies.get(values)
        if tally is None:
            tally = self._tallies[values] = Tally()
        return tally

    def describe(self) -> list[Metric]:
        """The names it will use, so that registering it collects nothing."""
        return [*self._families()]

    def collect(self) -> Iterator[Metric]:
        """What was counted until now."""
        histogram, *totals = self._families()
        for found, tally in self._tallies.items():
            values = tuple(map(str, found))
            histogram.add_metric(values, cumulative(tally), tally.seconds)
            for total in totals:
                total.add_metric(values, tally.count)
        yield from (histogram, *totals)

    def _families(self) -> tuple[Any, ...]:
        histogram = HistogramMetricFamily(self._name, self._documentation, labels=self._labels)
        if not self._total:
            return (histogram,)
        return histogram, CounterMetricFamily(self._total, self._documentation, labels=self._labels)


def cumulative(tally: Tally) -> list[tuple[str, float]]:
    """The buckets as Prometheus has them: each counts what is not above its bound."""
    buckets: list[tuple[str, float]] = []
    total = 0
    for bound, count in zip((*map(str, BOUNDS), "+Inf"), tally.counts, strict=True):
        total += count
        buckets.append((bound, total))
    return buckets
