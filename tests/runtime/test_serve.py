"""One virtual node from its start to its clean stop, as `virtual-kubelet run` serves it."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import logging
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import msgspec
import pytest

from tests.support.cluster import FakeCluster
from tests.support.pods import ended, status_of
from tests.support.providers import TellingProvider, phase
from vk_core.errors import NodeTaken, Unavailable, VirtualKubeletError
from vk_core.kube.client import KubeClient
from vk_core.node.lease import PROCESS_ANNOTATION, NodeLease
from vk_core.node.process import ProcessIdentity
from vk_core.provider import ProviderContext, ProviderPlugin
from vk_core.runtime.options import NodeOptions
from vk_core.runtime.serve import StartupTimeoutError, serve
from vk_core.testing import make_pod, virtual_time

FORTY = dt.timedelta(seconds=40)


class NoSettings(msgspec.Struct):
    """Nothing to set."""


class Machine(TellingProvider):
    """A provider with a beginning and an end."""

    def __init__(self) -> None:
        super().__init__()
        self.context: ProviderContext[NoSettings] | None = None
        self.started = False
        self.closed = False

    def made_for(self, context: ProviderContext[NoSettings]) -> Machine:
        self.context = context
        return self

    async def start(self) -> None:
        await self._called("start")
        self.started = True

    async def close(self) -> None:
        self.closed = True


class NoKubeletApi:
    """Stands in for the kubelet API: its sockets, files and threads know nothing of virtual time."""

    port = 10250

    def __init__(self, *_: object) -> None:
        self.closed = False

    @contextlib.asynccontextmanager
    async def serving(self, *_: object) -> AsyncIterator[Callable[[], Awaitable[bool]]]:
        yield asyncio.Event().wait

    def close(self) -> None:
        self.closed = True


class Serving:
    """A node that is served, and when it became ready."""

    def __init__(self, cluster: FakeCluster, provider: Machine, options: NodeOptions) -> None:
        self.cluster = cluster
        self.provider = provider
        self.ready = asyncio.Event()
        plugin = ProviderPlugin(api=1, description="", settings=NoSettings, create=provider.made_for)
        self.task = asyncio.create_task(serve(options, plugin, NoSettings(), on_ready=self.ready.set))

    async def until_ready(self, within: float = 10.0) -> None:
        waiter = asyncio.ensure_future(self.ready.wait())
        await asyncio.wait({waiter, self.task}, timeout=within, return_when=asyncio.FIRST_COMPLETED)
        if self.task.done():
            self.task.result()
        assert self.ready.is_set(), "not ready in time"

    async def stop(self, within: float = 10.0) -> None:
        """SIGTERM; the exit must be clean and in time."""
        signal.raise_signal(signal.SIGTERM)
        async with asyncio.timeout(within):
            await self.task


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> FakeCluster:
    """The cluster that every node connects to."""
    found = FakeCluster()

    @contextlib.asynccontextmanager
    async def connect(_options: NodeOptions) -> AsyncIterator[tuple[KubeClient, str]]:
        yield found.client, "https://fake"

    monkeypatch.setattr("vk_core.runtime.serve.connect", connect)
    monkeypatch.setattr("vk_core.runtime.serve.KubeletApi", NoKubeletApi)
    return found


def serving(cluster: FakeCluster, provider: Machine | None = None, **options: Any) -> Serving:
    given: dict[str, Any] = {"provider": "tiny", "node_name": "virtual", "internal_ip": "192.0.2.1", **options}
    return Serving(cluster, provider or Machine(), NodeOptions(**given))


Scenario = Callable[[], Awaitable[None]]


def ready_of(cluster: FakeCluster) -> tuple[str, str]:
    node = cluster.node()
    if node is None:
        return "", ""
    return next((found.status, found.reason) for found in node.status.conditions if found.type == "Ready")


def holder(cluster: FakeCluster) -> str:
    lease = cluster.get("leases", "kube-node-lease", "virtual")
    return str(lease["metadata"]["annotations"][PROCESS_ANNOTATION]) if lease else "nobody"


def test_a_node_is_ready_runs_pods_and_leaves_things_in_order_on_sigterm(cluster: FakeCluster) -> None:
    @virtual_time
    async def scenario() -> None:
        node = serving(cluster)
        await node.until_ready()
        await cluster.until(lambda: ready_of(cluster) == ("True", "KubeletReady"), within=2)
        assert node.provider.context is not None
        assert node.provider.context.owner == "cluster-uid/virtual"
        cluster.add_pod(make_pod("web"))
        await cluster.until(lambda: phase(cluster) == "Running")
        assert holder(cluster) == str(ProcessIdentity.own())
        await node.stop()
        assert ready_of(cluster) == ("False", "KubeletStopped")
        assert holder(cluster) == ""
        assert node.provider.closed
        assert phase(cluster) == "Running", "pods go on in the provider"
        assert node.provider.deleted == []

    scenario()


def test_only_pods_and_the_node_itself_are_listed_and_watched(cluster: FakeCluster) -> None:
    """B25: all secrets, config maps and services of the cluster were kept in memory. B3: and used before complete."""

    @virtual_time
    async def scenario() -> None:
        node = serving(cluster)
        await node.until_ready()
        cluster.add_pod(make_pod("web"))
        await cluster.until(lambda: phase(cluster) == "Running")
        await node.stop()
        assert {resource for verb, resource in cluster.requests if verb in {"list", "watch"}} == {"pods", "nodes"}

    scenario()


def test_a_stop_writes_the_statuses_that_are_not_written_yet(cluster: FakeCluster) -> None:
    @virtual_time
    async def scenario() -> None:
        node = serving(cluster, max_pods=200)
        await node.until_ready()
        uids = [cluster.add_pod(make_pod(f"web-{number}", restart_policy="Never")) for number in range(150)]
        await cluster.until(lambda: all(phase(cluster, f"web-{number}") == "Running" for number in range(150)))
        cluster.latency_seconds = 0.5
        for uid in uids:
            node.provider.set(uid, status_of(ended(code=3), phase="Failed"))
        await node.stop()
        assert {phase(cluster, f"web-{number}") for number in range(150)} == {"Failed"}

    scenario()


def test_a_stop_does_not_wait_for_ever_and_releases_the_node_all_the_same(cluster: FakeCluster) -> None:
    @virtual_time
    async def scenario() -> None:
        node = serving(cluster)
        await node.until_ready()
        uids = [cluster.add_pod(make_pod(f"web-{number}", restart_policy="Never")) for number in range(100)]
        await cluster.until(lambda: all(phase(cluster, f"web-{number}") == "Running" for number in range(100)))
        cluster.slow["patch", "pods/status"] = 60.0
        for uid in uids:
            node.provider.set(uid, status_of(ended(), phase="Succeeded"))
        await node.stop(within=10.0)
        assert ready_of(cluster) == ("False", "KubeletStopped")
        assert holder(cluster) == ""

    scenario()


def test_a_stop_while_the_provider_hangs_releases_the_node(cluster: FakeCluster) -> None:
    @virtual_time
    async def scenario() -> None:
        node = serving(cluster)
        node.provider.hanging = {"start"}
        await asyncio.sleep(105)
        assert cluster.requests["patch", "leases"] == 10, "the lease is kept however long the provider takes"
        assert holder(cluster) == str(ProcessIdentity.own())
        await node.stop(within=2.0)
        assert holder(cluster) == ""

    scenario()


def test_a_stop_while_the_api_server_is_away_is_clean(cluster: FakeCluster) -> None:
    @virtual_time
    async def scenario() -> None:
        node = serving(cluster)
        await node.until_ready()
        cluster.down = True
        cluster.disconnect_watches()
        await node.stop(within=10.0)
        assert node.provider.closed

    scenario()


def test_a_node_can_be_removed_on_exit_and_stays_away(cluster: FakeCluster) -> None:
    @virtual_time
    async def scenario() -> None:
        node = serving(cluster, delete_node_on_exit=True)
        await node.until_ready()
        cluster.latency_seconds = 0.2
        await node.stop()
        assert cluster.node() is None
        assert holder(cluster) == ""

    scenario()


def test_an_api_server_that_is_away_at_the_start_is_waited_for_and_said_so_once(
    cluster: FakeCluster, caplog: pytest.LogCaptureFixture
) -> None:
    @virtual_time
    async def scenario() -> None:
        cluster.down = True
        node = serving(cluster)
        await asyncio.sleep(60)
        assert len([record for record in caplog.records if "trying again" in record.message]) == 1
        cluster.down = False
        await node.until_ready()
        await node.stop()

    scenario()


@pytest.mark.parametrize(
    ("trouble", "said"),
    [
        ("the server is away", "the API server did not answer"),
        ("the lease is held", "another process holds the node's lease"),
        ("the provider does not start", "the provider did not start"),
        ("the provider does not list", "the provider did not say which pods it has"),
    ],
)
def test_a_start_that_takes_too_long_says_what_it_waited_for(cluster: FakeCluster, trouble: str, said: str) -> None:
    @virtual_time
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        node = serving(cluster, startup_timeout=dt.timedelta(seconds=30))
        if trouble == "the server is away":
            cluster.down = True
        elif trouble == "the lease is held":
            spec = {"renewTime": dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"), "leaseDurationSeconds": 99}
            body = {"metadata": {"annotations": {PROCESS_ANNOTATION: "elsewhere/1/1"}}, "spec": spec}
            cluster.put("leases", "kube-node-lease", "virtual", body)
        else:
            node.provider.hanging = {{"start": "start", "list": "get_pods"}[trouble.split()[-1]]}
        with pytest.raises(StartupTimeoutError, match=f"not Ready within --startup-timeout 30 s: {said}"):
            await node.task
        assert 30.0 <= loop.time() < 32.0

    scenario()


def test_a_node_whose_provider_does_not_say_what_it_has_is_registered_but_not_ready(cluster: FakeCluster) -> None:
    @virtual_time
    async def scenario() -> None:
        node = serving(cluster)
        node.provider.hanging = {"get_pods"}
        await cluster.until(lambda: cluster.node() is not None, within=7)
        await asyncio.sleep(60)
        assert ready_of(cluster) == ("False", "KubeletNotReady")
        assert not node.ready.is_set()
        await node.stop()

    scenario()


def test_a_provider_that_cannot_start_ends_the_process_with_its_reason(cluster: FakeCluster) -> None:
    @virtual_time
    async def scenario() -> None:
        node = serving(cluster)
        node.provider.failures["start"] = Unavailable("no route to the back end")
        with pytest.raises(VirtualKubeletError, match="the provider cannot start: no route to the back end"):
            await node.task
        assert holder(cluster) == ""

    scenario()


def test_a_second_process_stands_by_without_touching_anything_and_takes_over_on_release(
    cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    identities = iter([ProcessIdentity("host-a", 1, "1"), ProcessIdentity("host-b", 1, "1")])
    monkeypatch.setattr(ProcessIdentity, "own", classmethod(lambda _cls: next(identities)))
    caplog.set_level(logging.WARNING)

    @virtual_time
    async def scenario() -> None:
        first = NodeLease(cluster.client, "virtual", FORTY)
        await first.acquire()
        renewing = asyncio.create_task(first.renew_for_ever())
        second = serving(cluster)
        await asyncio.sleep(200)
        assert second.provider.context is None
        assert cluster.node() is None
        renewing.cancel()
        await first.release()
        await second.until_ready(within=3)
        assert holder(cluster) == "host-b/1/1"
        await second.stop()

    scenario()
    assert len([record for record in caplog.records if "standing by" in record.getMessage()]) == 1


def test_a_standby_that_is_stopped_leaves_the_lease_alone(
    cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    identities = iter([ProcessIdentity("host-a", 1, "1"), ProcessIdentity("host-b", 1, "1")])
    monkeypatch.setattr(ProcessIdentity, "own", classmethod(lambda _cls: next(identities)))

    @virtual_time
    async def scenario() -> None:
        await NodeLease(cluster.client, "virtual", FORTY).acquire()
        second = serving(cluster)
        await asyncio.sleep(5)
        await second.stop(within=1.0)
        assert holder(cluster) == "host-a/1/1"

    scenario()


def test_a_node_that_was_taken_by_another_process_ends_without_touching_it(cluster: FakeCluster) -> None:
    @virtual_time
    async def scenario() -> None:
        node = serving(cluster)
        await node.until_ready()
        cluster.add_pod(make_pod("web"))
        await cluster.until(lambda: phase(cluster) == "Running")
        cluster.edit(
            "leases",
            "kube-node-lease",
            "virtual",
            {"metadata": {"annotations": {PROCESS_ANNOTATION: "elsewhere/1/1"}}},
        )
        with pytest.raises(NodeTaken):
            await node.task
        assert holder(cluster) == "elsewhere/1/1"
        assert ready_of(cluster)[0] == "True"
        assert node.provider.closed
        assert node.provider.deleted == []

    scenario()
