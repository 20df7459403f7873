"""Updating pods: what may change in a running pod reaches it, and nothing else happens to it."""

from __future__ import annotations

from msgspec.structs import replace

from vk_core.api.container import EphemeralContainer
from vk_core.api.pod import Pod
from vk_core.api.podkey import PodKey
from vk_core.api.podstatus import PodStatus
from vk_core.errors import InvalidInput, NotFound, ProviderError
from vk_core.testing.contract.base import ContractBase, not_applicable
from vk_core.testing.contract.creation import identity
from vk_core.testing.harness import ProviderUnderTest, fail
from vk_core.testing.materials import show


class UpdatingContract(ContractBase):
    """`update_pod`."""

    async def test_an_update_takes_over_labels_and_leaves_the_containers_alone(
        self, subject: ProviderUnderTest
    ) -> None:
        pod = self.pod(labels={"version": "1"})
        before = await subject.run(pod)
        changed = replace(pod, metadata=replace(pod.metadata, labels={"version": "2"}))
        await self._update(subject, changed)
        found = await subject.call(subject.provider.get_pod, PodKey.of(pod))
        if found.metadata.labels != {"version": "2"}:
            fail("update_pod", f"did not take over changed labels: get_pod still gives {found.metadata.labels}")
        after = await subject.status(changed)
        if after is None or identity(before) != identity(after):
            fail("update_pod", "started containers again although only labels have changed")

    async def test_an_update_takes_over_a_changed_image(self, subject: ProviderUnderTest) -> None:
        pod = self.pod()
        await subject.run(pod)
        container = replace(pod.spec.containers[0], image=self.other_image)
        changed = replace(pod, spec=replace(pod.spec, containers=(container,)))
        await self._update(subject, changed)

        def runs_the_other_image(status: PodStatus | None) -> bool:
            containers = status.container_statuses if status else ()
            return any(one.image == self.other_image and one.state.running for one in containers)

        await subject.until(changed, runs_the_other_image, "update_pod", f"did not run {self.other_image}")

    async def test_an_update_adds_an_ephemeral_container(self, subject: ProviderUnderTest) -> None:
        pod = self.pod()
        await subject.run(pod)
        debugger = EphemeralContainer(name="debugger", image=self.image, command=("sleep", "3600"))
        changed = replace(pod, spec=replace(pod.spec, ephemeral_containers=(debugger,)))
        await self._update(subject, changed)

        def runs_the_debugger(status: PodStatus | None) -> bool:
            return status is not None and any(one.state.running for one in status.ephemeral_container_statuses)

        await subject.until(changed, runs_the_debugger, "update_pod", "did not run its ephemeral container")

    async def test_updating_a_pod_that_never_was_is_not_found(self, subject: ProviderUnderTest) -> None:
        pod = self.pod()
        try:
            await subject.attempt(subject.provider.update_pod, pod)
        except NotFound:
            return
        except ProviderError as error:
            fail("update_pod", f"raised {type(error).__name__} for a pod it never had, expected NotFound")
        fail("update_pod", "accepted a pod it never had, expected NotFound")

    async def _update(self, subject: ProviderUnderTest, pod: Pod) -> None:
        __tracebackhide__ = True
        show(pod)
        try:
            await subject.attempt(subject.provider.update_pod, pod)
        except InvalidInput as error:
            not_applicable(f"the provider says that this cannot be changed: {error}")
        except ProviderError as error:
            fail("update_pod", f"raised {type(error).__name__} where nothing is wrong: {error}")
