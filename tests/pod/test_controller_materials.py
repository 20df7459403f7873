"""A pod that refers to something missing waits for it, says what, and goes on as soon as it is there."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

from tests.support.cluster import FakeCluster
from tests.support.providers import TellingProvider, controlling, events, phase, writes
from vk_core.api.pod import Pod
from vk_core.api.podstatus import ContainerStateWaiting, PodStatus
from vk_core.api.volumes import NFSVolumeSource, Volume
from vk_core.errors import InvalidInput, MaterialMissing, Unavailable
from vk_core.testing import make_container, make_pod, virtual_time

NO_SETTINGS = 'configmap "settings" not found'


class MountingProvider(TellingProvider):
    def mountable_volumes(self) -> Collection[str]:
        return {"configMap"}


class AdoptingProvider(TellingProvider):
    def __init__(self) -> None:
        super().__init__()
        self.adopted: list[Pod] = []

    async def adopt_pod(self, pod: Pod) -> None:
        await self._called("adopt_pod", pod)
        self.adopted.append(pod)


class Follower:
    def __init__(self) -> None:
        self.changed: list[Pod] = []
        self.gone: list[str] = []

    def pod_changed(self, pod: Pod) -> None:
        self.changed.append(pod)

    def pod_gone(self, uid: str) -> None:
        self.gone.append(uid)


def waits(cluster: FakeCluster) -> dict[str, ContainerStateWaiting | None]:
    pod = cluster.pod("web")
    assert pod is not None
    statuses = (*pod.status.init_container_statuses, *pod.status.container_statuses)
    return {status.name: status.state.waiting for status in statuses}


def messages(cluster: FakeCluster, reason: str) -> set[str]:
    return {event["message"] for event in cluster.all("events") if event["reason"] == reason}


@virtual_time
async def test_a_container_whose_environment_lacks_something_says_so_and_the_others_just_wait() -> None:
    cluster, provider = FakeCluster(), TellingProvider()
    reason = "CreateContainerConfigError"
    provider.failures["create_pod"] = MaterialMissing(NO_SETTINGS, reason=reason, container_name="main")
    async with controlling(cluster, provider):
        cluster.add_pod(make_pod("web", containers=(make_container("main"), make_container("other"))))
        await cluster.until(lambda: phase(cluster) == "Pending" and waits(cluster))
        await asyncio.sleep(600)
        assert waits(cluster) == {
            "main": ContainerStateWaiting(reason=reason, message=NO_SETTINGS),
            "other": ContainerStateWaiting(reason="ContainerCreating"),
        }
        pod = cluster.pod("web")
        assert pod is not None
        assert pod.status.reason == ""
        assert "ProviderCreateFailed" not in events(cluster), "whoever looked for it tells about it"


@virtual_time
async def test_what_is_missing_and_was_not_told_yet_is_told_as_kubelet_does() -> None:
    cluster, provider = FakeCluster(), TellingProvider()
    no_folder = "hostPath type check failed: /srv is not a directory"
    async with controlling(cluster, provider):
        provider.failures["create_pod"] = MaterialMissing(no_folder, reason="FailedMount")
        cluster.add_pod(make_pod("web"))
        await cluster.until(lambda: no_folder in messages(cluster, "FailedMount"))
        no_part = "failed to prepare subPath"
        provider.failures["create_pod"] = MaterialMissing(
            no_part, reason="CreateContainerConfigError", container_name="main"
        )
        cluster.add_pod(make_pod("other"))
        await cluster.until(lambda: f"Error: {no_part}" in messages(cluster, "Failed"))
        provider.failures["create_pod"] = MaterialMissing(NO_SETTINGS, reason="FailedMount", is_told=True)
        cluster.add_pod(make_pod("third"))
        await asyncio.sleep(600)
        assert NO_SETTINGS not in messages(cluster, "FailedMount")


@virtual_time
async def test_what_is_missing_is_looked_for_at_once_when_something_changed_whatever_the_back_off() -> None:
    cluster, provider = FakeCluster(), TellingProvider()
    provider.failures["create_pod"] = MaterialMissing(NO_SETTINGS, reason="CreateContainerConfigError")
    async with controlling(cluster, provider) as controller:
        uid = cluster.add_pod(make_pod("web"))
        await asyncio.sleep(3600)
        provider.failures.clear()
        controller.wake(uid)
        await cluster.until(lambda: phase(cluster) == "Running", within=0.5)
        calls = provider.calls.copy()
        controller.wake(uid)
        await asyncio.sleep(1)
        assert provider.calls == calls, "a pod that has all it needs is left alone"


@virtual_time
async def test_what_was_missing_is_forgotten_when_there_is_other_trouble() -> None:
    cluster, provider = FakeCluster(), TellingProvider()
    provider.failures["create_pod"] = MaterialMissing(NO_SETTINGS, reason="CreateContainerConfigError")
    async with controlling(cluster, provider) as controller:
        uid = cluster.add_pod(make_pod("web"))
        await asyncio.sleep(1)
        provider.failures["create_pod"] = Unavailable("no quota left")
        controller.wake(uid)
        await cluster.until(lambda: (pod := cluster.pod("web")) and pod.status.message == "no quota left", within=5)
        assert all(waiting and waiting.reason == "ContainerCreating" for waiting in waits(cluster).values())


@virtual_time
async def test_a_pod_with_a_volume_that_cannot_be_mounted_waits_with_one_event_and_is_not_handed_over() -> None:
    cluster, provider = FakeCluster(), MountingProvider()
    async with controlling(cluster, provider):
        cluster.add_pod(make_pod("web", volumes=(Volume(name="data", nfs=NFSVolumeSource(server="nas", path="/")),)))
        await asyncio.sleep(60)
        assert phase(cluster) == "Pending"
        assert waits(cluster) == {"main": ContainerStateWaiting(reason="ContainerCreating")}
        assert events(cluster).keys() == {"FailedMount"}
        assert cluster.requests["create", "events"] == 1
        assert not provider.calls["create_pod"]
        cluster.delete("pods", "default", "web")
        await cluster.until(lambda: phase(cluster) == "gone", within=5)


@virtual_time
async def test_pods_that_outlived_a_restart_are_given_to_the_provider_to_adopt_once_and_before_anything_else() -> None:
    cluster, provider = FakeCluster(), AdoptingProvider()
    async with controlling(cluster, provider):
        cluster.add_pod(make_pod("web"))
        await cluster.until(lambda: phase(cluster) == "Running")
    assert not provider.adopted, "a pod that was created here is known"
    cluster.edit("pods", "default", "web", {"metadata": {"labels": {"version": "2"}}})
    provider.failures["adopt_pod"] = Unavailable("not yet")
    uid, whole = next((uid, pod.status) for uid, pod in provider.pods.items())
    provider.set(uid, PodStatus(phase="Running"))
    cluster.log.clear()
    async with controlling(cluster, provider):
        await asyncio.sleep(5)
        assert not provider.updated
        assert not writes(cluster), "what the provider says of a pod that it does not know yet is not told"
        provider.set(uid, whole)
        provider.failures.clear()
        await cluster.until(lambda: len(provider.adopted) == 1, within=60)
        await asyncio.sleep(120)
    assert [pod.metadata.labels for pod in provider.adopted] == [{"version": "2"}]
    assert provider.calls["create_pod"] == 1


@virtual_time
async def test_a_pod_that_cannot_be_adopted_goes_on_as_it_was_and_an_event_says_why() -> None:
    cluster, provider = FakeCluster(), AdoptingProvider()
    async with controlling(cluster, provider):
        cluster.add_pod(make_pod("web"))
        await cluster.until(lambda: phase(cluster) == "Running")
    provider.failures["adopt_pod"] = InvalidInput("spec.volumes[0]: too late")
    async with controlling(cluster, provider):
        await asyncio.sleep(60)
        assert provider.calls["adopt_pod"] == 1
        assert events(cluster)["ProviderUpdateFailed"] == 1
        assert phase(cluster) == "Running"


@virtual_time
async def test_whoever_keeps_something_for_pods_hears_of_every_change_and_of_the_end() -> None:
    cluster, provider, follower = FakeCluster(), TellingProvider(), Follower()
    async with controlling(cluster, provider, follower=follower):
        uid = cluster.add_pod(make_pod("web"))
        await cluster.until(lambda: phase(cluster) == "Running")
        cluster.edit("pods", "default", "web", {"metadata": {"labels": {"version": "2"}}})
        await asyncio.sleep(1)
        assert follower.changed[-1].metadata.labels == {"version": "2"}
        assert not follower.gone
        provider.finish(uid)
        await cluster.until(lambda: phase(cluster) == "Succeeded")
        assert follower.gone == [uid], "what has ended needs nothing any more"
