"""The whole node over real HTTP and TLS: mock provider, embedded API server, faults between them."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from vk_core.api.node import Taint
from vk_core.devcluster.cluster import DevCluster
from vk_core.kube.client import KubeClient
from vk_core.kube.resources import PODS
from vk_core.runtime.connection import connect
from vk_core.runtime.options import NodeOptions
from vk_core.runtime.serve import serve
from vk_mock import PROVIDER
from vk_mock.settings import MockSettings

DEADLINE_SECONDS = 10.0


@pytest.fixture
def options(cluster: DevCluster, tmp_path: Path) -> NodeOptions:
    kubeconfig = tmp_path / "kubeconfig"
    cluster.write_kubeconfig(kubeconfig)
    taint = Taint(key="virtual-kubelet.io/provider", value="mock", effect="NoSchedule")
    return NodeOptions(
        provider="mock",
        node_name="virtual",
        kubeconfig=kubeconfig,
        internal_ip="127.0.0.1",
        address="127.0.0.1",
        port=0,
        taint=taint,
    )


@pytest.fixture
async def client(options: NodeOptions) -> AsyncIterator[KubeClient]:
    async with connect(options) as (found, _):
        yield found


@pytest.fixture
async def node(options: NodeOptions) -> AsyncIterator[asyncio.Task[None]]:
    ready = asyncio.Event()
    task = asyncio.create_task(serve(options, PROVIDER, MockSettings(), on_ready=ready.set))
    waiter = asyncio.create_task(ready.wait())
    await asyncio.wait({task, waiter}, timeout=DEADLINE_SECONDS, return_when=asyncio.FIRST_COMPLETED)
    waiter.cancel()
    if task.done():
        task.result()
    yield task
    if not task.done():
        signal.raise_signal(signal.SIGTERM)
        async with asyncio.timeout(DEADLINE_SECONDS):
            await task


async def until(cluster: DevCluster, condition: Callable[[], Any]) -> None:
    changed = asyncio.Event()
    stop = cluster.store.listen(lambda _change: changed.set())
    try:
        async with asyncio.timeout(DEADLINE_SECONDS):
            while not condition():
                changed.clear()
                await changed.wait()
    finally:
        stop()


def phases(cluster: DevCluster) -> dict[str, str]:
    return {pod["metadata"]["name"]: pod["status"].get("phase", "") for pod in cluster.objects("pods", "default")}


async def create(client: KubeClient, *names: str) -> None:
    for name in names:
        spec = {"nodeName": "virtual", "containers": [{"name": "main", "image": "busybox"}]}
        await client.create(PODS, {"metadata": {"name": name}, "spec": spec}, namespace="default")


@pytest.mark.usefixtures("node")
async def test_pods_run_and_are_gone_again_with_three_requests_each(cluster: DevCluster, client: KubeClient) -> None:
    names = [f"web-{number}" for number in range(20)]
    await create(client, *names)
    await until(cluster, lambda: phases(cluster) == dict.fromkeys(names, "Running"))
    for name in names:
        await client.delete(PODS, name, namespace="default")
    await until(cluster, lambda: not phases(cluster))
    assert cluster.requests["patch", "pods/status"] == 40
    assert cluster.requests["delete", "pods"] == 40, "the client's and ours"


@pytest.mark.usefixtures("node")
async def test_nothing_is_lost_or_doubled_while_watches_break_and_requests_fail(
    cluster: DevCluster, client: KubeClient
) -> None:
    await create(client, "kept", "deleted", "again")
    await until(cluster, lambda: set(phases(cluster).values()) == {"Running"})
    cluster.fail_next("watch", "pods", 500, times=2)
    cluster.fail_next("patch", "pods/status", 429)
    cluster.fail_next("patch", "pods/status", 503)
    cluster.disconnect_watches()
    await client.delete(PODS, "deleted", namespace="default")
    await client.delete(PODS, "again", namespace="default", grace_period_seconds=0)
    await create(client, "again", "new")
    cluster.compact()
    await until(cluster, lambda: phases(cluster) == {"kept": "Running", "again": "Running", "new": "Running"})


async def test_a_stop_over_real_connections_is_clean(
    cluster: DevCluster, client: KubeClient, node: asyncio.Task[None]
) -> None:
    await create(client, "web")
    await until(cluster, lambda: phases(cluster) == {"web": "Running"})
    signal.raise_signal(signal.SIGTERM)
    async with asyncio.timeout(DEADLINE_SECONDS):
        await node
    [found] = cluster.objects("nodes")
    conditions = {condition["type"]: condition for condition in found["status"]["conditions"]}
    assert (conditions["Ready"]["status"], conditions["Ready"]["reason"]) == ("False", "KubeletStopped")
    assert found["spec"]["taints"][0]["key"] == "virtual-kubelet.io/provider"
