"""The life of a pod from its creation to its end, as the cluster sees it and as the provider does."""

from __future__ import annotations

import asyncio
import datetime as dt
import threading
from typing import Any

import pytest
from msgspec.structs import replace

from tests.support.cluster import FakeCluster
from tests.support.pods import ended, pod_with, running, status_of, waiting
from tests.support.providers import (
    NODE,
    TellingProvider,
    TinyProvider,
    controlling,
    events,
    mock,
    phase,
    writes,
)
from vk_core.api.pod import PodOS
from vk_core.api.podstatus import PodStatus
from vk_core.provider import OWNER_ANNOTATION
from vk_core.testing import make_pod, virtual_time
from vk_core.testing.builders import OWNER
from vk_mock.settings import Delays, MockSettings


@virtual_time
async def test_a_pod_is_created_and_reported_with_one_write() -> None:
    cluster = FakeCluster()
    async with controlling(cluster, mock()):
        cluster.add_pod(make_pod("web"))
        await cluster.until(lambda: phase(cluster) == "Running")
        await asyncio.sleep(600)
        assert writes(cluster) == ["patch pods/status"]
        assert events(cluster) == {"ProviderCreateSuccess": 1}
        pod = cluster.pod("web")
        assert pod is not None
        assert {condition.type: condition.status for condition in pod.status.conditions}["Ready"] == "True"
        assert pod.status.host_ip == "192.0.2.1"


@virtual_time
async def test_a_pod_costs_three_requests_from_its_creation_to_its_end() -> None:
    """B10: five requests per second for everything, several of them for each pod."""
    cluster = FakeCluster()
    async with controlling(cluster, mock()):
        for number in range(50):
            cluster.add_pod(make_pod(f"web-{number}"))
        await cluster.until(lambda: all(phase(cluster, f"web-{number}") == "Running" for number in range(50)))
        for number in range(50):
            cluster.delete("pods", "default", f"web-{number}")
        await cluster.until(lambda: not cluster.all("pods"))
        await asyncio.sleep(600)
        about_pods = {key: count for key, count in cluster.requests.items() if key[1] != "events"}
        assert about_pods == {
            ("list", "pods"): 1,
            ("watch", "pods"): 1,
            ("patch", "pods/status"): 100,
            ("delete", "pods"): 50,
        }


@virtual_time
async def test_a_deleted_pod_is_gone_as_soon_as_its_containers_have_ended() -> None:
    """B3a: every graceful deletion took the full grace period. B24: a status sent with a version was refused."""
    loop = asyncio.get_running_loop()
    cluster = FakeCluster()
    settings = MockSettings(delays=Delays(stop=dt.timedelta(seconds=3)))
    async with controlling(cluster, mock(settings)):
        cluster.add_pod(make_pod("web", termination_grace_period_seconds=300))
        await cluster.until(lambda: phase(cluster) == "Running")
        cluster.delete("pods", "default", "web")
        deleted = loop.time()
        await cluster.until(lambda: phase(cluster) == "gone")
        assert 3.0 <= loop.time() - deleted < 3.2
        await asyncio.sleep(5)
        assert writes(cluster) == ["patch pods/status", "patch pods/status", "delete pods"]
        _, _, terminal = [entry for entry in cluster.log if entry[1] == "pods/status"][-1]
        _, _, options = [entry for entry in cluster.log if entry[:2] == ("delete", "pods")][-1]
        assert terminal["status"]["phase"] in {"Succeeded", "Failed"}
        assert options["gracePeriodSeconds"] == 0
        assert options["preconditions"]["uid"] == terminal["metadata"]["uid"]
        assert terminal["metadata"] == {"uid": terminal["metadata"]["uid"]}, "no version, which would lose the status"
        assert events(cluster)["ProviderDeleteSuccess"] == 1


@virtual_time
async def test_the_end_of_a_pod_is_told_before_it_is_removed_even_when_another_status_is_still_being_written() -> None:
    cluster, provider = FakeCluster(), TellingProvider()
    async with controlling(cluster, provider):
        uid = cluster.add_pod(make_pod("web"))
        await cluster.until(lambda: phase(cluster) == "Running")
        cluster.slow[("patch", "pods/status")] = 1.0
        cluster.log.clear()
        provider.set(uid, status_of(running(restart_count=1), phase="Running"))
        await asyncio.sleep(0.5)
        cluster.delete("pods", "default", "web", 30)
        await cluster.until(lambda: cluster.pod("web") is None, within=5)
        assert writes(cluster) == ["patch pods/status", "patch pods/status", "delete pods"]


