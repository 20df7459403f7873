"""The reference of the kubelet API lists the routes and metrics that there are, no more and no fewer."""

from __future__ import annotations

import re
from pathlib import Path

from aiohttp import web
from prometheus_client.metrics_core import Metric

from tests.support.kubelet import ScriptedProvider, backend_of
from vk_core.kubelet.metrics.node import node_metrics
from vk_core.kubelet.routes import attach_kubelet_routes
from vk_core.telemetry import metrics

PAGE = (Path(__file__).parents[2] / "docs/reference/kubelet-api.md").read_text()
FROM_THE_LIBRARY = ("process_", "python_")


def table(title: str) -> list[list[str]]:
    """The rows of the first table under a heading."""
    section = PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in rows[2:]]


def test_every_route_is_listed_with_its_methods() -> None:
    app = web.Application()
    attach_kubelet_routes(app, backend_of(ScriptedProvider(), []))
    served: dict[str, set[str]] = {}
    for route in app.router.routes():
        assert route.resource is not None
        path = route.resource.canonical.replace(":.*", "")
        served.setdefault(path, set()).add("all" if route.method == "*" else route.method)
    listed = {
        path: set(methods.split(", "))
        for paths, methods, *_ in table("Routes")
        for path in re.findall("`(.+?)`", paths)
    }
    assert listed == served


def exposed(metric: Metric) -> str:
    return metric.name + {"counter": "_total", "info": "_info"}.get(metric.type, "")


def test_every_metric_is_listed_with_its_type() -> None:
    with node_metrics(backend_of(ScriptedProvider(), []), lambda: 1.0):
        kinds = {exposed(metric): metric.type for metric in metrics.REGISTRY.collect()}
    shown = {name: kind for name, kind in kinds.items() if not name.startswith(FROM_THE_LIBRARY)}
    for whose in ("server", "client"):  # there once such a certificate is used
        shown[f"kubelet_certificate_manager_{whose}_ttl_seconds"] = "gauge"
    listed = {name.strip("`"): kind for name, kind, *_ in table("Own metrics")}
    assert listed == {name: kind.replace("info", "gauge") for name, kind in shown.items()}
