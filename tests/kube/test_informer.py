"""The informer tells about every change, deletions included, whatever happens to its connection."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import AsyncIterator

import pytest

from tests.support.cluster import FakeCluster
from vk_core.api.pod import Pod
from vk_core.kube.errors import ApiError, ApiUnavailable
from vk_core.kube.informer import Informer
from vk_core.kube.resources import PODS
from vk_core.testing import make_pod, run_in_virtual_time, virtual_time


class Follower:
    """What an informer has told, as text such as `+web`."""

    def __init__(self, cluster: FakeCluster) -> None:
        self.told: list[str] = []
        self.seen: dict[str, Pod] = {}
        self.informer = Informer[Pod, Pod](cluster.client, PODS, self._changed, field_selector="spec.nodeName=virtual")

    def _changed(self, old: Pod | None, new: Pod | None) -> None:
        pod = new or old
        assert pod is not None
        assert self.seen.get(pod.metadata.uid) == old, "told out of order"
        self.told.append(("~" if old and new else "+" if new else "-") + pod.metadata.name)
        if new is None:
            del self.seen[pod.metadata.uid]
        else:
            self.seen[pod.metadata.uid] = new


@contextlib.asynccontextmanager
async def following(cluster: FakeCluster) -> AsyncIterator[Follower]:
    follower = Follower(cluster)
    task = asyncio.create_task(follower.informer.run())
    try:
        await follower.informer.synced.wait()
        await asyncio.sleep(0.1)
        yield follower
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@virtual_time
async def test_changes_come_one_by_one_and_those_of_other_nodes_not_at_all() -> None:
    cluster = FakeCluster()
    cluster.add_pod(make_pod("old"))
    cluster.add_pod(make_pod("elsewhere"), node_name="other")
    async with following(cluster) as follower:
        cluster.add_pod(make_pod("new"))
        cluster.edit("pods", "default", "new", {"metadata": {"labels": {"a": "b"}}})
        cluster.delete("pods", "default", "old", 0)
        await asyncio.sleep(1)
        assert follower.told == ["+old", "+new", "~new", "-old"]


@virtual_time
async def test_a_broken_connection_is_continued_where_it_was() -> None:
    cluster = FakeCluster()
    cluster.add_pod(make_pod("web"))
    async with following(cluster) as follower:
        cluster.disconnect_watches()
        await asyncio.sleep(0.001)
        cluster.add_pod(make_pod("new"))
        cluster.delete("pods", "default", "web", 0)
        await asyncio.sleep(5)
        assert follower.told == ["+web", "+new", "-web"]
        assert cluster.requests["list", "pods"] == 1, "continuing needs no list"


@virtual_time
async def test_what_was_deleted_while_nobody_watched_is_told_after_the_history_is_lost() -> None:
    """B1: a pod that was deleted while the watch was down was never told to the provider."""
    cluster = FakeCluster()
    for name in ("gone", "kept", "changed"):
        cluster.add_pod(make_pod(name))
    async with following(cluster) as follower:
        last = next(pod for pod in follower.seen.values() if pod.metadata.name == "gone")
        follower.told.clear()
        cluster.disconnect_watches()
        cluster.delete("pods", "default", "gone", 0)
        cluster.edit("pods", "default", "changed", {"metadata": {"labels": {"a": "b"}}})
        cluster.compact()
        await asyncio.sleep(5)
        assert follower.told == ["-gone", "~changed"], "what has not changed is not told again"
        assert cluster.requests["list", "pods"] == 2
        assert last.metadata.uid not in follower.informer.objects


@virtual_time
async def test_a_pod_of_the_same_name_is_another_pod() -> None:
    """B2: deleted and made again while nobody watched, it looked like a change of the old one."""
    cluster = FakeCluster()
    first = cluster.add_pod(make_pod("web-0"))
    async with following(cluster) as follower:
        cluster.disconnect_watches()
        cluster.delete("pods", "default", "web-0", 0)
        second = cluster.add_pod(make_pod("web-0"))
        cluster.compact()
        await asyncio.sleep(5)
        assert first != second
        assert follower.told == ["+web-0", "-web-0", "+web-0"]
        assert list(follower.informer.objects) == [second]


@virtual_time
async def test_a_server_that_is_away_is_waited_for_and_said_so_once(caplog: pytest.LogCaptureFixture) -> None:
    cluster = FakeCluster()
    async with following(cluster) as follower:
        cluster.down = True
        cluster.disconnect_watches()
        await asyncio.sleep(300)
        tries = cluster.requests["watch", "pods"] + cluster.requests["list", "pods"]
        cluster.down = False
        cluster.add_pod(make_pod("web"))
        await asyncio.sleep(20)
        assert follower.told == ["+web"]
        assert tries < 60, "the server is not stormed"
    said = [record for record in caplog.records if "trying again" in record.message]
    assert len(said) == 1


@virtual_time
async def test_who_wants_to_know_is_told_of_every_list_and_every_error_and_may_end_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    cluster = FakeCluster()
    cluster.fail("list", "pods", code=403, reason="Forbidden", times=2)
    told: list[str] = []

    def failed(error: ApiError) -> None:
        told.append(error.reason or "unavailable")
        if len(told) > 4:
            raise error

    informer = Informer[Pod, Pod](
        cluster.client, PODS, lambda *_: None, listed=lambda: told.append("listed"), failed=failed
    )
    task = asyncio.create_task(informer.run())
    await asyncio.sleep(5)
    assert told == ["Forbidden", "Forbidden", "listed"]
    cluster.down = True
    cluster.disconnect_watches()
    with pytest.raises(ApiUnavailable):
        await task
    assert told[3:] == ["unavailable", "unavailable"]
    assert not caplog.records


@virtual_time
async def test_a_server_that_has_always_forgotten_is_not_stormed() -> None:
    cluster = FakeCluster()
    cluster.fail("watch", "pods", code=410, reason="Expired", times=10**9)
    async with following(cluster):
        await asyncio.sleep(60)
        assert cluster.requests["list", "pods"] < 30


@virtual_time
async def test_a_server_that_ends_every_watch_at_once_is_not_stormed() -> None:
    cluster = FakeCluster()
    async with following(cluster):
        for _ in range(20_000):
            cluster.end_watches()
            await asyncio.sleep(0.001)
        assert cluster.requests["watch", "pods"] < 30
        assert cluster.requests["list", "pods"] == 1


def anything(cluster: FakeCluster, draw: random.Random) -> None:
    """Something happens to the cluster."""
    name = draw.choice("abcdef")
    action = draw.randrange(8)
    if action >= 5:
        [cluster.disconnect_watches, cluster.end_watches, cluster.compact][action - 5]()
    elif cluster.pod(name) is None:
        cluster.add_pod(make_pod(name))
    elif action >= 3:
        cluster.edit("pods", "default", name, {"metadata": {"labels": {"n": str(draw.random())}}})
    else:
        cluster.delete("pods", "default", name, 0)


@pytest.mark.parametrize("seed", range(10))
def test_in_the_end_the_cache_is_the_truth(seed: int) -> None:
    draw = random.Random(seed)

    async def scenario() -> None:
        cluster = FakeCluster()
        cluster.page = 2
        async with following(cluster) as follower:
            for _ in range(300):
                anything(cluster, draw)
                await asyncio.sleep(draw.choice([0, 0, 0.001, 0.5]))
            await asyncio.sleep(30)
            truth = {pod["metadata"]["uid"]: pod["metadata"]["resourceVersion"] for pod in cluster.all("pods")}
            told = {uid: pod.metadata.resource_version for uid, pod in follower.seen.items()}
            assert told == truth
            assert follower.informer.objects == follower.seen

    run_in_virtual_time(scenario())
