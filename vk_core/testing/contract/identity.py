"""Telling pods apart: by UID, never by name alone, never by names glued together."""

from __future__ import annotations

from vk_core.api.pod import Pod
from vk_core.api.podkey import PodKey
from vk_core.testing.contract.base import ContractBase
from vk_core.testing.contract.creation import identity
from vk_core.testing.harness import ProviderUnderTest, fail
from vk_core.testing.validity import all_run


class IdentityContract(ContractBase):
    """Whatever happens to one pod leaves every other pod alone."""

    async def test_pods_of_one_name_are_told_apart_by_uid(self, subject: ProviderUnderTest) -> None:
        await self._check_apart(subject, self.pod("web-0"), self.pod("web-0"))

    async def test_namespace_and_name_are_not_mixed_up(self, subject: ProviderUnderTest) -> None:
        await self._check_apart(subject, self.pod("c", namespace="a-b"), self.pod("b-c", namespace="a"))

    async def _check_apart(self, subject: ProviderUnderTest, old: Pod, new: Pod) -> None:
        __tracebackhide__ = True
        both = f"{PodKey.of(old)} and {PodKey.of(new)}"
        await subject.run(old)
        await subject.create(new)
        if await subject.listed(old) is None or await subject.listed(new) is None:
            fail("create_pod", f"mixes up two pods with different UIDs, {both}: get_pods does not list both")
        before = await subject.run(new)
        for pod in (old, new):
            found = await subject.call(subject.provider.get_pod, PodKey.of(pod))
            if found.metadata.uid != pod.metadata.uid:
                fail("get_pod", f"mixes up two pods with different UIDs, {both}")
        await subject.delete(old, 0)
        await subject.until(old, lambda status: status is None or not all_run(status), "delete_pod", "never stopped")
        after = await subject.status(new)
        if after is None or identity(before) != identity(after):
            fail("delete_pod", f"mixes up two pods with different UIDs, {both}: deleting one stopped the other")
