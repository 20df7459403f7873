"""One process at a time is the node; the next one waits for no longer than it must."""

from __future__ import annotations

import asyncio
import datetime as dt
import itertools

import pytest
from msgspec.structs import replace

from tests.support.cluster import FakeCluster
from vk_core.api.coordination import Lease, LeaseSpec
from vk_core.api.meta import ObjectMeta, micro_time
from vk_core.errors import NodeTaken
from vk_core.kube.errors import AccessForbidden
from vk_core.node.lease import PROCESS_ANNOTATION, NodeLease, Observation, may_take
from vk_core.node.process import ProcessIdentity
from vk_core.testing import virtual_time

WALL = dt.datetime(2026, 1, 1, 12, 0, 0, tzinfo=dt.UTC)
OWN = ProcessIdentity.own()
ELSEWHERE = ProcessIdentity("other-host.1", 7, "99")
DEAD = ProcessIdentity(OWN.host, 2**22 + 1, "1")
FORTY = dt.timedelta(seconds=40)


def held(by: ProcessIdentity | str | None, *, ago: float = 0, duration: int | None = 40) -> Lease:
    annotations = {} if by is None else {PROCESS_ANNOTATION: str(by)}
    renewed = micro_time(WALL - dt.timedelta(seconds=ago))
    spec = LeaseSpec(holder_identity="virtual", lease_duration_seconds=duration, renew_time=renewed)
    return Lease(metadata=ObjectMeta(name="virtual", annotations=annotations), spec=spec)


@pytest.mark.parametrize(
    ("lease", "watched", "allowed"),
    [
        pytest.param(held(""), 0, True, id="released"),
        pytest.param(held(OWN), 0, True, id="our own"),
        pytest.param(held(DEAD), 0, True, id="a dead process of this host"),
        pytest.param(held(ELSEWHERE), 0, False, id="another host's, fresh"),
        pytest.param(held(None), 0, False, id="somebody's who leaves no identity"),
        pytest.param(held("not an identity"), 0, False, id="an identity that cannot be read"),
        pytest.param(held(ELSEWHERE), 39.9, False, id="unchanged for less than its duration"),
        pytest.param(held(ELSEWHERE), 40, True, id="unchanged for its duration"),
        pytest.param(held(ELSEWHERE, duration=10), 10, True, id="unchanged for its own shorter duration"),
        pytest.param(held(ELSEWHERE, duration=None), 39, False, id="no duration: ours, not yet over"),
        pytest.param(held(ELSEWHERE, duration=None), 40, True, id="no duration: ours"),
        pytest.param(held(ELSEWHERE, ago=60), 0, False, id="old by the wall clock, which may be wrong"),
        pytest.param(held(ELSEWHERE, ago=80), 0, True, id="very old by the wall clock"),
        pytest.param(held(ELSEWHERE, ago=-3600), 39, False, id="renewed in the future: clocks differ"),
        pytest.param(held(ELSEWHERE, ago=-3600), 40, True, id="renewed in the future, but no longer renewed"),
        pytest.param(replace(held(ELSEWHERE), spec=LeaseSpec()), 0, True, id="never renewed"),
    ],
)
def test_who_may_take_a_lease(lease: Lease, watched: float, allowed: bool) -> None:
    observed = Observation(lease.spec.renew_time or "", 1000.0)
    assert may_take(lease, OWN, observed, now_seconds=1000.0 + watched, wall=WALL, lease_seconds=40) is allowed


async def keep(lease: NodeLease) -> None:
    await lease.acquire()
    await lease.renew_for_ever()


@virtual_time
async def test_the_lease_is_that_of_a_kubelet_and_renewed_every_quarter_without_drift() -> None:
    loop = asyncio.get_running_loop()
    cluster = FakeCluster()
    lease = NodeLease(cluster.client, "virtual", FORTY)
    task = asyncio.create_task(keep(lease))
    await asyncio.sleep(1)
    lease.node_uid = "node-uid"
    cluster.latency_seconds = 3.0
    times = []
    for _ in range(20):
        before = cluster.requests["patch", "leases"]
        await cluster.until(lambda before=before: cluster.requests["patch", "leases"] > before)  # type: ignore[misc]
        times.append(loop.time())
    task.cancel()
    assert all(9.9 <= after - before <= 10.1 for before, after in itertools.pairwise(times))
    found = cluster.get("leases", "kube-node-lease", "virtual")
    assert found is not None
    assert found["spec"]["holderIdentity"] == "virtual"
    assert found["spec"]["leaseDurationSeconds"] == 40
    assert found["metadata"]["ownerReferences"] == [
        {"apiVersion": "v1", "kind": "Node", "name": "virtual", "uid": "node-uid"}
    ]