@virtual_time
async def test_a_shorter_grace_period_reaches_a_pod_that_is_already_stopping() -> None:
    cluster, provider = FakeCluster(), TellingProvider()
    provider.keeps_running = True
    async with controlling(cluster, provider):
        cluster.add_pod(make_pod("web", termination_grace_period_seconds=300))
        await cluster.until(lambda: phase(cluster) == "Running")
        cluster.delete("pods", "default", "web")
        await asyncio.sleep(10)
        assert phase(cluster) == "Running"
        cluster.delete("pods", "default", "web", 2)
        await asyncio.sleep(1)
        assert provider.deleted == [("web", 300), ("web", 2)]


@virtual_time
async def test_a_pod_that_is_removed_by_force_is_stopped_in_the_provider_and_forgotten() -> None:
    """B24: what was deleted was remembered for ever."""
    cluster, provider = FakeCluster(), TellingProvider()
    async with controlling(cluster, provider) as controller:
        cluster.add_pod(make_pod("web"))
        await cluster.until(lambda: phase(cluster) == "Running")
        cluster.delete("pods", "default", "web", 0)
        await asyncio.sleep(1)
        assert provider.pods == {}
        assert len(controller.book) == 0
        assert "delete pods" not in writes(cluster)


@virtual_time
async def test_a_pod_that_is_deleted_before_it_is_created_never_starts() -> None:
    cluster, provider = FakeCluster(), TellingProvider()
    cluster.add_pod(make_pod("web"))
    cluster.delete("pods", "default", "web")
    async with controlling(cluster, provider):
        await cluster.until(lambda: phase(cluster) == "gone")
        assert provider.created == []


@virtual_time
async def test_changes_that_a_running_pod_can_take_over_reach_the_provider_once() -> None:
    """B24: fields that do not matter made storms of updates."""
    cluster, provider = FakeCluster(), TellingProvider()
    async with controlling(cluster, provider):
        cluster.add_pod(make_pod("web"))
        await cluster.until(lambda: phase(cluster) == "Running")
        cluster.edit("pods", "default", "web", {"metadata": {"finalizers": ["example.com/keep"]}})
        condition = {"type": "example.com/gate", "status": "True"}
        pod = cluster.get("pods", "default", "web")
        assert pod is not None
        cluster.edit("pods", "default", "web", {"status": {"conditions": [*pod["status"]["conditions"], condition]}})
        await asyncio.sleep(200)
        assert provider.updated == []
        cluster.edit("pods", "default", "web", {"metadata": {"labels": {"version": "2"}}})
        await asyncio.sleep(200)
        [updated] = provider.updated
        assert updated.metadata.labels == {"version": "2"}
        assert updated.metadata.annotations[OWNER_ANNOTATION] == OWNER
        assert events(cluster)["ProviderUpdateSuccess"] == 1
        assert writes(cluster) == ["patch pods/status"], "an update needs no status as long as nothing changes"


@virtual_time
async def test_conditions_and_labels_of_others_survive_every_status() -> None:
    """B5: a status was put back whole, over labels and conditions that others had written meanwhile."""
    cluster, provider = FakeCluster(), TellingProvider()
    async with controlling(cluster, provider):
        uid = cluster.add_pod(make_pod("web"))
        await cluster.until(lambda: phase(cluster) == "Running")
        pod = cluster.get("pods", "default", "web")
        assert pod is not None
        condition = {"type": "example.com/gate", "status": "True"}
        cluster.edit("pods", "default", "web", {"status": {"conditions": [*pod["status"]["conditions"], condition]}})
        cluster.edit("pods", "default", "web", {"metadata": {"labels": {"mine": "yes"}}})
        provider.set(uid, status_of(waiting(), phase="Running"))
        await asyncio.sleep(1)
        after = cluster.pod("web")
        assert after is not None
        assert after.metadata.labels == {"mine": "yes"}
        conditions = {condition.type: condition.status for condition in after.status.conditions}
        assert conditions["example.com/gate"] == "True"
        assert conditions["Ready"] == "False"


@virtual_time
async def test_a_provider_that_does_not_notify_is_asked_for_all_pods_at_once() -> None:
    """B26: every pod was asked for by itself, one after the other."""
    cluster, provider = FakeCluster(), TinyProvider()
    async with controlling(cluster, provider):
        for number in range(20):
            cluster.add_pod(make_pod(f"web-{number}"))
        await cluster.until(lambda: all(phase(cluster, f"web-{number}") == "Running" for number in range(20)))
        provider.calls.clear()
        for uid in provider.pods:
            provider.set(uid, status_of(running(restart_count=1), phase="Running"))
        await asyncio.sleep(50)
        assert 9 <= provider.calls["get_pods"] <= 11
        assert set(provider.calls) == {"get_pods"}
        pods = [cluster.pod(f"web-{number}") for number in range(20)]
        assert all(pod and pod.status.container_statuses[0].restart_count == 1 for pod in pods)
        cluster.delete("pods", "default", "web-3")
        await cluster.until(lambda: phase(cluster, "web-3") == "gone", within=3)


