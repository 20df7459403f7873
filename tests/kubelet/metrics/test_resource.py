"""`/metrics/resource` and `/stats/summary`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.support.kubelet import ScriptedProvider, backend_of, serving
from tests.support.providers import TinyProvider
from vk_core.api.stats import (
    ContainerStats,
    CPUStats,
    FsStats,
    MemoryStats,
    NetworkStats,
    NodeStats,
    PodReference,
    PodStats,
    Summary,
)
from vk_core.errors import Unavailable
from vk_core.kubelet.metrics.nodetotal import NodeTotal
from vk_core.kubelet.metrics.resource import render
from vk_core.kubelet.routes import attach_stats_routes
from vk_core.provider import Provider

NOW = dt.datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=dt.UTC)
BEFORE = NOW - dt.timedelta(hours=1)
MILLISECONDS = 1767323045678


def cpu(seconds: float | None) -> CPUStats:
    return CPUStats(time=NOW, usage_core_nano_seconds=None if seconds is None else round(seconds * 1e9))


def memory(size: int | None, time: dt.datetime = NOW) -> MemoryStats:
    return MemoryStats(time=time, working_set_bytes=size)


def container(name: str, seconds: float | None = 2.5, size: int | None = 100) -> ContainerStats:
    return ContainerStats(name=name, start_time=BEFORE, cpu=cpu(seconds), memory=memory(size))


def pod(*containers: ContainerStats, name: str = "web", **fields: object) -> PodStats:
    reference = PodReference(name=name, namespace="default", uid=f"uid-of-{name}")
    return PodStats(pod_ref=reference, start_time=BEFORE, containers=containers, **fields)  # type: ignore[arg-type]


def summary(*pods: PodStats, **node: object) -> Summary:
    return Summary(node=NodeStats(node_name="virtual", start_time=BEFORE, **node), pods=pods)  # type: ignore[arg-type]


Samples = dict[tuple[str, ...], tuple[float, float | None]]


def samples(text: str) -> Samples:
    """Value and time of every sample, by its name and the values of its labels."""
    found: Samples = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            time = sample.timestamp
            found[sample.name, *sample.labels.values()] = (sample.value, None if time is None else float(time))
    return found


async def page(*pods: PodStats, total: NodeTotal | None = None) -> Samples:
    return samples((await render(summary(*pods), total or NodeTotal())).decode())


async def get(provider: Provider, path: str) -> aiohttp.ClientResponse:
    backend = backend_of(provider, [])
    async with (
        serving(lambda app: attach_stats_routes(app, backend)) as url,
        aiohttp.ClientSession(url) as client,
        client.get(path) as response,
    ):
        await response.read()
        return response


async def test_the_page_has_kubelets_names_labels_and_times() -> None:
    text = (await render(summary(pod(container("main"))), NodeTotal())).decode()
    when = f" {MILLISECONDS}\n"
    labels = '{container="main",namespace="default",pod="web"}'
    for line in (
        "node_cpu_usage_seconds_total 2.5" + when,
        "node_memory_working_set_bytes 100.0" + when,
        f"container_cpu_usage_seconds_total{labels} 2.5" + when,
        f"container_memory_working_set_bytes{labels} 100.0" + when,
        f"container_start_time_seconds{labels} {BEFORE.timestamp()}\n",
        'pod_cpu_usage_seconds_total{namespace="default",pod="web"} 2.5' + when,
        'pod_memory_working_set_bytes{namespace="default",pod="web"} 100.0' + when,
        "resource_scrape_error 0.0\n",
    ):
        assert f"\n{line}" in text
    kinds = {family.name: (family.type, bool(family.documentation)) for family in text_string_to_metric_families(text)}
    assert kinds == {
        "node_cpu_usage_seconds": ("counter", True),
        "node_memory_working_set_bytes": ("gauge", True),
        "container_cpu_usage_seconds": ("counter", True),
        "container_memory_working_set_bytes": ("gauge", True),
        "container_start_time_seconds": ("gauge", True),
        "pod_cpu_usage_seconds": ("counter", True),
        "pod_memory_working_set_bytes": ("gauge", True),
        "resource_scrape_error": ("gauge", True),
    }


@pytest.mark.parametrize(("seconds", "size"), [(0.0, 100), (None, 100), (2.5, 0), (2.5, None)])
async def test_a_container_that_would_hide_its_pod_is_left_out(seconds: float | None, size: int | None) -> None:
    found = await page(pod(container("new", seconds, size), container("old", 1.0, 50)))
    assert {key[1:] for key in found if key[0].startswith("container_")} == {("old", "default", "web")}
    assert found["pod_cpu_usage_seconds_total", "default", "web"][0] == 1.0


async def test_cpu_and_memory_of_a_container_have_the_same_time() -> None:
    late = ContainerStats(name="main", start_time=BEFORE, cpu=cpu(1.0), memory=memory(5, NOW + dt.timedelta(seconds=3)))
    found = await page(pod(late))
    times = {found[f"container_{name}", "main", "default", "web"][1] for name in FAMILIES}
    assert len(times) == 1


FAMILIES = ("cpu_usage_seconds_total", "memory_working_set_bytes")


async def test_a_pod_is_the_sum_of_its_containers_unless_the_provider_knows_better() -> None:
    both = (container("a", 1.0, 10), container("b", 2.0, 20))
    found = await page(pod(*both), pod(*both, name="known", cpu=cpu(7.0), memory=memory(70)))
    values = {key[-1]: found[key][0] for key in found if key[0] == "pod_cpu_usage_seconds_total"}
    assert values == {"web": 3.0, "known": 7.0}
    assert found["pod_memory_working_set_bytes", "default", "web"][0] == 30


def node_of(found: Samples) -> tuple[float, float]:
    return found["node_cpu_usage_seconds_total",][0], found["node_memory_working_set_bytes",][0]


async def test_the_cpu_time_of_the_node_never_runs_backwards() -> None:
    total = NodeTotal()
    one, two = pod(container("main", 10.0), name="one"), pod(container("main", 20.0), name="two")
    rounds: Iterable[tuple[tuple[PodStats, ...], tuple[float, float]]] = [
        ((one, two), (30.0, 200.0)),
        ((two,), (30.0, 100.0)),  # one is gone
        ((pod(container("main", 1.0), name="two"),), (31.0, 100.0)),  # the other was started anew
        ((), (31.0, 1.0)),
        ((one,), (41.0, 100.0)),
    ]
    for pods, expected in rounds:
        assert node_of(await page(*pods, total=total)) == expected


async def test_a_node_that_does_nothing_yet_is_shown() -> None:
    assert all(value > 0 for value in node_of(await page()))


async def test_the_nodes_own_figures_come_first() -> None:
    own = summary(pod(container("main")), cpu=cpu(99.0), memory=memory(999))
    assert node_of(samples((await render(own, NodeTotal())).decode())) == (99.0, 999.0)


async def test_a_provider_that_fails_leaves_a_page_that_says_so() -> None:
    provider = ScriptedProvider()

    async def fail() -> Summary:
        raise Unavailable("back end gone")

    provider.stats = fail
    response = await get(provider, "/metrics/resource")
    assert response.status == 200
    assert samples(await response.text()) == {("resource_scrape_error",): (1.0, None)}


async def test_a_provider_with_a_page_of_its_own_is_taken_at_its_word() -> None:
    class Ready(TinyProvider):
        async def get_metrics_resource(self) -> str:
            return "node_cpu_usage_seconds_total 1\n"

    response = await get(Ready(), "/metrics/resource")
    assert response.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert await response.text() == "node_cpu_usage_seconds_total 1\n"


async def test_the_summary_can_be_asked_for_without_networks_and_file_systems() -> None:
    provider = ScriptedProvider()
    space, network = FsStats(time=NOW, used_bytes=1), NetworkStats(time=NOW, rx_bytes=1)
    one = ContainerStats(name="main", start_time=BEFORE, cpu=cpu(1.0), memory=memory(1), rootfs=space, logs=space)

    async def stats() -> Summary:
        return summary(pod(one, network=network, ephemeral_storage=space), fs=space, network=network)

    provider.stats = stats
    whole = await (await get(provider, "/stats/summary")).json()
    assert whole["pods"][0]["ephemeral-storage"]["usedBytes"] == 1
    assert whole["pods"][0]["podRef"] == {"name": "web", "namespace": "default", "uid": "uid-of-web"}
    small = await (await get(provider, "/stats/summary?only_cpu_and_memory=true")).json()
    assert set(small["node"]) == {"nodeName", "startTime"}
    assert set(small["pods"][0]) == {"podRef", "startTime", "containers"}
    assert set(small["pods"][0]["containers"][0]) == {"name", "startTime", "cpu", "memory"}


async def test_a_summary_without_pods_has_an_empty_list() -> None:
    provider = ScriptedProvider()

    async def stats() -> Summary:
        return summary()

    provider.stats = stats
    assert (await (await get(provider, "/stats/summary")).json())["pods"] == []
