"""Our own metrics, answered at `/metrics`: one registry for the process, as one process is one node.

Names are those of kubelet and of Kubernetes' clients where they mean the same, so that dashboards and alerts go on
working; all others begin with `virtual_kubelet_`. What can be read when somebody scrapes is not counted before.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Info, PlatformCollector, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from vk_core.telemetry.expiry import Certificates
from vk_core.telemetry.queues import Queues
from vk_core.telemetry.tally import Durations
from vk_core.version import __version__

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4

StreamKind = Literal["exec", "attach", "portForward", "containerLogs", "run"]
"""Streaming connections, by the first part of their path."""

REGISTRY = CollectorRegistry()

ProcessCollector(registry=REGISTRY)
PlatformCollector(registry=REGISTRY)
Info("virtual_kubelet_build", "The version of virtual-kubelet.", registry=REGISTRY).info({"version": __version__})

STREAMS_OPEN = Gauge(
    "virtual_kubelet_streams_open", "Streaming connections that are open now.", ["kind"], registry=REGISTRY
)
STREAMS = Counter("virtual_kubelet_streams", "Streaming connections since the start.", ["kind"], registry=REGISTRY)

API_REQUESTS = Durations(
    "rest_client_request_duration_seconds",
    "Requests to the API server; those that get no answer have the code <error>.",
    ["verb", "resource", "code"],
    total="rest_client_requests",
)
"""`code` is the status of HTTP or `NO_ANSWER`; of a watch it is counted how long it takes to begin."""

NO_ANSWER = "<error>"

PROVIDER_CALLS = Durations(
    "virtual_kubelet_provider_call_duration_seconds",
    "Calls of the provider's methods; the outcome is ok or the kind of error.",
    ["method", "outcome"],
    total="virtual_kubelet_provider_calls",
)

QUEUES = Queues()

CERTIFICATES = Certificates()

for _collector in (API_REQUESTS, PROVIDER_CALLS, QUEUES, CERTIFICATES):
    REGISTRY.register(_collector)

WATCH_RESTARTS = Counter(
    "virtual_kubelet_watch_restarts",
    "Watches that ended for whatever reason and were begun again.",
    ["resource"],
    registry=REGISTRY,
)

MATERIAL_WATCHES = Gauge(
    "virtual_kubelet_material_watches",
    "What pods refer to and is followed now, each with a watch of its own.",
    ["resource"],
    registry=REGISTRY,
)
SERVICE_ACCOUNT_TOKENS = Gauge(
    "virtual_kubelet_service_account_tokens",
    "Tokens of service accounts that are kept for pods and renewed.",
    registry=REGISTRY,
)


@contextlib.contextmanager
def stream_open(kind: StreamKind) -> Iterator[None]:
    """Count a streaming connection for as long as the context lasts."""
    STREAMS.labels(kind).inc()
    streams = STREAMS_OPEN.labels(kind)
    streams.inc()
    try:
        yield
    finally:
        streams.dec()


def exposition() -> bytes:
    """All metrics in the text format 0.0.4 (`CONTENT_TYPE`)."""
    return generate_latest(REGISTRY)
