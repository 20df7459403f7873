"""What `/metrics` says about the node when somebody asks."""

from __future__ import annotations

import math

import aiohttp
from msgspec.structs import replace
from prometheus_client.parser import text_string_to_metric_families

from tests.support.kubelet import ScriptedProvider, backend_of, running_pod, serving
from tests.support.pods import ended, pod_with, status_of
from vk_core.kubelet.metrics.node import node_metrics
from vk_core.kubelet.routes import attach_metrics_routes
from vk_core.telemetry.metrics import exposition


async def scraped() -> dict[tuple[str, ...], float]:
    async with (
        serving(attach_metrics_routes) as url,
        aiohttp.ClientSession(url) as client,
        client.get("/metrics") as response,
    ):
        assert response.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        families = text_string_to_metric_families(await response.text())
    return {(sample.name, *sample.labels.values()): sample.value for family in families for sample in family.samples}


async def test_the_node_is_described_as_it_is_at_the_moment_of_the_scrape() -> None:
    pods = [running_pod(), replace(pod_with("a", name="done"), status=status_of(ended("a"), phase="Succeeded"))]
    with node_metrics(backend_of(ScriptedProvider(), pods), lambda: 3.5):
        found = await scraped()
        assert found["kubelet_node_name", "virtual"] == 1
        assert found["virtual_kubelet_pods", "Running"] == found["virtual_kubelet_pods", "Succeeded"] == 1
        assert found["virtual_kubelet_pods", "Failed"] == 0
        assert found["kubelet_running_pods",] == 1
        assert found["virtual_kubelet_lease_age_seconds",] == 3.5
        pods.clear()
        assert (await scraped())["kubelet_running_pods",] == 0
    assert b"kubelet_node_name" not in exposition(), "a node that ended is no longer shown"


async def test_a_lease_that_was_never_renewed_has_no_age() -> None:
    backend = backend_of(ScriptedProvider(), [])
    with node_metrics(backend, lambda: math.inf):
        assert ("virtual_kubelet_lease_age_seconds",) not in await scraped()
