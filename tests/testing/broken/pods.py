"""Providers that do one thing wrong when they create, find, update, stop or forget pods."""

from __future__ import annotations

import asyncio
import datetime as dt
import math
from collections.abc import Sequence

from msgspec.structs import replace

from tests.testing.broken.base import Right, found_by
from vk_core.api.pod import Pod
from vk_core.api.podkey import PodKey
from vk_core.api.podstatus import ContainerState, ContainerStateTerminated, PodStatus
from vk_core.errors import NotFound, Unavailable
from vk_mock.settings import Delays, MockSettings


@found_by("test_a_created_pod_runs", "create_pod: the pod default/web never ran within 30 s; in the end: phase Pending")
class NeverStarts(Right):
    settings = MockSettings(delays=Delays(start=dt.timedelta(days=1)))


@found_by("test_creating_a_pod_again_does_not_start_it_again", "create_pod: started a pod again that was running")
class StartsTwice(Right):
    async def create_pod(self, pod: Pod) -> None:
        known = self._pods.get(pod.metadata.uid)
        await super().create_pod(pod)
        if known:
            known.statuses = {name: replace(one, restart_count=1) for name, one in known.statuses.items()}
            self._advance(pod.metadata.uid)


@found_by(
    "test_a_created_pod_is_listed_with_its_uid_and_owner",
    "get_pods: gives back a pod with the owner annotation None",
)
class LosesTheOwner(Right):
    async def get_pods(self) -> Sequence[Pod]:
        return [replace(pod, metadata=replace(pod.metadata, annotations={})) for pod in await super().get_pods()]


@found_by("test_a_listed_pod_has_its_status", "get_pods: lists a running pod without its status")
class ListsWithoutStatus(Right):
    async def get_pods(self) -> Sequence[Pod]:
        return [replace(pod, status=PodStatus()) for pod in await super().get_pods()]


@found_by("test_a_created_pod_is_listed_with_its_uid_and_owner", "get_pods: lists the pod default/web 2 times")
class ListsTwice(Right):
    async def get_pods(self) -> Sequence[Pod]:
        return [*await super().get_pods(), *await super().get_pods()]


@found_by(
    "test_a_pod_that_never_was_is_not_found",
    r"get_pod: raised KeyError\(.*pods.py:\d+.*expected errors are those of vk_core.errors",
)
class RaisesKeyError(Right):
    async def get_pod(self, key: PodKey) -> Pod:
        return self._pods[key.uid].pod


@found_by(
    "test_a_pod_that_never_was_is_not_found",
    "get_pod_status: returned something for a pod it never had, expected NotFound",
)
class InventsStatus(Right):
    async def get_pod_status(self, key: PodKey) -> PodStatus:
        try:
            return await super().get_pod_status(key)
        except NotFound:
            return PodStatus(phase="Pending")


@found_by(
    "test_an_impossible_pod_is_refused_as_invalid_input",
    "create_pod: raised Unavailable for a pod that can never run, expected InvalidInput",
)
class RefusesTooSoftly(Right):
    async def create_pod(self, pod: Pod) -> None:
        try:
            await super().create_pod(pod)
        except Exception as error:
            raise Unavailable(str(error)) from error


@found_by(
    "test_a_pod_can_be_created_anew_under_the_name_of_a_deleted_one",
    "create_pod: the pod default/web-0 never ran within 30 s; in the end: the provider has no such pod",
)
@found_by(
    "test_pods_of_one_name_are_told_apart_by_uid",
    "create_pod: mixes up two pods with different UIDs, default/web-0 and default/web-0",
)
class KeyedByName(Right):
    separator = "/"

    def __init__(self) -> None:
        super().__init__()
        self._names: set[str] = set()

    async def create_pod(self, pod: Pod) -> None:
        name = f"{pod.metadata.namespace}{self.separator}{pod.metadata.name}"
        if name not in self._names:
            self._names.add(name)
            await super().create_pod(pod)


@found_by(
    "test_namespace_and_name_are_not_mixed_up",
    "create_pod: mixes up two pods with different UIDs, a-b/c and a/b-c",
)
class GluesNames(KeyedByName):
    separator = "-"


@found_by("test_pods_of_one_name_are_told_apart_by_uid", "delete_pod: mixes up .*: deleting one stopped the other")
class DeletesByName(Right):
    async def delete_pod(self, pod: Pod, grace_period_seconds: int) -> None:
        for other in await self.get_pods():
            if other.metadata.name == pod.metadata.name:
                await super().delete_pod(other, grace_period_seconds)


@found_by(
    "test_an_update_takes_over_labels_and_leaves_the_containers_alone",
    "update_pod: did not take over changed labels",
)
@found_by("test_an_update_takes_over_a_changed_image", "update_pod: the pod default/web did not run busybox:1.36")
@found_by(
    "test_an_update_adds_an_ephemeral_container",
    "update_pod: the pod default/web did not run its ephemeral container",
)
class IgnoresUpdates(Right):
    async def update_pod(self, pod: Pod) -> None:
        await self.get_pod(PodKey.of(pod))


@found_by("test_updating_a_pod_that_never_was_is_not_found", "update_pod: accepted a pod it never had")
class AcceptsUpdatesOfAnything(Right):
    async def update_pod(self, pod: Pod) -> None:
        if pod.metadata.uid in self._pods:
            await super().update_pod(pod)


