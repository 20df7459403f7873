"""Creating pods: they run, they are listed with their mark, and they are started once."""

from __future__ import annotations

from vk_core.api.podkey import PodKey
from vk_core.api.podstatus import ContainerStateRunning, PodStatus
from vk_core.errors import InvalidInput, NotFound, ProviderError
from vk_core.provider import OWNER_ANNOTATION
from vk_core.testing.contract.base import ContractBase, not_applicable
from vk_core.testing.harness import ProviderUnderTest, fail
from vk_core.testing.validity import describe


class CreationContract(ContractBase):
    """`create_pod`, and how the pod is found again."""

    async def test_a_created_pod_runs(self, subject: ProviderUnderTest) -> None:
        pod = self.pod()
        status = await subject.run(pod)
        missing = {one.name for one in pod.spec.containers} - {one.name for one in status.container_statuses}
        if missing:
            fail("get_pod_status", f"the pod runs, but containerStatuses lacks {', '.join(sorted(missing))}")

    async def test_a_created_pod_is_listed_with_its_uid_and_owner(self, subject: ProviderUnderTest) -> None:
        pod = self.pod()
        await subject.create(pod)
        listed = await subject.listed(pod)
        if listed is None:
            fail("get_pods", "does not list a pod by its UID although create_pod has returned")
        if PodKey.of(listed) != PodKey.of(pod):
            fail("get_pods", f"lists the pod {PodKey.of(pod)} under another name: {PodKey.of(listed)}")
        owner = listed.metadata.annotations.get(OWNER_ANNOTATION)
        if owner != pod.metadata.annotations[OWNER_ANNOTATION]:
            fail("get_pods", f"gives back a pod with the owner annotation {owner!r} instead of the one it came with")

    async def test_a_listed_pod_has_its_status(self, subject: ProviderUnderTest) -> None:
        pod = self.pod()
        await subject.run(pod)
        listed = await subject.listed(pod)
        if listed is None or not listed.status.container_statuses:
            fail("get_pods", "lists a running pod without its status")
        subject.check("get_pods", pod, listed.status)

    async def test_get_pod_returns_the_pod_that_was_created(self, subject: ProviderUnderTest) -> None:
        pod = self.pod(labels={"app": "web"})
        await subject.run(pod)
        found = await subject.call(subject.provider.get_pod, PodKey.of(pod))
        if PodKey.of(found) != PodKey.of(pod):
            fail("get_pod", f"returns {PodKey.of(found)} with UID {found.metadata.uid} when asked for another pod")
        subject.check("get_pod", pod, found.status)
        if not found.status.container_statuses:
            fail("get_pod", "returns a running pod without its status")

    async def test_creating_a_pod_again_does_not_start_it_again(self, subject: ProviderUnderTest) -> None:
        pod = self.pod()
        before = await subject.run(pod)
        await subject.create(pod)
        await subject.listed(pod)
        after = await subject.until(pod, lambda status: status is not None, "create_pod", "was lost when created again")
        if after is not None and identity(before) != identity(after):
            fail("create_pod", f"started a pod again that was running; it must only be started once: {describe(after)}")

    async def test_a_pod_that_never_was_is_not_found(self, subject: ProviderUnderTest) -> None:
        await subject.create(self.pod("other"))
        key = PodKey.of(self.pod())
        for method in (subject.provider.get_pod, subject.provider.get_pod_status):
            try:
                await subject.attempt(method, key)
            except NotFound:
                continue
            except ProviderError as error:
                fail(method.__name__, f"raised {type(error).__name__} for a pod it never had, expected NotFound")
            fail(method.__name__, "returned something for a pod it never had, expected NotFound")

    async def test_an_impossible_pod_is_refused_as_invalid_input(self, subject: ProviderUnderTest) -> None:
        pod = self.impossible_pod()
        if pod is None:
            not_applicable("impossible_pod is not overridden: every pod can run here")
        try:
            await subject.attempt(subject.provider.create_pod, pod)
        except InvalidInput as error:
            if not str(error):
                fail("create_pod", "raised InvalidInput without saying which field is to blame")
        except ProviderError as error:
            fail("create_pod", f"raised {type(error).__name__} for a pod that can never run, expected InvalidInput")
        else:
            fail("create_pod", "accepted a pod that can never run, expected InvalidInput")
        if await subject.listed(pod) is not None:
            fail("get_pods", "lists a pod that create_pod has refused")


def identity(status: PodStatus) -> list[tuple[str, str, int, ContainerStateRunning | None]]:
    """What changes when a container is started again."""
    return [(one.name, one.container_id, one.restart_count, one.state.running) for one in status.container_statuses]
