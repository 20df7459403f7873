"""Port forwarding over plain WebSocket channels, as the Python and Java clients speak it."""

from __future__ import annotations

import asyncio
import base64
import datetime as dt
from collections.abc import Sequence
from pathlib import Path

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import MultiDict

from tests.support.forwarding import forwarding
from tests.support.kubelet import ScriptedProvider
from tests.support.loops import Stage, stages
from tests.support.spdy_client import within
from vk_core.errors import Unavailable
from vk_core.kubelet.backend import StreamTimeouts
from vk_core.kubelet.portforward.channels import ports_of
from vk_core.kubelet.refusal import Refusal
from vk_core.provider.streams import PortStream

PROTOCOLS = ["v4.channel.k8s.io", "v4.base64.channel.k8s.io", ""]


class ChannelClient:
    """Speaks one of the protocols."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, protocol: str) -> None:
        self.socket = socket
        self._base64 = "base64" in protocol

    async def send(self, channel: int, data: bytes) -> None:
        if self._base64:
            await self.socket.send_str(chr(48 + channel) + base64.b64encode(data).decode())
        else:
            await self.socket.send_bytes(bytes((channel,)) + data)

    async def receive(self) -> tuple[int, bytes]:
        message = await within(self.socket.receive())
        if message.type is aiohttp.WSMsgType.CLOSE:
            return -1, str(message.data).encode()
        if self._base64:
            assert message.type is aiohttp.WSMsgType.TEXT
            return ord(message.data[0]) - 48, base64.b64decode(message.data[1:])
        assert message.type is aiohttp.WSMsgType.BINARY
        return message.data[0], message.data[1:]


def offers(protocol: str) -> Sequence[str]:
    return (protocol,) if protocol else ()


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("stage", stages(), ids=str)
def test_each_port_has_a_channel_for_data_and_one_for_its_error(protocol: str, stage: Stage, tmp_path: Path) -> None:
    ready = stage.prepared(tmp_path)

    async def scenario() -> None:
        async with forwarding(tls=ready.server_tls) as url, aiohttp.ClientSession() as session:
            target = session.ws_connect(f"{url}?port=80,8080", protocols=offers(protocol), ssl=ready.client_tls or True)
            async with target as socket:
                assert (socket.protocol or "") == protocol
                client = ChannelClient(socket, protocol)
                greetings = [await client.receive() for _ in range(4)]
                assert greetings == [(0, b"P\x00"), (1, b"P\x00"), (2, b"\x90\x1f"), (3, b"\x90\x1f")]
                await client.send(2, b"second")
                assert await client.receive() == (2, b"second")
                await client.send(0, b"first")
                assert await client.receive() == (0, b"first")
                await client.send(9, b"nowhere")
                await client.send(1, b"not read")
                await client.send(2, b"again")
                assert await client.receive() == (2, b"again")

    ready.run(scenario())


async def test_the_connection_is_closed_properly_when_all_ports_are_done() -> None:
    provider = ScriptedProvider()

    async def answer(port: int, stream: PortStream) -> None:
        if port == 81:
            raise Unavailable("nothing listens")
        await stream.write(await stream.read() + b"!")
        await stream.write_eof()
        assert await stream.read() == b""

    provider.port = answer
    async with (
        forwarding(provider) as url,
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{url}?ports=80&ports=81", protocols=PROTOCOLS[:1]) as socket,
    ):
        client = ChannelClient(socket, PROTOCOLS[0])
        for _ in range(4):
            await client.receive()
        channel, text = await client.receive()
        assert channel == 3
        assert text.startswith(b"error forwarding port 81 to pod web, uid ")
        assert text.endswith(b": nothing listens")
        await client.send(0, b"hello")
        assert await client.receive() == (0, b"hello!")
        assert await client.receive() == (-1, b"1000")


@pytest.mark.parametrize("cancelling", [True, False])
async def test_a_client_that_goes_away_cancels_its_connections(cancelling: bool) -> None:
    provider = ScriptedProvider()
    ended: asyncio.Queue[int] = asyncio.Queue()

    async def wait(port: int, _stream: PortStream) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.put_nowait(port)

    provider.port = wait
    async with forwarding(provider, cancelling=cancelling) as url:
        async with aiohttp.ClientSession() as session, session.ws_connect(f"{url}?port=80,81") as socket:
            await within(socket.receive())
        assert {await within(ended.get()), await within(ended.get())} == {80, 81}


async def test_the_idle_timeout_ends_the_connection() -> None:
    provider = ScriptedProvider()
    cancelled = asyncio.Event()

    async def wait(_port: int, _stream: PortStream) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    provider.port = wait
    timeouts = StreamTimeouts(idle=dt.timedelta(milliseconds=50))
    async with (
        forwarding(provider, timeouts=timeouts) as url,
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{url}?port=80"),
    ):
        await within(cancelled.wait())


async def test_a_message_that_is_not_base64_ends_the_connection() -> None:
    async with (
        forwarding() as url,
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{url}?port=80", protocols=PROTOCOLS[1:2]) as socket,
    ):
        await socket.send_str("0*")
        client = ChannelClient(socket, PROTOCOLS[1])
        assert [await client.receive() for _ in range(3)][-1] == (-1, b"1007")


async def test_a_provider_that_does_not_read_is_not_flooded() -> None:
    provider = ScriptedProvider()
    go_on = asyncio.Event()

    async def slow(_port: int, stream: PortStream) -> None:
        await go_on.wait()
        received = 0
        while received < 30_000_000:
            received += len(await stream.read())

    provider.port = slow
    async with (
        forwarding(provider) as url,
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{url}?port=80") as socket,
    ):

        async def send() -> None:
            for _ in range(1000):
                await socket.send_bytes(bytes(30_001))

        sending = asyncio.create_task(send())
        done, _ = await asyncio.wait((sending,), timeout=0.3)
        assert not done
        go_on.set()
        await within(sending)
        client = ChannelClient(socket, "")
        assert [await client.receive() for _ in range(3)][-1] == (-1, b"1000")


@pytest.mark.parametrize(
    ("query", "ports"),
    [
        ("port=80", (80,)),
        ("port=80,81&port=82", (80, 81, 82)),
        ("ports=65535", (65535,)),
    ],
)
def test_ports_come_from_the_request(query: str, ports: tuple[int, ...]) -> None:
    assert ports_of(MultiDict(pair.split("=") for pair in query.split("&"))) == ports  # type: ignore[misc]


@given(st.lists(st.tuples(st.sampled_from(["port", "ports", "x"]), st.text("0189,-a é", max_size=8)), max_size=5))
def test_any_request_has_ports_or_is_refused(query: list[tuple[str, str]]) -> None:
    try:
        ports = ports_of(MultiDict(query))
    except Refusal as refusal:
        assert refusal.status == 400
        return
    assert ports
    assert all(0 < port < 65536 for port in ports)