@virtual_time
async def test_a_lease_that_cannot_be_renewed_is_tried_every_second_and_a_stop_does_not_wait_for_it() -> None:
    """B13: the back-off slept twice and did not notice a cancellation."""
    loop = asyncio.get_running_loop()
    cluster = FakeCluster()
    task = asyncio.create_task(keep(NodeLease(cluster.client, "virtual", FORTY)))
    await asyncio.sleep(5)
    cluster.down = True
    await asyncio.sleep(20)
    assert 13 <= sum(verb == "patch" for verb, _, _ in cluster.log) <= 17
    before = loop.time()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert loop.time() == before


@virtual_time
async def test_a_lease_that_was_deleted_or_changed_by_others_is_kept() -> None:
    cluster = FakeCluster()
    task = asyncio.create_task(keep(NodeLease(cluster.client, "virtual", FORTY)))
    await asyncio.sleep(5)
    cluster.delete("leases", "kube-node-lease", "virtual", 0)
    await asyncio.sleep(10)
    assert cluster.get("leases", "kube-node-lease", "virtual") is not None
    cluster.edit("leases", "kube-node-lease", "virtual", {"metadata": {"labels": {"a": "b"}}})
    before = cluster.requests["patch", "leases"]
    await asyncio.sleep(30)
    task.cancel()
    assert cluster.requests["patch", "leases"] - before >= 3


class Processes:
    """Two processes on different hosts that want to be the same node."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        identities = iter([ProcessIdentity("host-a", 1, "1"), ProcessIdentity("host-b", 1, "1")])
        monkeypatch.setattr(ProcessIdentity, "own", classmethod(lambda _cls: next(identities)))


def test_a_second_process_stands_by_and_takes_over(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    Processes(monkeypatch)

    @virtual_time
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        cluster = FakeCluster()
        first, second = (NodeLease(cluster.client, "virtual", FORTY) for _ in range(2))
        holding = asyncio.create_task(keep(first))
        await asyncio.sleep(1)
        waiting = asyncio.create_task(second.acquire())
        await asyncio.sleep(300)
        assert not waiting.done()
        holding.cancel()
        stopped = loop.time()
        await waiting
        assert 30 <= loop.time() - stopped <= 42, "as soon as the lease has run out, not before"

    scenario()
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 1
    assert said[0].startswith("standing by: node virtual is held by another process (host-a/1/1, renewed ")


def test_a_release_lets_the_next_process_take_over_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    Processes(monkeypatch)

    @virtual_time
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        cluster = FakeCluster()
        first, second = (NodeLease(cluster.client, "virtual", FORTY) for _ in range(2))
        await first.acquire()
        waiting = asyncio.create_task(second.acquire())
        await asyncio.sleep(10)
        assert not waiting.done()
        await first.release()
        released = loop.time()
        await waiting
        assert loop.time() - released <= 1.1

    scenario()


def test_a_process_that_was_cut_off_too_long_steps_back(monkeypatch: pytest.MonkeyPatch) -> None:
    Processes(monkeypatch)

    @virtual_time
    async def scenario() -> None:
        cluster = FakeCluster()
        first, second = (NodeLease(cluster.client, "virtual", FORTY) for _ in range(2))
        holding = asyncio.create_task(keep(first))
        await asyncio.sleep(5)
        cluster.down = True
        await asyncio.sleep(6)
        cluster.edit(
            "leases",
            "kube-node-lease",
            "virtual",
            {"metadata": {"annotations": {PROCESS_ANNOTATION: str(second._own)}}},
        )
        cluster.down = False
        with pytest.raises(NodeTaken, match="another process has taken over the node virtual"):
            await holding

    scenario()


def test_a_standby_outlives_a_server_that_goes_away(monkeypatch: pytest.MonkeyPatch) -> None:
    Processes(monkeypatch)

    @virtual_time
    async def scenario() -> None:
        cluster = FakeCluster()
        first, second = (NodeLease(cluster.client, "virtual", FORTY) for _ in range(2))
        await first.acquire()
        waiting = asyncio.create_task(second.acquire())
        await asyncio.sleep(5)
        cluster.down = True
        await asyncio.sleep(20)
        cluster.down = False
        await first.release()
        async with asyncio.timeout(5):
            await waiting

    scenario()


def test_the_time_without_a_server_does_not_count_against_the_holder(monkeypatch: pytest.MonkeyPatch) -> None:
    Processes(monkeypatch)

    @virtual_time
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        cluster = FakeCluster()
        first, second = (NodeLease(cluster.client, "virtual", FORTY) for _ in range(2))
        await first.acquire()
        waiting = asyncio.create_task(second.acquire())
        await asyncio.sleep(5)
        cluster.down = True
        await asyncio.sleep(600)
        cluster.down = False
        back = loop.time()
        await waiting
        assert 38 <= loop.time() - back <= 42

    scenario()


def test_a_server_that_forbids_the_lease_is_an_error_at_once() -> None:
    @virtual_time
    async def scenario() -> None:
        cluster = FakeCluster()
        cluster.fail("get", "leases", code=403, reason="Forbidden")
        with pytest.raises(AccessForbidden, match="get leases kube-node-lease/virtual"):
            await NodeLease(cluster.client, "virtual", FORTY).acquire()

    scenario()
