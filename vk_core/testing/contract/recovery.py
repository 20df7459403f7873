"""After a crash: a second provider over the same back end finds every pod again."""

from __future__ import annotations

from vk_core.api.podkey import PodKey
from vk_core.provider import OWNER_ANNOTATION, AdoptsPods, Closable
from vk_core.testing.contract.base import ContractBase, ProviderFactory, not_applicable
from vk_core.testing.contract.creation import identity
from vk_core.testing.harness import ProviderUnderTest, fail, under_test


class RecoveryContract(ContractBase):
    """What outlives the provider's process, if `keeps_pods` says that anything does."""

    async def test_a_new_provider_finds_the_pods_of_one_that_crashed(
        self, subject: ProviderUnderTest, make_provider: ProviderFactory
    ) -> None:
        self._require_kept_pods()
        pod = self.pod()
        before = await subject.run(pod)
        async with under_test(make_provider(), self.deadline.total_seconds()) as successor:
            found = await successor.listed(pod)
            if found is None:
                fail("get_pods", "does not list a running pod after a restart, although keeps_pods is set")
            if PodKey.of(found) != PodKey.of(pod):
                fail("get_pods", f"gives back the pod {PodKey.of(pod)} as {PodKey.of(found)} after a restart")
            owner = found.metadata.annotations.get(OWNER_ANNOTATION)
            if owner != pod.metadata.annotations[OWNER_ANNOTATION]:
                fail("get_pods", f"gives back the owner annotation {owner!r} after a restart, not the one it came with")
            await successor.create(pod)
            after = await successor.status(pod)
            if after is None or identity(before) != identity(after):
                fail("create_pod", "started a pod again after a restart although it was running all the time")
            await successor.delete(pod, 0)
            await successor.until_stopped(pod, 0)

    async def test_a_kept_pod_goes_on_when_it_is_adopted(
        self, subject: ProviderUnderTest, make_provider: ProviderFactory
    ) -> None:
        self._require_kept_pods()
        if not isinstance(subject.provider, AdoptsPods):
            not_applicable("the provider does not have adopt_pod")
        pod = self.pod()
        before = await subject.run(pod)
        async with under_test(make_provider(), self.deadline.total_seconds()) as successor:
            if isinstance(successor.provider, AdoptsPods):
                await successor.call(successor.provider.adopt_pod, pod)
            after = await successor.status(pod)
            if after is None or identity(before) != identity(after):
                fail("adopt_pod", "started a pod again or stopped it; it was running all the time")
            await successor.delete(pod, 0)

    async def test_closing_a_provider_leaves_its_pods_running(
        self, subject: ProviderUnderTest, make_provider: ProviderFactory
    ) -> None:
        self._require_kept_pods()
        if not isinstance(subject.provider, Closable):
            not_applicable("the provider does not have close")
        pod = self.pod()
        before = await subject.run(pod)
        async with under_test(make_provider(), self.deadline.total_seconds()) as successor:
            await subject.call(subject.provider.close)
            after = await successor.status(pod)
            if after is None or identity(before) != identity(after):
                fail("close", "stopped a running pod; closing a provider only lets go of connections and tasks")
            await successor.delete(pod, 0)

    def _require_kept_pods(self) -> None:
        if not self.keeps_pods:
            not_applicable("keeps_pods is not set: the pods end with the provider's process")