@found_by(
    "test_an_update_takes_over_labels_and_leaves_the_containers_alone",
    "update_pod: started containers again although only labels",
)
class RestartsOnUpdate(Right):
    async def update_pod(self, pod: Pod) -> None:
        await super().update_pod(pod)
        mock = self._pods[pod.metadata.uid]
        mock.statuses = {name: replace(one, restart_count=1) for name, one in mock.statuses.items()}
        self._advance(pod.metadata.uid)


@found_by(
    "test_a_deleted_pod_ends_and_is_no_longer_listed",
    "delete_pod: the pod default/web still ran after it was deleted with a grace period of 2 s",
)
class IgnoresDeletes(Right):
    async def delete_pod(self, pod: Pod, grace_period_seconds: int) -> None:
        pass


@found_by("test_deleting_again_can_shorten_the_grace_period", "delete_pod: did not return within 30 s")
class WaitsForTheEnd(Right):
    async def delete_pod(self, pod: Pod, grace_period_seconds: int) -> None:
        await asyncio.sleep(grace_period_seconds)
        await super().delete_pod(pod, 0)


@found_by(
    "test_deleting_again_can_shorten_the_grace_period",
    "delete_pod: the pod default/web still ran after it was deleted with a grace period of 0 s",
)
class KeepsTheFirstGracePeriod(Right):
    settings = MockSettings(delays=Delays(stop=dt.timedelta(days=1)))

    async def delete_pod(self, pod: Pod, grace_period_seconds: int) -> None:
        if self._pods[pod.metadata.uid].kill_at == math.inf:
            await super().delete_pod(pod, grace_period_seconds)


@found_by("test_deleting_again_does_no_harm", "delete_pod: raised Unavailable where nothing is wrong: cannot delete")
@found_by(
    "test_deleting_a_pod_that_never_was_is_success_or_not_found",
    "delete_pod: raised Unavailable for a pod it never had",
)
class FailsOnSecondDelete(Right):
    async def delete_pod(self, pod: Pod, grace_period_seconds: int) -> None:
        if pod.metadata.uid not in self._pods:
            raise Unavailable("cannot delete what is not there")
        await super().delete_pod(pod, grace_period_seconds)


@found_by("test_a_deleted_pod_ends_and_is_no_longer_listed", "delete_pod: get_pods still lists the pod default/web")
class ListsDeletedPods(Right):
    def __init__(self) -> None:
        super().__init__()
        self._every: dict[str, Pod] = {}

    async def create_pod(self, pod: Pod) -> None:
        self._every[pod.metadata.uid] = pod
        await super().create_pod(pod)

    async def get_pods(self) -> Sequence[Pod]:
        return list(self._every.values())


@found_by("test_a_finished_pod_stays_until_it_is_deleted", "get_pods: does not list a pod that has finished")
class DropsFinishedPods(Right):
    async def get_pods(self) -> Sequence[Pod]:
        return [pod for pod in await super().get_pods() if pod.status.phase == "Running"]


@found_by(
    "test_a_pod_that_ends_by_itself_tells_its_exit_code",
    r"get_pod_status: expected phase Failed and exit code 3 .* got phase Succeeded, containers: main terminated \(0\)",
)
class HidesExitCodes(Right):
    async def get_pod_status(self, key: PodKey) -> PodStatus:
        status = await super().get_pod_status(key)
        if status.phase != "Failed":
            return status
        ended = ContainerState(terminated=ContainerStateTerminated(exit_code=0))
        return replace(
            status,
            phase="Succeeded",
            container_statuses=tuple(replace(one, state=ended) for one in status.container_statuses),
        )


@found_by("test_get_pod_returns_the_pod_that_was_created", "get_pod: returns default/web with UID another when asked")
class ReturnsAnotherPod(Right):
    async def get_pod(self, key: PodKey) -> Pod:
        pod = await super().get_pod(key)
        return replace(pod, metadata=replace(pod.metadata, uid="another"))


@found_by("test_pods_are_created_and_deleted_side_by_side", "delete_pod: deleting other pods at the same time removed")
class DeletesEverything(Right):
    async def delete_pod(self, pod: Pod, grace_period_seconds: int) -> None:
        for other in await self.get_pods():
            await super().delete_pod(other, grace_period_seconds)


@found_by(
    "test_a_pod_deleted_without_grace_period_ends_at_once",
    "delete_pod: the pod default/web still ran after it was deleted with a grace period of 0 s within 30 s",
)
class AlwaysTakesAMinute(Right):
    settings = MockSettings(delays=Delays(stop=dt.timedelta(minutes=1)))

    async def delete_pod(self, pod: Pod, grace_period_seconds: int) -> None:
        await super().delete_pod(pod, 60)


@found_by("test_a_pod_can_be_deleted_before_it_runs", "delete_pod: the pod default/web still ran after it was deleted")
class ForgetsToStopWhatStarts(Right):
    settings = MockSettings(delays=Delays(start=dt.timedelta(seconds=1)))

    async def delete_pod(self, pod: Pod, grace_period_seconds: int) -> None:
        if (await self.get_pod(PodKey.of(pod))).status.phase == "Running":
            await super().delete_pod(pod, grace_period_seconds)