@virtual_time
async def test_final_container_statuses_are_written_after_the_pod_was_failed_by_somebody_else() -> None:
    """B7: a terminal phase in the cluster blocked every later status. B6: what was Failed ran on."""
    cluster, provider = FakeCluster(), TellingProvider()
    async with controlling(cluster, provider):
        cluster.add_pod(make_pod("web"))
        await cluster.until(lambda: phase(cluster) == "Running")
        cluster.edit("pods", "default", "web", {"status": {"phase": "Failed", "reason": "Evicted"}})
        await asyncio.sleep(1)
        pod = cluster.pod("web")
        assert pod is not None
        assert (pod.status.phase, pod.status.reason) == ("Failed", "Evicted")
        assert pod.status.container_statuses[0].state.terminated is not None
        assert provider.deleted == [("web", 30)]


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        pytest.param({"os": PodOS(name="windows")}, "PodOSNotSupported", id="os"),
        pytest.param({"node_selector": {"disk": "ssd"}}, "NodeAffinity", id="selector"),
    ],
)
def test_a_pod_that_the_node_cannot_take_is_failed_and_never_started(spec: dict[str, Any], reason: str) -> None:
    @virtual_time
    async def scenario() -> None:
        cluster, provider = FakeCluster(), TellingProvider()
        async with controlling(cluster, provider):
            cluster.add_pod(make_pod("web", **spec))
            await cluster.until(lambda: phase(cluster) == "Failed")
            await asyncio.sleep(200)
            pod = cluster.pod("web")
            assert pod is not None
            assert pod.status.reason == reason
            assert provider.created == []
            assert events(cluster) == {reason: 1}
            cluster.delete("pods", "default", "web")
            await cluster.until(lambda: phase(cluster) == "gone")

    scenario()


@virtual_time
async def test_the_room_of_a_pod_is_free_again_when_it_has_ended() -> None:
    cluster, provider = FakeCluster(), TellingProvider()
    small = replace(NODE, status=replace(NODE.status, allocatable={"pods": "1"}))
    async with controlling(cluster, provider, node=small):
        first = cluster.add_pod(make_pod("one", restart_policy="Never"))
        await cluster.until(lambda: phase(cluster, "one") == "Running")
        cluster.add_pod(make_pod("two"))
        await cluster.until(lambda: phase(cluster, "two") == "Failed")
        pod = cluster.pod("two")
        assert pod is not None
        assert pod.status.reason == "OutOfpods"
        provider.set(first, status_of(ended(), phase="Succeeded"))
        await asyncio.sleep(1)
        cluster.add_pod(make_pod("three"))
        await cluster.until(lambda: phase(cluster, "three") == "Running")


@virtual_time
async def test_static_mirror_and_finished_pods_are_never_started() -> None:
    cluster, provider = FakeCluster(), TellingProvider()
    cluster.add_pod(make_pod("mirror", annotations={"kubernetes.io/config.mirror": "x"}))
    cluster.add_pod(replace(make_pod("done"), status=PodStatus(phase="Succeeded")))
    async with controlling(cluster, provider):
        cluster.add_pod(make_pod("static", annotations={"kubernetes.io/config.source": "file"}))
        cluster.add_pod(replace(make_pod("failed"), status=PodStatus(phase="Failed")))
        await asyncio.sleep(200)
        assert provider.created == []
        assert writes(cluster) == []


@virtual_time
async def test_only_the_namespace_asked_for_is_taken() -> None:
    cluster, provider = FakeCluster(), TellingProvider()
    async with controlling(cluster, provider, namespace="mine"):
        cluster.add_pod(make_pod("web", namespace="other"))
        cluster.add_pod(make_pod("web", namespace="mine"))
        cluster.add_pod(make_pod("elsewhere", namespace="mine"), node_name="other-node")
        await asyncio.sleep(100)
        assert [pod.metadata.namespace for pod in provider.pods.values()] == ["mine"]
        assert provider.created == ["web"]


async def test_a_provider_may_notify_from_any_thread() -> None:
    cluster, provider = FakeCluster(), TellingProvider()
    async with controlling(cluster, provider):
        uid = cluster.add_pod(pod_with("main", name="web", restart_policy="Never"))
        await cluster.until(lambda: phase(cluster) == "Running")
        thread = threading.Thread(target=provider.set, args=(uid, status_of(ended(code=3), phase="Failed")))
        thread.start()
        await cluster.until(lambda: phase(cluster) == "Failed", within=5)
        thread.join()
