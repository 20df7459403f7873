"""Providers that do what they should, but tell it wrongly or behave badly while they do."""

from __future__ import annotations

import asyncio
import time

from msgspec.structs import replace

from tests.testing.broken.base import Right, found_by
from vk_core.api.meta import ObjectMeta
from vk_core.api.pod import Pod
from vk_core.api.podkey import PodKey
from vk_core.api.podstatus import ContainerStateWaiting, PodStatus
from vk_core.provider import PodCallback


@found_by(
    "test_a_start_is_notified",
    "notify_pods: no notification of its start came for the pod default/web within 30 s; in the end: there was none",
)
@found_by("test_an_end_is_notified", "notify_pods: no notification of its end came")
class NotifiesNobody(Right):
    def notify_pods(self, notify: PodCallback) -> None:
        pass


@found_by(
    "test_the_end_of_a_deleted_pod_is_notified",
    "notify_pods: after delete_pod no notification with all containers terminated came",
)
class NotifiesNoEnd(Right):
    def notify_pods(self, notify: PodCallback) -> None:
        super().notify_pods(lambda pod: notify(pod) if pod.status.phase == "Running" else None)


@found_by("test_notifications_name_pods_that_the_provider_was_given", "notify_pods: told about a pod with UID ''")
class NotifiesWithoutUID(Right):
    def notify_pods(self, notify: PodCallback) -> None:
        super().notify_pods(lambda pod: notify(replace(pod, metadata=ObjectMeta(name=pod.metadata.name))))


@found_by(
    "test_a_pod_that_is_gone_is_never_notified_as_running",
    "notify_pods: told that a pod runs after get_pods had stopped listing it",
)
class NotifiesTheDead(Right):
    """Tells once more what it knew before the end."""

    def notify_pods(self, notify: PodCallback) -> None:
        last: dict[str, Pod] = {}

        def repeat(pod: Pod) -> None:
            notify(pod)
            known = last.setdefault(pod.metadata.uid, pod)
            if known is not pod:
                asyncio.get_running_loop().call_later(0.1, notify, known)

        super().notify_pods(repeat)


@found_by(
    "test_a_new_provider_finds_the_pods_of_one_that_crashed",
    "get_pods: does not list a running pod after a restart, although keeps_pods is set",
)
class KeepsNothing(Right):
    def __init__(self) -> None:
        super().__init__()
        self._pods = {}


@found_by("test_closing_a_provider_leaves_its_pods_running", "close: stopped a running pod")
class StopsPodsOnClose(Right):
    async def close(self) -> None:
        self._pods.clear()


@found_by("test_objects_do_not_change_after_they_were_handed_out", "get_pod: changed a pod that it had returned before")
class ChangesPods(Right):
    async def delete_pod(self, pod: Pod, grace_period_seconds: int) -> None:
        self._pods[pod.metadata.uid].pod.metadata.labels["deleted"] = "true"
        await super().delete_pod(pod, grace_period_seconds)


@found_by(
    "test_a_created_pod_runs",
    "get_pod_status: the status .* is not valid: container main: expected exactly one of .* got waiting and running",
)
class SaysTwoStates(Right):
    async def get_pod_status(self, key: PodKey) -> PodStatus:
        status = await super().get_pod_status(key)
        waiting = ContainerStateWaiting(reason="Confused")
        statuses = [replace(one, state=replace(one.state, waiting=waiting)) for one in status.container_statuses]
        return replace(status, container_statuses=tuple(statuses))


@found_by(
    "test_the_event_loop_is_never_blocked", "create_pod, get_pods or delete_pod: blocks the event loop for 0.0[4-9] s"
)
class BlocksTheLoop(Right):
    async def create_pod(self, pod: Pod) -> None:
        time.sleep(0.05)  # noqa: ASYNC251 - the mistake that the contract has to find
        await super().create_pod(pod)


@found_by(
    "test_a_slow_call_for_one_pod_does_not_hold_up_another",
    "create_pod: takes one pod after the other: 1.00 s for one, 8.00 s for 8",
)
class TakesOneAfterTheOther(Right):
    def __init__(self) -> None:
        super().__init__()
        self._lock = asyncio.Lock()

    async def create_pod(self, pod: Pod) -> None:
        async with self._lock:
            await asyncio.sleep(1)
        await super().create_pod(pod)
