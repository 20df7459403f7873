"""Deleting pods: they end within the grace period, however often and however early they are asked to."""

from __future__ import annotations

from vk_core.errors import NotFound, ProviderError
from vk_core.testing.contract.base import ContractBase
from vk_core.testing.harness import ProviderUnderTest, fail

_ONE_HOUR = 3600


class DeletionContract(ContractBase):
    """`delete_pod`."""

    async def test_a_deleted_pod_ends_and_is_no_longer_listed(self, subject: ProviderUnderTest) -> None:
        pod = self.pod()
        await subject.run(pod)
        await subject.delete(pod, self.grace_period_seconds)
        await subject.until_stopped(pod, self.grace_period_seconds)
        await subject.until_unlisted(pod)

    async def test_a_pod_deleted_without_grace_period_ends_at_once(self, subject: ProviderUnderTest) -> None:
        pod = self.pod()
        await subject.run(pod)
        await subject.delete(pod, 0)
        await subject.until_stopped(pod, 0)
        await subject.until_unlisted(pod)

    async def test_a_pod_can_be_deleted_before_it_runs(self, subject: ProviderUnderTest) -> None:
        pod = self.pod()
        await subject.create(pod)
        await subject.delete(pod, 0)
        await subject.until_stopped(pod, 0)
        await subject.until_unlisted(pod)

    async def test_deleting_again_can_shorten_the_grace_period(self, subject: ProviderUnderTest) -> None:
        pod = self.pod()
        await subject.run(pod)
        await subject.delete(pod, _ONE_HOUR)
        await subject.delete(pod, 0)
        await subject.until_stopped(pod, 0)
        await subject.until_unlisted(pod)

    async def test_deleting_again_does_no_harm(self, subject: ProviderUnderTest) -> None:
        pod = self.pod()
        await subject.run(pod)
        await subject.delete(pod, self.grace_period_seconds)
        await subject.delete(pod, self.grace_period_seconds)
        await subject.until_stopped(pod, self.grace_period_seconds)
        await subject.until_unlisted(pod)
        await subject.delete(pod, 0)

    async def test_deleting_a_pod_that_never_was_is_success_or_not_found(self, subject: ProviderUnderTest) -> None:
        try:
            await subject.attempt(subject.provider.delete_pod, self.pod(), 0)
        except NotFound:
            return
        except ProviderError as error:
            fail("delete_pod", f"raised {type(error).__name__} for a pod it never had, expected NotFound or success")

    async def test_a_pod_can_be_created_anew_under_the_name_of_a_deleted_one(self, subject: ProviderUnderTest) -> None:
        for _ in range(3):
            pod = self.pod("web-0")
            await subject.run(pod)
            await subject.delete(pod, self.grace_period_seconds)
            await subject.until_stopped(pod, self.grace_period_seconds)
