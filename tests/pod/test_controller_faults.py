"""What goes wrong in the provider is told to the cluster, tried again where that helps, and holds up nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from tests.support.cluster import FakeCluster
from tests.support.pods import ended, running, status_of
from tests.support.providers import TellingProvider, TinyProvider, controlling, events, phase
from vk_core.api.pod import Pod
from vk_core.api.podstatus import PodStatus
from vk_core.errors import Conflict, InvalidInput, Unavailable
from vk_core.testing import make_pod, virtual_time


@virtual_time
async def test_a_pod_that_cannot_be_created_says_why_and_no_longer_once_it_could() -> None:
    cluster, provider = FakeCluster(), TellingProvider()
    provider.failures["create_pod"] = Unavailable("no quota left")
    async with controlling(cluster, provider):
        cluster.add_pod(make_pod("web"))
        await asyncio.sleep(30)
        pod = cluster.pod("web")
        assert pod is not None
        assert (pod.status.phase, pod.status.reason, pod.status.message) == (
            "Pending",
            "ProviderFailed",
            "no quota left",
        )
        assert cluster.requests["patch", "pods/status"] == 1, "the same trouble is written once"
        provider.failures.clear()
        await cluster.until(lambda: phase(cluster) == "Running", within=60)
        pod = cluster.pod("web")
        assert pod is not None
        assert (pod.status.reason, pod.status.message) == ("", "")
        await asyncio.sleep(10)
        assert events(cluster)["ProviderCreateFailed"] >= 5
        assert events(cluster)["ProviderCreateSuccess"] == 1
        assert cluster.requests["create", "events"] == 2, "repeats are counted"


@virtual_time
async def test_a_pod_that_cannot_be_created_is_tried_for_days() -> None:
    """B4: after 20 failures it was forgotten and stayed Pending for ever."""
    cluster, provider = FakeCluster(), TellingProvider()
    provider.failures["create_pod"] = Unavailable("no quota left")
    async with controlling(cluster, provider):
        cluster.add_pod(make_pod("web"))
        await asyncio.sleep(3 * 24 * 3600)
        provider.failures.clear()
        await cluster.until(lambda: phase(cluster) == "Running", within=301)


@virtual_time
async def test_a_pod_that_cannot_be_deleted_is_tried_until_it_can() -> None:
    """B4: a pod stayed Terminating for ever when its deletion kept failing."""
    cluster, provider = FakeCluster(), TellingProvider()
    async with controlling(cluster, provider):
        cluster.add_pod(make_pod("web"))
        await cluster.until(lambda: phase(cluster) == "Running")
        provider.failures["delete_pod"] = Conflict("it is being moved")
        cluster.delete("pods", "default", "web")
        await asyncio.sleep(24 * 3600)
        assert phase(cluster) == "Running"
        assert events(cluster)["ProviderDeleteFailed"] > 100
        provider.failures.clear()
        await cluster.until(lambda: phase(cluster) == "gone", within=301)


@virtual_time
async def test_a_deletion_does_not_wait_for_the_back_off_of_a_creation() -> None:
    cluster, provider = FakeCluster(), TellingProvider()
    provider.failures["create_pod"] = Unavailable("no quota left")
    async with controlling(cluster, provider):
        cluster.add_pod(make_pod("web"))
        await asyncio.sleep(3600)
        cluster.delete("pods", "default", "web")
        await cluster.until(lambda: phase(cluster) == "gone", within=1)


@virtual_time
async def test_a_deletion_does_not_wait_for_the_back_off_of_an_update() -> None:
    cluster, provider = FakeCluster(), TellingProvider()
    async with controlling(cluster, provider, resync_seconds=10**6):
        cluster.add_pod(make_pod("web"))
        await cluster.until(lambda: phase(cluster) == "Running")
        provider.failures["update_pod"] = Unavailable("not now")
        cluster.edit("pods", "default", "web", {"metadata": {"labels": {"a": "1"}}})
        await asyncio.sleep(3600)
        cluster.delete("pods", "default", "web")
        await cluster.until(lambda: phase(cluster) == "gone", within=1)


@virtual_time
async def test_a_pod_that_has_ended_is_not_brought_back_to_life_by_a_late_status() -> None:
    cluster, provider = FakeCluster(), TellingProvider()
    async with controlling(cluster, provider):
        uid = cluster.add_pod(make_pod("web", restart_policy="Never"))
        await cluster.until(lambda: phase(cluster) == "Running")
        provider.set(uid, status_of(ended(code=4), phase="Failed"))
        provider.set(uid, status_of(running(), phase="Running"))
        await asyncio.sleep(100)
        pod = cluster.pod("web")
        assert pod is not None
        assert pod.status.phase == "Failed"
        assert pod.status.container_statuses[0].state.terminated is not None


@virtual_time
async def test_a_pod_that_is_refused_with_a_reason_has_it_as_from_a_kubelet() -> None:
    cluster, provider = FakeCluster(), TellingProvider()
    provider.failures["create_pod"] = InvalidInput("forbidden sysctl: kernel.msgmax", reason="SysctlForbidden")
    async with controlling(cluster, provider):
        cluster.add_pod(make_pod("web"))
        await cluster.until(lambda: phase(cluster) == "Failed")
        pod = cluster.pod("web")
        assert pod is not None
        assert pod.status.reason == "SysctlForbidden"
        assert pod.status.message == "Pod was rejected: forbidden sysctl: kernel.msgmax"
        await asyncio.sleep(10)
        assert events(cluster)["SysctlForbidden"] == 1


@virtual_time
async def test_a_pod_that_can_never_run_here_is_failed_and_not_tried_again() -> None:
    """B6: a pod was Failed in the cluster while a retry made it run in the provider."""
    cluster, provider = FakeCluster(), TellingProvider()
    provider.failures["create_pod"] = InvalidInput("spec.containers[0].image: expected a name")
    async with controlling(cluster, provider):
        cluster.add_pod(make_pod("web", restart_policy="Never"))
        await cluster.until(lambda: phase(cluster) == "Failed")
        provider.failures.clear()
        await asyncio.sleep(600)
        pod = cluster.pod("web")
        assert pod is not None
        assert (pod.status.reason, pod.status.message) == (
            "ProviderFailed",
            "spec.containers[0].image: expected a name",
        )
        assert provider.created == []
        assert provider.calls["create_pod"] == 1
        cluster.delete("pods", "default", "web")
        await cluster.until(lambda: phase(cluster) == "gone")


@virtual_time
async def test_a_restart_policy_of_never_does_not_make_a_passing_trouble_final() -> None:
    """B6: with restart policy Never the first failure of a creation was final, and the pod ran all the same."""
    cluster, provider = FakeCluster(), TellingProvider()
    provider.failures["create_pod"] = Unavailable("no quota left")
    async with controlling(cluster, provider):
        cluster.add_pod(make_pod("web", restart_policy="Never"))
        await cluster.until(lambda: phase(cluster) == "Pending")
        provider.failures.clear()
        await cluster.until(lambda: phase(cluster) == "Running")


@virtual_time
async def test_a_creation_that_hangs_holds_up_neither_other_pods_nor_their_statuses() -> None:
    cluster, provider = FakeCluster(), TellingProvider()
    provider.hanging = {f"create_pod hung-{number}" for number in range(3)}
    async with controlling(cluster, provider, workers=4):
        for number in range(3):
            cluster.add_pod(make_pod(f"hung-{number}"))
        uid = cluster.add_pod(make_pod("web", restart_policy="Never"))
        await cluster.until(lambda: phase(cluster) == "Running", within=1)
        provider.set(uid, status_of(ended(code=7), phase="Failed"))
        await cluster.until(lambda: phase(cluster) == "Failed", within=1)
        await asyncio.sleep(2)
        hung = cluster.pod("hung-0")
        assert hung is not None
        waiting = hung.status.container_statuses[0].state.waiting
        assert waiting is not None
        assert waiting.reason == "ContainerCreating"


@virtual_time
async def test_statuses_are_written_while_every_worker_hangs() -> None:
    cluster, provider = FakeCluster(), TellingProvider()
    async with controlling(cluster, provider, workers=2):
        uid = cluster.add_pod(make_pod("web", restart_policy="Never"))
        await cluster.until(lambda: phase(cluster) == "Running")
        provider.hanging = {"create_pod"}
        for number in range(5):
            cluster.add_pod(make_pod(f"hung-{number}"))
        await asyncio.sleep(1)
        provider.set(uid, status_of(ended(), phase="Succeeded"))
        await cluster.until(lambda: phase(cluster) == "Succeeded", within=1)


@virtual_time
async def test_a_bug_in_the_provider_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    cluster, provider = FakeCluster(), TinyProvider()
    async with controlling(cluster, provider):
        provider.failures = {"create_pod": KeyError("image"), "get_pods": TypeError("not iterable")}
        cluster.add_pod(make_pod("web"))
        await asyncio.sleep(30)
        pod = cluster.pod("web")
        assert pod is not None
        assert pod.status.message == "'image'"
        assert sum(bool(record.exc_info) for record in caplog.records) == 2, "a traceback for each bug, once"
        provider.failures.clear()
        await cluster.until(lambda: phase(cluster) == "Running")


@virtual_time
async def test_an_update_that_is_refused_is_told_and_not_repeated_and_one_that_fails_is() -> None:
    cluster, provider = FakeCluster(), TellingProvider()
    async with controlling(cluster, provider):
        cluster.add_pod(make_pod("web"))
        await cluster.until(lambda: phase(cluster) == "Running")
        provider.failures["update_pod"] = InvalidInput("labels cannot change here")
        cluster.edit("pods", "default", "web", {"metadata": {"labels": {"a": "1"}}})
        await asyncio.sleep(300)
        assert provider.calls["update_pod"] == 1
        assert events(cluster)["ProviderUpdateFailed"] == 1
        provider.failures["update_pod"] = Unavailable("not now")
        cluster.edit("pods", "default", "web", {"metadata": {"labels": {"a": "2"}}})
        await asyncio.sleep(10)
        assert provider.calls["update_pod"] > 3
        provider.failures.clear()
        await asyncio.sleep(60)
        [updated] = provider.updated
        assert updated.metadata.labels == {"a": "2"}


@pytest.mark.parametrize("policy", ["Always", "OnFailure"])
def test_a_pod_that_the_provider_has_lost_is_created_again_and_counted_as_a_restart(policy: str) -> None:
    @virtual_time
    async def scenario() -> None:
        cluster, provider = FakeCluster(), TellingProvider()
        async with controlling(cluster, provider, resync_seconds=60):
            uid = cluster.add_pod(make_pod("web", restart_policy=policy))
            await cluster.until(lambda: phase(cluster) == "Running")
            provider.lose(uid)
            await cluster.until(lambda: len(provider.created) == 2, within=61)
            await asyncio.sleep(5)
            pod = cluster.pod("web")
            assert pod is not None
            assert (pod.status.phase, pod.status.container_statuses[0].restart_count) == ("Running", 1)
            assert events(cluster)["ProviderLostPod"] == 1

    scenario()


@virtual_time
async def test_a_lost_pod_counts_one_restart_however_often_its_creation_fails() -> None:
    cluster, provider = FakeCluster(), TellingProvider()
    async with controlling(cluster, provider):
        uid = cluster.add_pod(make_pod("web"))
        await cluster.until(lambda: phase(cluster) == "Running")
        provider.failures["create_pod"] = Unavailable("no quota left")
        provider.lose(uid)
        await asyncio.sleep(300)
        provider.failures.clear()
        await cluster.until(lambda: phase(cluster) == "Running", within=301)
        pod = cluster.pod("web")
        assert pod is not None
        assert pod.status.container_statuses[0].restart_count == 1
        assert events(cluster)["ProviderLostPod"] == 1


@virtual_time
async def test_a_lost_pod_that_must_not_be_started_twice_is_failed() -> None:
    cluster, provider = FakeCluster(), TellingProvider()
    async with controlling(cluster, provider):
        uid = cluster.add_pod(make_pod("web", restart_policy="Never"))
        await cluster.until(lambda: phase(cluster) == "Running")
        provider.lose(uid)
        await cluster.until(lambda: phase(cluster) == "Failed", within=61)
        await asyncio.sleep(300)
        pod = cluster.pod("web")
        assert pod is not None
        terminated = pod.status.container_statuses[0].state.terminated
        assert terminated is not None
        assert (pod.status.reason, terminated.exit_code) == ("NotFound", 137)
        assert provider.created == ["web"]
        assert events(cluster)["NotFound"] == 1


@pytest.mark.parametrize("policy", ["Always", "Never"])
def test_a_finished_pod_that_the_provider_has_lost_stays_finished(policy: str) -> None:
    """B8: a finished pod was created again."""

    @virtual_time
    async def scenario() -> None:
        cluster, provider = FakeCluster(), TellingProvider()
        async with controlling(cluster, provider):
            uid = cluster.add_pod(make_pod("web", restart_policy=policy))
            await cluster.until(lambda: phase(cluster) == "Running")
            provider.set(uid, status_of(ended(code=4), phase="Failed"))
            await cluster.until(lambda: phase(cluster) == "Failed")
            provider.lose(uid)
            await asyncio.sleep(600)
            assert provider.created == ["web"]
            assert phase(cluster) == "Failed"
            pod = cluster.pod("web")
            assert pod is not None
            assert pod.status.reason == ""

    scenario()


@virtual_time
async def test_a_deleted_pod_that_the_provider_loses_without_a_word_is_gone_soon_after_its_time() -> None:
    cluster, provider = FakeCluster(), TellingProvider()
    provider.keeps_running = True
    async with controlling(cluster, provider, resync_seconds=600):
        uid = cluster.add_pod(make_pod("web"))
        await cluster.until(lambda: phase(cluster) == "Running")
        cluster.delete("pods", "default", "web", 1)
        await asyncio.sleep(5)
        provider.lose(uid)
        cluster.edit("pods", "default", "web", {"metadata": {"deletionTimestamp": "2020-01-01T00:00:00Z"}})
        await cluster.until(lambda: phase(cluster) == "gone", within=11)


@virtual_time
async def test_a_pod_is_lost_only_when_the_provider_says_so_about_this_very_pod() -> None:
    class Forgetful(TellingProvider):
        """Leaves pods out of its list now and then."""

        async def get_pods(self) -> Sequence[Pod]:
            return []

    cluster, provider = FakeCluster(), Forgetful()
    async with controlling(cluster, provider):
        cluster.add_pod(make_pod("web"))
        await cluster.until(lambda: phase(cluster) == "Running")
        await asyncio.sleep(600)
        assert provider.created == ["web"]
        assert provider.calls["get_pod"] >= 9


@virtual_time
async def test_a_status_that_cannot_be_written_is_written_when_it_can_and_only_the_newest() -> None:
    cluster, provider = FakeCluster(), TellingProvider()
    async with controlling(cluster, provider):
        uid = cluster.add_pod(make_pod("web"))
        await cluster.until(lambda: phase(cluster) == "Running")
        cluster.fail("patch", "pods/status", code=500, times=4)
        for count in range(1, 6):
            provider.set(uid, status_of(running(restart_count=count), phase="Running"))
            await asyncio.sleep(0.01)
        await asyncio.sleep(30)
        pod = cluster.pod("web")
        assert pod is not None
        assert pod.status.container_statuses[0].restart_count == 5
        assert cluster.requests["patch", "pods/status"] == 1 + 4 + 1


@virtual_time
async def test_a_pod_without_any_status_from_the_provider_is_no_bug(caplog: pytest.LogCaptureFixture) -> None:
    """B24: a status that was missing was a panic."""

    class Silent(TinyProvider):
        def first_status(self, pod: Pod) -> PodStatus:
            return PodStatus()

    cluster, provider = FakeCluster(), Silent()
    async with controlling(cluster, provider):
        cluster.add_pod(make_pod("web"))
        await cluster.until(lambda: phase(cluster) == "Pending")
        await asyncio.sleep(60)
        assert not [record for record in caplog.records if record.exc_info]
