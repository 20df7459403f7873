"""Services are followed where pods need their variables, and no pod waits for ever for want of them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator

import pytest

from tests.support.cluster import FakeCluster
from vk_core.materials.sources.services import ServiceStore
from vk_core.testing import run_in_virtual_time, virtual_time


@contextlib.asynccontextmanager
async def running(cluster: FakeCluster) -> AsyncIterator[ServiceStore]:
    store = ServiceStore(cluster.client)
    task = asyncio.create_task(store.run())
    await asyncio.sleep(0)
    try:
        yield store
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        assert store.watches == 0


def add(cluster: FakeCluster, namespace: str, name: str, ip: str = "10.0.0.1") -> None:
    cluster.put("services", namespace, name, {"spec": {"clusterIP": ip, "ports": [{"port": 80}]}})


async def names(store: ServiceStore, namespace: str, *, links: bool = True) -> list[str]:
    await store.ready(namespace, links)
    return [f"{service.metadata.namespace}/{service.metadata.name}" for service in store.services(namespace)]


@virtual_time
async def test_a_pod_with_links_gets_those_of_its_namespace_and_kubernetes() -> None:
    cluster = FakeCluster()
    add(cluster, "shop", "web")
    add(cluster, "other", "db")
    async with running(cluster) as store:
        store.hold("pod", "shop", True)
        assert await names(store, "shop") == ["default/kubernetes", "shop/web"]
        await asyncio.sleep(1)
        add(cluster, "shop", "cache")
        cluster.delete("services", "shop", "web")
        await asyncio.sleep(1)
        assert await names(store, "shop") == ["default/kubernetes", "shop/cache"]


@virtual_time
async def test_in_the_namespace_default_kubernetes_comes_once() -> None:
    async with running(FakeCluster()) as store:
        store.hold("pod", "default", True)
        assert await names(store, "default") == ["default/kubernetes"]


@virtual_time
async def test_without_links_there_is_one_watch_of_one_service_and_none_without_pods() -> None:
    cluster = FakeCluster()
    add(cluster, "default", "other")
    async with running(cluster) as store:
        assert (store.watches, list(store.services("shop"))) == (0, [])
        for number in range(100):
            store.hold(f"pod-{number}", f"shop-{number}", False)
        assert await names(store, "shop-1", links=False) == ["default/kubernetes"]
        assert (store.watches, cluster.requests["list", "services"]) == (1, 1)
        for number in range(100):
            store.release(f"pod-{number}")
        assert store.watches == 0


@virtual_time
async def test_a_namespace_is_followed_as_long_as_a_pod_of_it_needs_that() -> None:
    async with running(FakeCluster()) as store:
        for uid, namespace in (("a", "shop"), ("b", "shop"), ("c", "bank")):
            store.hold(uid, namespace, True)
        assert store.watches == 3
        for uid, left in (("a", 3), ("b", 2), ("c", 0), ("c", 0)):
            store.release(uid)
            assert store.watches == left


def test_where_services_are_forbidden_pods_go_on_without_and_there_is_one_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    run_in_virtual_time(_forbidden())
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert "list services" in record.getMessage()
    assert "until this works pods start without the variables of services" in record.getMessage()


async def _forbidden() -> None:
    cluster = FakeCluster()
    cluster.fail("list", "services", code=403, reason="Forbidden", times=10_000)
    async with running(cluster) as store:
        store.hold("a", "shop", True)
        async with asyncio.timeout(1):
            assert await names(store, "shop") == []
        store.hold("b", "bank", True)
        assert await names(store, "bank") == []
        await asyncio.sleep(600)
        cluster._faults.clear()
        await asyncio.sleep(20)
        assert await names(store, "bank") == ["default/kubernetes"]


@virtual_time
async def test_a_server_that_does_not_answer_for_a_moment_costs_no_pod_its_variables() -> None:
    cluster = FakeCluster()
    cluster.down = True
    async with running(cluster) as store:
        store.hold("pod", "shop", True)
        asked = asyncio.create_task(names(store, "shop"))
        await asyncio.sleep(5)
        assert not asked.done()
        cluster.down = False
        assert await asked == ["default/kubernetes"]


@virtual_time
async def test_what_is_known_stays_while_the_server_is_away_and_no_pod_waits_longer_than_it_must() -> None:
    cluster = FakeCluster()
    add(cluster, "shop", "web")
    async with running(cluster) as store:
        store.hold("pod", "shop", True)
        await names(store, "shop")
        cluster.down = True
        cluster.disconnect_watches()
        store.hold("new", "bank", True)
        async with asyncio.timeout(30):
            assert await names(store, "bank") == ["default/kubernetes"]
        assert await names(store, "shop") == ["default/kubernetes", "shop/web"]
