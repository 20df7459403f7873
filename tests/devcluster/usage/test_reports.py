"""`metrics.k8s.io`: asked for, it asks the kubelets, and says what they have used since it last did."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from tests.devcluster.client import NODES, PODS, TABLE, Client
from tests.devcluster.kubelets.fakekubelet import Exchange, FakeKubelet
from vk_core.devcluster.usage import scraper

BASE = "/apis/metrics.k8s.io/v1beta1"
MEASURED_PODS = f"{BASE}/namespaces/default/pods"


def measures(kubelet: FakeKubelet) -> None:
    """Lets the kubelet say that every second half a core was used by the node, and a quarter by the one container."""
    ticks = itertools.count(1_767_000_000)

    async def answer(exchange: Exchange) -> None:
        second = next(ticks)
        elapsed = second - 1_767_000_000
        text = f"""\
node_cpu_usage_seconds_total {100 + elapsed / 2} {second}000
node_memory_working_set_bytes 2097152 {second}000
container_cpu_usage_seconds_total{{container="c",namespace="default",pod="p"}} {1 + elapsed / 4} {second}000
container_memory_working_set_bytes{{container="c",namespace="default",pod="p"}} 1025 {second}000
"""
        await exchange.answer("200 OK", text.encode())

    kubelet.script = answer


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second question follows at once: the scripted kubelet has a clock of its own."""
    monkeypatch.setattr(scraper, "QUICK_SECONDS", 0)


async def test_nodes_and_pods_are_measured_when_somebody_asks(client: Client, kubelet: FakeKubelet) -> None:
    measures(kubelet)
    await client.patch(f"{PODS}/p", {"metadata": {"labels": {"app": "web"}}})
    (found,) = (await client.get(f"{BASE}/nodes")).body["items"]
    assert found["usage"] == {"cpu": "500000000n", "memory": "2048Ki"}
    assert (found["timestamp"], found["window"]) == ("2025-12-29T09:20:01Z", "1s")
    answer = (await client.get(MEASURED_PODS)).body
    assert answer["kind"] == "PodMetricsList"
    (found,) = answer["items"]
    assert found["metadata"].pop("creationTimestamp")
    assert found == {
        "kind": "PodMetrics",
        "apiVersion": "metrics.k8s.io/v1beta1",
        "metadata": {"name": "p", "namespace": "default", "labels": {"app": "web"}},
        "timestamp": "2025-12-29T09:20:01Z",
        "window": "1s",
        "containers": [{"name": "c", "usage": {"cpu": "250000000n", "memory": "2Ki"}}],
    }
    assert [request.path for request in kubelet.requests] == ["/metrics/resource"] * 2
    assert kubelet.requests[0].subject["commonName"] == "kube-apiserver-kubelet-client"


async def test_measurements_are_selected_and_fetched_by_name(client: Client, kubelet: FakeKubelet) -> None:
    measures(kubelet)
    await client.patch(f"{PODS}/p", {"metadata": {"labels": {"app": "web"}}})
    assert (await client.get(f"{MEASURED_PODS}?labelSelector=app%3Dweb")).names == ["p"]
    assert (await client.get(f"{BASE}/pods?labelSelector=app!%3Dweb")).names == []
    assert (await client.get(f"{BASE}/namespaces/kube-system/pods")).names == []
    assert (await client.get(f"{MEASURED_PODS}/p")).metadata["name"] == "p"
    assert (await client.get(f"{BASE}/nodes/n")).metadata["name"] == "n"
    answer = await client.get(f"{MEASURED_PODS}/many")
    assert (answer.code, answer.body["message"]) == (404, 'podmetrics.metrics.k8s.io "default/many" not found')
    answer = await client.get(f"{BASE}/nodes/x")
    assert (answer.code, answer.body["message"]) == (404, 'nodemetrics.metrics.k8s.io "x" not found')
    assert (await client.post(MEASURED_PODS, {})).code == 405
    (row,) = (await client.get(MEASURED_PODS, accept=TABLE)).body["rows"]
    assert row["cells"] == ["p", "250m", "2Ki", "1s"]


async def test_a_node_that_does_not_answer_is_left_out_and_named_once(
    client: Client, kubelet: FakeKubelet, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        assert (await client.get(f"{BASE}/nodes")).names == []
    assert [record.getMessage() for record in caplog.records] == [
        f"node n does not tell what it uses: 500, message='Internal Server Error', "
        f"url='https://127.0.0.1:{kubelet.port}/metrics/resource'"
    ]
    measures(kubelet)
    await client.delete(f"{NODES}/n")
    assert (await client.get(f"{BASE}/nodes")).names == []


async def test_kubelets_are_left_alone_when_nobody_asks_any_more(
    client: Client, kubelet: FakeKubelet, monkeypatch: pytest.MonkeyPatch
) -> None:
    measures(kubelet)
    monkeypatch.setattr(scraper, "INTERVAL_SECONDS", 0)
    monkeypatch.setattr(scraper, "INTEREST_SECONDS", 0.2)
    await client.get(f"{BASE}/nodes")
    task = next(task for task in asyncio.all_tasks() if task.get_name() == "devcluster-metrics")
    await asyncio.wait_for(task, 10)
    asked = len(kubelet.requests)
    assert asked > 2
    await client.get(f"{BASE}/nodes")
    assert len(kubelet.requests) > asked


async def test_who_asks_again_later_hears_of_pods_that_have_started_meanwhile(
    client: Client, kubelet: FakeKubelet, monkeypatch: pytest.MonkeyPatch
) -> None:
    measures(kubelet)
    await client.get(MEASURED_PODS)
    await client.get(MEASURED_PODS)
    assert len(kubelet.requests) == 2
    monkeypatch.setattr(scraper, "FRESH_SECONDS", 0)
    assert (await client.get(MEASURED_PODS)).body["items"][0]["timestamp"] == "2025-12-29T09:20:02Z"
