"""Forwarded ports: what goes in comes out, each direction to its end, and what does not answer is said."""

from __future__ import annotations

import asyncio

from vk_core.api.pod import Pod
from vk_core.api.podkey import PodKey
from vk_core.errors import NotFound, ProviderError, Unavailable
from vk_core.provider import ForwardsPorts
from vk_core.testing.clients import PortClient
from vk_core.testing.contract.base import ContractBase, not_applicable
from vk_core.testing.harness import ProviderUnderTest, fail

_METHOD = "port_forward"
_HTTP = 80


class PortsContract(ContractBase):
    """`ForwardsPorts`."""

    async def test_what_goes_into_a_port_comes_back_to_the_last_byte(self, subject: ProviderUnderTest) -> None:
        pod, port = await self._echoing(subject)
        client, sent = PortClient(), b"0123456789abcdef" * 65536
        client.send(sent)
        client.end()
        await self._forward(subject, pod, port, client)
        if client.received != sent:
            fail(_METHOD, f"expected all {len(sent)} bytes back from port {port}, got {len(client.received)}")
        if not client.is_ended:
            fail(_METHOD, "did not call write_eof when the port had sent everything")

    async def test_one_connection_does_not_wait_for_another(self, subject: ProviderUnderTest) -> None:
        pod, port = await self._echoing(subject)
        idle, client = PortClient(), PortClient()
        waiting = asyncio.create_task(self._forward(subject, pod, port, idle))
        idle.send(b"first")
        client.send(b"hello")
        client.end()
        try:
            await asyncio.wait_for(idle.until_received(b"first"), self.deadline.total_seconds())
            await self._forward(subject, pod, port, client)
            if client.received != b"hello":
                fail(_METHOD, f"expected b'hello' back while another connection is open, got {client.received!r}")
        except TimeoutError:
            fail(_METHOD, f"expected b'first' back from port {port}, got {idle.received!r}")
        finally:
            idle.end()
            await asyncio.wait([waiting])

    async def test_a_port_where_nothing_listens_is_unavailable(self, subject: ProviderUnderTest) -> None:
        if self.closed_port is None:
            not_applicable("closed_port is not set: the provider answers on every port")
        provider, pod = _provider(subject), self.pod()
        await subject.run(pod)
        try:
            await subject.attempt(provider.port_forward, PodKey.of(pod), self.closed_port, PortClient())
        except Unavailable as error:
            if not str(error):
                fail(_METHOD, "raised Unavailable without saying which port does not answer")
            return
        except ProviderError as error:
            fail(_METHOD, f"raised {type(error).__name__} for a port where nothing listens, expected Unavailable")
        fail(_METHOD, "returned for a port where nothing listens, expected Unavailable")

    async def test_a_pod_that_never_was_has_no_ports(self, subject: ProviderUnderTest) -> None:
        provider = _provider(subject)
        try:
            await subject.attempt(provider.port_forward, PodKey.of(self.pod()), _HTTP, PortClient())
        except NotFound:
            return
        except ProviderError as error:
            fail(_METHOD, f"raised {type(error).__name__} for a pod it never had, expected NotFound")
        fail(_METHOD, "forwarded a port of a pod it never had, expected NotFound")

    async def _echoing(self, subject: ProviderUnderTest) -> tuple[Pod, int]:
        __tracebackhide__ = True
        _provider(subject)
        if (echoing := self.echoing_pod()) is None:
            not_applicable("echoing_pod is not overridden: there is no pod to forward a port of")
        await subject.run(echoing[0])
        return echoing

    async def _forward(self, subject: ProviderUnderTest, pod: Pod, port: int, client: PortClient) -> None:
        """Forward one connection; a container that has just been started may not listen yet."""
        __tracebackhide__ = True
        provider, loop = _provider(subject), asyncio.get_running_loop()
        last_moment = loop.time() + self.deadline.total_seconds()
        while True:
            try:
                await subject.attempt(provider.port_forward, PodKey.of(pod), port, client)
            except ProviderError as error:
                if loop.time() >= last_moment:
                    fail(_METHOD, f"raised {type(error).__name__} where nothing is wrong: {error}")
                await asyncio.sleep(0.05)
            else:
                return


def _provider(subject: ProviderUnderTest) -> ForwardsPorts:
    if not isinstance(subject.provider, ForwardsPorts):
        not_applicable("the provider does not have port_forward")
    return subject.provider
