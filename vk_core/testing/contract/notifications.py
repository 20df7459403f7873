"""Notifications: every change is told, under the right UID, and nothing after the end."""

from __future__ import annotations

import asyncio

from vk_core.api.podstatus import PodStatus
from vk_core.provider import NotifiesPods
from vk_core.testing.contract.base import ContractBase, not_applicable
from vk_core.testing.contract.ending import has_finished
from vk_core.testing.harness import ProviderUnderTest, fail
from vk_core.testing.validity import all_run, all_terminated, is_running


class NotificationsContract(ContractBase):
    """`NotifiesPods`. Core asks such a provider rarely, so what it does not tell is not known for long."""

    async def test_a_start_is_notified(self, subject: ProviderUnderTest) -> None:
        _require_notifications(subject)
        pod = self.pod()
        await subject.create(pod)
        await subject.until_notified(pod, _runs, "no notification of its start came")

    async def test_an_end_is_notified(self, subject: ProviderUnderTest) -> None:
        _require_notifications(subject)
        pod = self.ending_pod(3)
        await subject.create(pod)
        await subject.until_notified(pod, has_finished, "no notification of its end came")

    async def test_the_end_of_a_deleted_pod_is_notified(self, subject: ProviderUnderTest) -> None:
        _require_notifications(subject)
        pod = self.pod()
        await subject.run(pod)
        await subject.delete(pod, self.grace_period_seconds)
        sentence = "after delete_pod no notification with all containers terminated came"
        await subject.until_notified(pod, _has_stopped, sentence, within=self.grace_period_seconds)

    async def test_a_pod_that_is_gone_is_never_notified_as_running(self, subject: ProviderUnderTest) -> None:
        _require_notifications(subject)
        pod = self.pod()
        await subject.run(pod)
        await subject.delete(pod, self.grace_period_seconds)
        await subject.until_stopped(pod, self.grace_period_seconds)
        await subject.until_unlisted(pod)
        told = len(subject.notifications(pod))
        await asyncio.sleep(self.settle.total_seconds())
        if any(is_running(status) for status in subject.notifications(pod)[told:]):
            fail("notify_pods", "told that a pod runs after get_pods had stopped listing it")

    async def test_notifications_name_pods_that_the_provider_was_given(self, subject: ProviderUnderTest) -> None:
        _require_notifications(subject)
        pod = self.pod()
        await subject.run(pod)
        await subject.delete(pod, 0)
        await subject.until_stopped(pod, 0)
        for notified in subject.notified:
            if notified.metadata.uid != pod.metadata.uid:
                fail("notify_pods", f"told about a pod with UID {notified.metadata.uid!r}, which was never created")


def _runs(status: PodStatus | None) -> bool:
    return status is not None and all_run(status)


def _has_stopped(status: PodStatus | None) -> bool:
    return status is not None and all_terminated(status)


def _require_notifications(subject: ProviderUnderTest) -> None:
    if not isinstance(subject.provider, NotifiesPods):
        not_applicable("the provider does not have notify_pods; it is polled")
