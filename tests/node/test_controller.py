"""The node object is registered whole, follows its provider, and comes back when it is deleted."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
from msgspec.structs import replace

from tests.node.test_view import TAINT, defaults
from tests.support.cluster import JSON, FakeCluster
from tests.support.pods import NOW
from tests.support.providers import TinyProvider
from vk_core.api.node import Node, NodeCondition, NodeSpec, Taint
from vk_core.errors import Unavailable
from vk_core.node.controller import NodeController
from vk_core.node.lease import NodeLease
from vk_core.node.restriction import Restriction
from vk_core.node.view import NodeView
from vk_core.provider import NodeCallback
from vk_core.testing import virtual_time

OTHER = Taint(key="tiny.example.com/full", effect="NoSchedule")


class Backend(TinyProvider):
    """A provider whose node changes."""

    def __init__(self) -> None:
        super().__init__()
        self.cpu = "4"
        self.taints: tuple[Taint, ...] = (TAINT,)
        self.changed: NodeCallback = lambda: None

    def notify_node_status(self, notify: NodeCallback) -> None:
        self.changed = notify

    async def ping(self) -> None:
        await self._called("ping")

    async def capacity(self) -> Mapping[str, str]:
        await self._called("capacity")
        return {"cpu": self.cpu, "pods": "10"}

    async def configure_node(self, node: Node) -> Node:
        return replace(node, spec=NodeSpec(taints=self.taints))


class OldCluster(FakeCluster):
    """An API server before 1.35: it drops a field that it does not know."""

    def _store(self, key: tuple[str, str, str], new: JSON, change: str) -> JSON:
        new.get("status", {}).pop("declaredFeatures", None)
        return super()._store(key, new, change)


@contextlib.asynccontextmanager
async def keeping(
    cluster: FakeCluster,
    provider: Backend,
    *,
    status_seconds: float = 300.0,
    restriction: Restriction | None = None,
    **view: Any,
) -> AsyncIterator[NodeController]:
    """A node controller that runs."""
    controller = NodeController(
        cluster.client,
        provider,
        NodeView(defaults(**view), provider),
        NodeLease(cluster.client, "virtual", dt.timedelta(seconds=40)),
        name="virtual",
        status_seconds=status_seconds,
        restriction=restriction,
    )
    await controller.prepare()
    controller.mark_started()
    task = asyncio.create_task(controller.run())
    try:
        await asyncio.wait({task, asyncio.ensure_future(controller.registered.wait())}, return_when="FIRST_COMPLETED")
        yield controller
        if task.done():
            task.result()
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def ready(cluster: FakeCluster) -> NodeCondition:
    node = cluster.node()
    assert node is not None
    return next(condition for condition in node.status.conditions if condition.type == "Ready")


@virtual_time
async def test_a_node_is_registered_whole_with_the_first_write() -> None:
    cluster = FakeCluster()
    async with keeping(cluster, Backend()) as controller:
        await asyncio.sleep(5)
        made = [body for verb, resource, body in cluster.log if (verb, resource) == ("create", "nodes")]
        assert len(made) == 1
        assert made[0]["spec"]["taints"] == [
            {"key": "virtual-kubelet.io/provider", "value": "tiny", "effect": "NoSchedule"}
        ]
        assert made[0]["status"]["capacity"] == {"cpu": "4", "pods": "10"}
        assert made[0]["status"]["conditions"][0]["status"] == "True"
        assert made[0]["status"]["daemonEndpoints"] == {"kubeletEndpoint": {"Port": 10250}}
        assert not [entry for entry in cluster.log if entry[0] == "patch"]
        node = cluster.node()
        assert node is not None
        assert controller.node.metadata.uid == node.metadata.uid


def test_an_unchanged_node_writes_its_status_every_five_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    def wall() -> dt.datetime:
        return NOW + dt.timedelta(seconds=int(asyncio.get_running_loop().time()))

    monkeypatch.setattr("vk_core.node.controller.utc_now", wall)

    @virtual_time
    async def scenario() -> None:
        cluster = FakeCluster()
        async with keeping(cluster, Backend()):
            await asyncio.sleep(3600)
            assert 11 <= cluster.requests["patch", "nodes/status"] <= 12
            assert cluster.requests["patch", "nodes"] == 0
            assert cluster.requests["get", "nodes"] <= 30
            beat = ready(cluster).last_heartbeat_time
            assert beat is not None
            assert wall() - beat <= dt.timedelta(minutes=5)
            assert ready(cluster).last_transition_time == NOW

    scenario()


@virtual_time
async def test_a_wall_clock_that_stands_still_makes_no_storm() -> None:
    cluster = FakeCluster()
    async with keeping(cluster, Backend()):
        await asyncio.sleep(3600)
        assert cluster.requests["get", "nodes"] <= 30


@virtual_time
async def test_a_ping_that_hangs_makes_ready_unknown_and_one_that_fails_false() -> None:
    """B11: a ping that hung left the node Ready for ever. B12: a failing one never turned Ready to False."""
    cluster, provider = FakeCluster(), Backend()
    async with keeping(cluster, provider):
        assert ready(cluster).status == "True"
        provider.hanging = {"ping"}
        await cluster.until(lambda: ready(cluster).status == "Unknown", within=16)
        assert ready(cluster).reason == "ProviderNotAnswering"
        provider.hanging.clear()
        provider.failures["ping"] = Unavailable("the back end is down")
        await cluster.until(lambda: ready(cluster).status == "False", within=16)
        assert (ready(cluster).reason, ready(cluster).message) == ("ProviderNotReady", "the back end is down")
        provider.failures.clear()
        await cluster.until(lambda: ready(cluster).status == "True", within=11)


@virtual_time
async def test_a_back_end_that_fails_or_hangs_at_everything_makes_the_node_not_ready_too() -> None:
    """B11, B12: what says how big the node is comes from the same back end as the ping."""
    cluster, provider = FakeCluster(), Backend()
    async with keeping(cluster, provider):
        provider.failures = {"ping": Unavailable("down"), "capacity": Unavailable("down")}
        await cluster.until(lambda: ready(cluster).status == "False", within=16)
        provider.failures.clear()
        await cluster.until(lambda: ready(cluster).status == "True", within=30)
        provider.hanging = {"ping", "capacity"}
        await cluster.until(lambda: ready(cluster).status == "Unknown", within=30)
        node = cluster.node()
        assert node is not None
        assert node.status.capacity["cpu"] == "4", "what was known last stays"
        provider.hanging.clear()
        provider.cpu = "8"
        await cluster.until(lambda: ready(cluster).status == "True", within=30)
        node = cluster.node()
        assert node is not None
        assert node.status.capacity["cpu"] == "8"


@virtual_time
async def test_capacity_and_taints_of_the_provider_are_followed() -> None:
    """B14: taints of a provider were ignored, and those of an existing node never updated."""
    cluster, provider = FakeCluster(), Backend()
    async with keeping(cluster, provider):
        provider.cpu, provider.taints = "2", (OTHER,)
        provider.changed()
        await asyncio.sleep(1)
        node = cluster.node()
        assert node is not None
        assert node.status.capacity["cpu"] == "2"
        assert node.spec.taints == (OTHER,)


@virtual_time
async def test_what_others_have_put_on_the_node_survives_and_ours_is_mended() -> None:
    cluster, provider = FakeCluster(), Backend()
    async with keeping(cluster, provider, labels={"zone": "a"}):
        taint = {"key": "maintenance", "effect": "NoExecute"}
        cluster.edit(
            "nodes",
            "",
            "virtual",
            {
                "metadata": {"labels": {"team": "a", "zone": "changed"}},
                "spec": {"unschedulable": True, "taints": [taint]},
            },
        )
        await asyncio.sleep(1)
        node = cluster.node()
        assert node is not None
        assert (node.metadata.labels["team"], node.metadata.labels["zone"]) == ("a", "a")
        assert node.spec.unschedulable
        assert {taint.key for taint in node.spec.taints} == {"maintenance", "virtual-kubelet.io/provider"}
        quiet = cluster.requests.total()
        await asyncio.sleep(200)
        assert cluster.requests.total() == quiet, "and then there is peace"


@virtual_time
async def test_a_node_that_somebody_deletes_is_registered_again() -> None:
    cluster, provider = FakeCluster(), Backend()
    async with keeping(cluster, provider) as controller:
        first = cluster.node()
        cluster.delete("nodes", "", "virtual", 0)
        await cluster.until(lambda: cluster.node() is not None, within=5)
        second = cluster.node()
        assert first is not None
        assert second is not None
        assert first.metadata.uid != second.metadata.uid
        assert ready(cluster).status == "True"
        assert controller.node.metadata.uid == second.metadata.uid


@virtual_time
async def test_a_node_that_is_there_already_is_taken_over() -> None:
    """B14: of an existing node neither taints nor provider ID were ever brought up to date."""
    cluster, provider = FakeCluster(), Backend()
    async with keeping(cluster, provider, labels={"old": "x"}):
        pass
    cluster.edit("nodes", "", "virtual", {"metadata": {"labels": {"team": "a"}}})
    provider.taints = (OTHER,)
    async with keeping(cluster, provider, labels={"new": "y"}):
        await asyncio.sleep(1)
        node = cluster.node()
        assert node is not None
        assert {key: value for key, value in node.metadata.labels.items() if "/" not in key} == {
            "type": "virtual-kubelet",
            "team": "a",
            "new": "y",
        }
        assert node.spec.taints == (OTHER,)


@virtual_time
async def test_an_api_server_that_is_away_is_waited_for() -> None:
    cluster, provider = FakeCluster(), Backend()
    async with keeping(cluster, provider):
        cluster.down = True
        cluster.disconnect_watches()
        provider.failures["ping"] = Unavailable("down as well")
        await asyncio.sleep(60)
        cluster.down = False
        await cluster.until(lambda: ready(cluster).status == "False", within=30)


@virtual_time
async def test_a_write_that_meets_another_one_is_repeated() -> None:
    cluster, provider = FakeCluster(), Backend()
    async with keeping(cluster, provider):
        cluster.fail("patch", "nodes", code=409, reason="Conflict", times=2)
        provider.taints = (OTHER,)
        provider.changed()
        await asyncio.sleep(1)
        node = cluster.node()
        assert node is not None
        assert node.spec.taints == (OTHER,)


@virtual_time
async def test_a_stop_is_told_and_not_taken_back_by_a_ping() -> None:
    cluster, provider = FakeCluster(), Backend()
    async with keeping(cluster, provider) as controller:
        cluster.latency_seconds = 0.05
        provider.changed()
        await asyncio.sleep(0.06)
        await controller.mark_stopped()
        assert (ready(cluster).status, ready(cluster).reason) == ("False", "KubeletStopped")
        provider.changed()
        await asyncio.sleep(60)
        assert ready(cluster).reason == "KubeletStopped"


@virtual_time
async def test_a_node_that_is_removed_on_exit_is_not_registered_again() -> None:
    cluster, provider = FakeCluster(), Backend()
    async with keeping(cluster, provider) as controller:
        await controller.remove()
        await asyncio.sleep(60)
        assert cluster.node() is None


@pytest.mark.parametrize("kept", [True, False], ids=["kept", "dropped by an old API server"])
@pytest.mark.parametrize("known", [True, False], ids=["known node", "new node"])
def test_declared_features_are_told_and_not_again_and_again(kept: bool, known: bool) -> None:
    @virtual_time
    async def scenario() -> None:
        cluster, provider = FakeCluster() if kept else OldCluster(), Backend()
        if known:
            cluster.put("nodes", "", "virtual", {"spec": {}, "status": {}})
        async with keeping(cluster, provider, declared_features=("SomeFeature",)):
            await asyncio.sleep(1)
            told = [body for verb, _, body in cluster.log if "SomeFeature" in str(body)]
            assert len(told) == 1
            node = cluster.node()
            assert node is not None
            assert node.status.declared_features == (("SomeFeature",) if kept else ())
            before = cluster.requests["patch", "nodes/status"]
            for _ in range(10):
                provider.changed()
                await asyncio.sleep(5)
            assert cluster.requests["patch", "nodes/status"] == before

    scenario()


def test_a_node_that_acts_as_a_node_leaves_its_taints_and_its_end_to_others() -> None:
    @virtual_time
    async def scenario() -> None:
        cluster, provider = FakeCluster(), Backend()
        async with keeping(cluster, provider, restriction=Restriction()) as controller:
            await asyncio.sleep(1)
            node = cluster.node()
            assert node is not None
            assert node.spec.taints == (TAINT,)
            assert "kubernetes.io/role" not in node.metadata.labels
            provider.taints = (OTHER,)
            provider.changed()
            await asyncio.sleep(1)
            await controller.remove()
            node = cluster.node()
            assert node is not None, "a node may not delete itself"
            assert node.spec.taints == (TAINT,)
            assert ready(cluster).reason == "KubeletStopped"

    scenario()
