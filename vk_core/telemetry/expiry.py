"""How long the node's own certificates are still good, under kubelet's names; each is there once it is used."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Literal, TypeAlias

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

Whose: TypeAlias = Literal["server", "client"]
"""The certificate that the kubelet API shows, or the one that the node shows to the API server."""


class Certificates(Collector):
    """The end of each certificate that is in use."""

    def __init__(self) -> None:
        self._ends: dict[Whose, dt.datetime] = {}

    def used_until(self, whose: Whose, end: dt.datetime) -> None:
        """Another certificate is used from now on."""
        self._ends[whose] = end

    def describe(self) -> list[Metric]:
        """Nothing: there may be no certificate."""
        return []

    def collect(self) -> Iterator[Metric]:
        """What is left of each."""
        now = dt.datetime.now(dt.UTC)
        for whose, end in self._ends.items():
            name = f"kubelet_certificate_manager_{whose}_ttl_seconds"
            left = (end - now).total_seconds()
            yield GaugeMetricFamily(name, f"Until the {whose} certificate in use runs out.", left)
