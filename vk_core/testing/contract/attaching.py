"""Attaching: a client sees what the process writes and types to it, and leaves it running."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from vk_core.api.pod import Pod
from vk_core.api.podkey import PodKey
from vk_core.errors import NotFound, ProviderError
from vk_core.provider import AttachesToContainer
from vk_core.testing.clients import ContainerClient
from vk_core.testing.contract.base import ContractBase, not_applicable
from vk_core.testing.contract.creation import identity
from vk_core.testing.harness import ProviderUnderTest, fail

_METHOD = "attach_to_container"


class AttachingContract(ContractBase):
    """`AttachesToContainer`."""

    async def test_an_attached_client_types_and_sees_the_answer(self, subject: ProviderUnderTest) -> None:
        async with self._attached(subject) as (_pod, client, _attached):
            client.send(b"hello\n")
            try:
                await asyncio.wait_for(client.until_seen(b"hello"), self.deadline.total_seconds())
            except TimeoutError:
                fail(_METHOD, f"expected the process to answer hello when that is typed, got {client.output!r}")

    async def test_a_client_that_leaves_does_not_stop_the_container(self, subject: ProviderUnderTest) -> None:
        async with self._attached(subject) as (pod, _client, attached):
            before = await subject.status(pod)
            attached.cancel()
            await asyncio.wait([attached], timeout=self.deadline.total_seconds())
            if not attached.cancelled():
                fail(_METHOD, "did not end when it was cancelled; let the cancellation pass")
            await asyncio.sleep(self.settle.total_seconds())
            after = await subject.status(pod)
            if before is None or after is None or identity(before) != identity(after):
                fail(_METHOD, "stopped the container when the client left")

    async def test_a_client_is_let_go_when_the_container_ends(self, subject: ProviderUnderTest) -> None:
        async with self._attached(subject) as (pod, _client, attached):
            await subject.delete(pod, 0)
            await asyncio.wait([attached], timeout=self.deadline.total_seconds())
            if not attached.done():
                fail(_METHOD, "did not return although the container has ended")

    async def test_nobody_attaches_to_a_pod_that_never_was(self, subject: ProviderUnderTest) -> None:
        provider = _provider(subject)
        try:
            await subject.attempt(provider.attach_to_container, PodKey.of(self.pod()), "main", ContainerClient().io)
        except NotFound:
            return
        except ProviderError as error:
            fail(_METHOD, f"raised {type(error).__name__} for a pod it never had, expected NotFound")
        fail(_METHOD, "attached to a pod it never had, expected NotFound")

    @contextlib.asynccontextmanager
    async def _attached(
        self, subject: ProviderUnderTest
    ) -> AsyncIterator[tuple[Pod, ContainerClient, asyncio.Task[None]]]:
        __tracebackhide__ = True
        provider, pod, client = _provider(subject), self.attachable_pod(), ContainerClient(stdin=True)
        await subject.run(pod)
        name = pod.spec.containers[0].name
        attached = asyncio.create_task(self._attach(provider, pod, name, client))
        await asyncio.wait([attached], timeout=self.settle.total_seconds())
        if attached.done():
            fail(_METHOD, f"ended although the container runs: {attached.exception()!r}")
        try:
            yield pod, client, attached
        finally:
            attached.cancel()
            await asyncio.wait([attached])

    async def _attach(self, provider: AttachesToContainer, pod: Pod, name: str, client: ContainerClient) -> None:
        await provider.attach_to_container(PodKey.of(pod), name, client.io)


def _provider(subject: ProviderUnderTest) -> AttachesToContainer:
    if not isinstance(subject.provider, AttachesToContainer):
        not_applicable("the provider does not have attach_to_container")
    return subject.provider
