"""The plain listener of `--metrics-addr` on a node that runs: health and metrics for whoever reaches it."""

from __future__ import annotations

import asyncio
import dataclasses
import signal
import socket
from pathlib import Path

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from vk_core.devcluster.cluster import DevCluster
from vk_core.runtime.options import NodeOptions
from vk_core.runtime.serve import serve
from vk_mock import PROVIDER
from vk_mock.settings import MockSettings

DEADLINE_SECONDS = 10.0

WORKING = {
    "rest_client_requests",
    "virtual_kubelet_provider_calls",
    "virtual_kubelet_pods",
    "virtual_kubelet_lease_age_seconds",
    "kubelet_certificate_manager_server_ttl_seconds",
    "workqueue_depth",
}


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


async def test_a_node_shows_health_and_metrics_on_the_address_that_was_given(tmp_path: Path) -> None:
    """B28."""
    address = f"127.0.0.1:{free_port()}"
    async with DevCluster() as cluster, asyncio.timeout(DEADLINE_SECONDS):
        cluster.write_kubeconfig(tmp_path / "kubeconfig")
        options = NodeOptions(
            provider="mock",
            node_name="virtual",
            kubeconfig=tmp_path / "kubeconfig",
            internal_ip="127.0.0.1",
            address="127.0.0.1",
            port=0,
            cert_dir=tmp_path,
        )
        ready = asyncio.Event()
        given = dataclasses.replace(options, metrics_addr=address)
        node = asyncio.create_task(serve(given, PROVIDER, MockSettings(), on_ready=ready.set))
        await ready.wait()
        async with aiohttp.ClientSession(f"http://{address}") as client:
            for path in ("/healthz", "/livez", "/readyz", "/healthz/syncloop"):
                async with client.get(path) as response:
                    assert (response.status, await response.text()) == (200, "ok")
            async with client.get("/metrics") as response:
                names = {family.name for family in text_string_to_metric_families(await response.text())}
            assert names >= WORKING
            for path in ("/pods", "/configz", "/containerLogs/default/web/main"):
                async with client.get(path) as response:
                    assert response.status == 404
        signal.raise_signal(signal.SIGTERM)
        await node
