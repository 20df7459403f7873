"""After a restart, a broken watch or a re-creation every pod is what it should be, and none runs twice."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

import pytest
from msgspec.structs import replace

from tests.support.cluster import FakeCluster
from tests.support.pods import ended, running, status_of, with_metadata
from tests.support.providers import TellingProvider, TinyProvider, controlling, mock, phase, writes
from vk_core.api.pod import Pod
from vk_core.errors import Unavailable
from vk_core.provider import OWNER_ANNOTATION
from vk_core.testing import make_pod, run_in_virtual_time, virtual_time

Make = Callable[[], TinyProvider]


@pytest.mark.parametrize("make", [TinyProvider, TellingProvider])
def test_a_restart_takes_over_what_runs_and_creates_and_writes_nothing(make: Make) -> None:
    """B8: a restart created pods again that were there already or had finished. B24: or updated them all."""

    @virtual_time
    async def scenario() -> None:
        cluster, provider = FakeCluster(), make()
        async with controlling(cluster, provider):
            for name in ("runs", "ends", "goes", "restarted"):
                cluster.add_pod(make_pod(name, restart_policy="Never"))
            await cluster.until(lambda: all(phase(cluster, name) == "Running" for name in ("runs", "ends", "goes")))
            await cluster.until(lambda: phase(cluster, "restarted") == "Running")
        uids = {pod.metadata.name: uid for uid, pod in provider.pods.items()}
        TinyProvider.set(provider, uids["ends"], status_of(ended(code=5), phase="Failed"))
        cluster.delete("pods", "default", "goes", 0)
        cluster.log.clear()
        async with controlling(cluster, provider):
            await cluster.until(lambda: phase(cluster, "ends") == "Failed")
            await asyncio.sleep(200)
            assert provider.created == ["runs", "ends", "goes", "restarted"]
            assert [pod.metadata.name for pod in provider.pods.values()] == ["runs", "ends", "restarted"]
            assert [name for name, _ in provider.deleted] == ["goes"]
            assert writes(cluster) == ["patch pods/status"], "the end of the one that ended, and nothing else"
            assert provider.updated == []

    scenario()


@virtual_time
async def test_restart_counts_do_not_fall_when_the_provider_begins_to_count_anew() -> None:
    cluster, provider = FakeCluster(), TellingProvider()
    async with controlling(cluster, provider):
        uid = cluster.add_pod(make_pod("web"))
        await cluster.until(lambda: phase(cluster) == "Running")
        provider.set(uid, status_of(running(restart_count=4), phase="Running"))
        await asyncio.sleep(1)
    TinyProvider.set(provider, uid, status_of(running(restart_count=0), phase="Running"))
    async with controlling(cluster, provider):
        await asyncio.sleep(1)
        provider.set(uid, status_of(running(restart_count=1), phase="Running"))
        await asyncio.sleep(1)
        pod = cluster.pod("web")
        assert pod is not None
        assert pod.status.container_statuses[0].restart_count == 5


class CountingProvider(TellingProvider):
    """Goes on from the restart counts in the status of pods."""

    def counts_restarts(self) -> bool:
        return True


@virtual_time
async def test_nothing_is_added_to_the_restart_counts_of_a_provider_that_goes_on_with_them() -> None:
    cluster, provider = FakeCluster(), CountingProvider()

    def restarts() -> int:
        pod = cluster.pod("web")
        assert pod is not None
        return pod.status.container_statuses[0].restart_count

    async with controlling(cluster, provider):
        uid = cluster.add_pod(make_pod("web"))
        await cluster.until(lambda: phase(cluster) == "Running")
        provider.set(uid, status_of(running(restart_count=4), phase="Running"))
        await cluster.until(lambda: restarts() == 4)
    TinyProvider.set(provider, uid, status_of(running(restart_count=3), phase="Running"))
    async with controlling(cluster, provider, resync_seconds=5):
        await asyncio.sleep(1)
        provider.set(uid, status_of(running(restart_count=5), phase="Running"))
        await cluster.until(lambda: restarts() == 5)
        provider.pods.clear()
        await cluster.until(lambda: provider.created == ["web", "web"])
        provider.set(uid, status_of(running(restart_count=6), phase="Running"))
        await asyncio.sleep(10)
        assert restarts() == 6


@virtual_time
async def test_nothing_is_started_before_the_provider_has_said_what_it_has() -> None:
    cluster, provider = FakeCluster(), TellingProvider()
    uid = cluster.add_pod(make_pod("web"))
    found = cluster.pod("web")
    assert found is not None
    provider.pods[uid] = replace(marked(found), status=status_of(running(), phase="Running"))
    provider.failures["get_pods"] = Unavailable("not yet")

    async def recover() -> None:
        await asyncio.sleep(60)
        assert provider.calls["create_pod"] == 0
        provider.failures.clear()

    async with asyncio.TaskGroup() as group:
        group.create_task(recover())
        async with controlling(cluster, provider):
            await cluster.until(lambda: phase(cluster) == "Running")
            assert provider.calls["create_pod"] == 0


def marked(pod: Pod, owner: str = "test-cluster/test-node") -> Pod:
    return with_metadata(pod, annotations={**pod.metadata.annotations, OWNER_ANNOTATION: owner})


@virtual_time
async def test_orphans_with_our_mark_are_removed_at_any_time_and_others_are_left_alone() -> None:
    cluster, provider = FakeCluster(), TellingProvider()

    def plant(name: str) -> None:
        for kind, pod in {
            "ours": marked(make_pod(f"ours-{name}")),
            "theirs": marked(make_pod(f"theirs-{name}"), "test-cluster/another-node"),
            "nobodys": with_metadata(make_pod(f"nobodys-{name}"), annotations={}),
        }.items():
            provider.pods[f"{kind}-{name}"] = with_metadata(pod, uid=f"{kind}-{name}")

    def left() -> set[str]:
        return set(provider.pods)

    plant("before")
    async with controlling(cluster, provider, resync_seconds=60) as controller:
        await cluster.until(lambda: left() == {"theirs-before", "nobodys-before"}, within=1)
        plant("after")
        await cluster.until(lambda: "ours-after" not in left(), within=61)
        await asyncio.sleep(200)
        assert left() == {"theirs-before", "nobodys-before", "theirs-after", "nobodys-after"}
        assert len(controller.book) == 0
        assert writes(cluster) == []


@virtual_time
async def test_an_orphan_that_cannot_be_removed_is_tried_again() -> None:
    cluster, provider = FakeCluster(), TellingProvider()
    provider.pods["orphan"] = with_metadata(marked(make_pod("orphan")), uid="orphan")
    provider.failures["delete_pod"] = Unavailable("not now")
    async with controlling(cluster, provider):
        await asyncio.sleep(3600)
        provider.failures.clear()
        await cluster.until(lambda: not provider.pods, within=301)


@pytest.mark.parametrize("make", [TinyProvider, TellingProvider])
def test_a_stop_that_the_provider_has_forgotten_is_asked_for_once_more_without_grace(make: Make) -> None:
    @virtual_time
    async def scenario() -> None:
        cluster, provider = FakeCluster(), make()
        provider.keeps_running = True
        async with controlling(cluster, provider, resync_seconds=60):
            cluster.add_pod(make_pod("web"))
            await cluster.until(lambda: phase(cluster) == "Running")
            cluster.delete("pods", "default", "web", 30)
            await asyncio.sleep(35)
            assert provider.deleted == [("web", 30)]
            await cluster.until(lambda: not provider.pods, within=30)
            assert provider.deleted == [("web", 30), ("web", 0)]

    scenario()


@virtual_time
async def test_a_pod_that_is_deleted_while_the_watch_is_down_is_removed_from_the_provider() -> None:
    """B1: its deletion was dropped and the workload leaked."""
    cluster, provider = FakeCluster(), TellingProvider()
    async with controlling(cluster, provider):
        cluster.add_pod(make_pod("web"))
        await cluster.until(lambda: phase(cluster) == "Running")
        cluster.disconnect_watches()
        cluster.delete("pods", "default", "web", 0)
        cluster.compact()
        await cluster.until(lambda: not provider.pods, within=5)


@virtual_time
async def test_a_deletion_that_is_seen_first_together_with_our_own_write_is_not_overlooked() -> None:
    cluster, provider = FakeCluster(), TellingProvider()
    async with controlling(cluster, provider, resync_seconds=3600):
        uid = cluster.add_pod(make_pod("web"))
        await cluster.until(lambda: phase(cluster) == "Running")
        cluster.fail("watch", "pods", code=0, times=3)
        cluster.disconnect_watches()
        cluster.delete("pods", "default", "web")
        provider.set(uid, status_of(running(restart_count=1), phase="Running"))
        await asyncio.sleep(0.01)
        cluster.compact()
        await cluster.until(lambda: phase(cluster) == "gone", within=20)


@pytest.mark.parametrize("watch_is_down", [False, True], ids=["watched", "watch down"])
def test_a_pod_that_is_made_again_under_the_same_name_is_another_pod(watch_is_down: bool) -> None:
    """B2: everything was known by name, so the new pod was never created and got the status of the old one."""

    @virtual_time
    async def scenario() -> None:
        cluster, provider = FakeCluster(), TellingProvider()
        async with controlling(cluster, provider):
            uids = [cluster.add_pod(make_pod("web-0"))]
            await cluster.until(lambda: phase(cluster, "web-0") == "Running")
            for _ in range(5):
                if watch_is_down:
                    cluster.disconnect_watches()
                    cluster.compact()
                cluster.delete("pods", "default", "web-0", 0)
                uids.append(cluster.add_pod(make_pod("web-0")))
                await cluster.until(lambda: phase(cluster, "web-0") == "Running", within=10)
            await asyncio.sleep(5)
            assert set(provider.pods) == {uids[-1]}
            assert provider.created == ["web-0"] * 6
            for verb, resource, body in cluster.log:
                if (verb, resource) == ("patch", "pods/status"):
                    assert body["metadata"]["uid"] in uids
            assert len(set(uids)) == 6

    scenario()


@virtual_time
async def test_the_status_of_the_old_pod_never_reaches_the_new_one_of_the_same_name() -> None:
    """B2, as seen by a provider that is slow to stop the old one."""
    cluster, provider = FakeCluster(), TellingProvider()
    provider.keeps_running = True
    async with controlling(cluster, provider):
        old = cluster.add_pod(make_pod("web-0"))
        await cluster.until(lambda: phase(cluster, "web-0") == "Running")
        cluster.edit("pods", "default", "web-0", {"spec": {"terminationGracePeriodSeconds": 600}})
        cluster.delete("pods", "default", "web-0", 0)
        new = cluster.add_pod(make_pod("web-0"))
        await cluster.until(lambda: phase(cluster, "web-0") == "Running")
        provider.notify(with_metadata(make_pod("web-0"), uid=old))
        provider.notify(replace(make_pod("web-0", uid=old), status=status_of(ended(code=9), phase="Failed")))
        await asyncio.sleep(100)
        pod = cluster.pod("web-0")
        assert pod is not None
        assert (pod.metadata.uid, pod.status.phase) == (new, "Running")


@virtual_time
async def test_a_stop_starts_nothing_more_and_writes_every_status_that_is_known() -> None:
    cluster, provider = FakeCluster(), TellingProvider()
    async with controlling(cluster, provider) as controller:
        uids = [cluster.add_pod(make_pod(f"web-{number}", restart_policy="Never")) for number in range(100)]
        await cluster.until(lambda: phase(cluster, "web-99") == "Running")
        cluster.latency_seconds = 0.2
        for uid in uids:
            provider.set(uid, status_of(ended(), phase="Succeeded"))
        draining = asyncio.create_task(controller.drain())
        await asyncio.sleep(0)
        cluster.add_pod(make_pod("late"))
        async with asyncio.timeout(2):
            await draining
        assert {phase(cluster, f"web-{number}") for number in range(100)} == {"Succeeded"}
        await asyncio.sleep(10)
        assert "late" not in provider.created


@pytest.mark.parametrize("seed", range(8))
def test_in_the_end_every_pod_is_what_its_specification_says(seed: int) -> None:
    draw = random.Random(seed)

    async def churn(cluster: FakeCluster) -> None:
        for _ in range(60):
            name = f"web-{draw.randrange(8)}"
            pod = cluster.pod(name)
            if pod is None:
                cluster.add_pod(make_pod(name, termination_grace_period_seconds=draw.choice([0, 1, 30])))
            elif draw.random() < 0.5:
                cluster.delete("pods", "default", name, draw.choice([None, 0, 5]))
            else:
                cluster.edit("pods", "default", name, {"metadata": {"labels": {"n": str(draw.random())}}})
            fault = draw.random()
            if fault < 0.1:
                cluster.disconnect_watches()
            elif fault < 0.15:
                cluster.disconnect_watches()
                cluster.compact()
            elif fault < 0.25:
                cluster.fail(*draw.choice([("patch", "pods/status"), ("delete", "pods"), ("watch", "pods")]), times=2)
            await asyncio.sleep(draw.choice([0, 0.001, 0.01, 1]))

    async def scenario() -> None:
        cluster, provider = FakeCluster(), mock()
        for _ in range(3):  # each round is a process that is killed
            async with controlling(cluster, provider):
                await churn(cluster)
        async with controlling(cluster, provider) as controller:
            await asyncio.sleep(400)
            wanted = {pod["metadata"]["uid"] for pod in cluster.all("pods")}
            has = await provider.get_pods()
            assert {pod.metadata.uid for pod in has} == wanted
            assert {pod["status"]["phase"] for pod in cluster.all("pods")} <= {"Running"}
            assert {pod.metadata.uid: pod.metadata.labels for pod in has} == {
                pod["metadata"]["uid"]: pod["metadata"].get("labels", {}) for pod in cluster.all("pods")
            }
            assert len(controller.book) == len(wanted)

    run_in_virtual_time(scenario())
