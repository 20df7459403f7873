"""A side of a WebSocket that does not keep up holds up the other one, and loses nothing."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Sequence

import aiohttp
import pytest

from tests.kubelet.remotecommand.sessions import EXEC, Endless, cat, listen, node, soon, transport_of, websocket
from vk_core.kubelet.remotecommand import messages
from vk_core.kubelet.remotecommand.inbox import CAPACITY, Inbox
from vk_core.provider.streams import ContainerIO
from vk_core.telemetry.metrics import STREAMS_OPEN

pytestmark = pytest.mark.usefixtures("nothing_left")

V4 = "v4.channel.k8s.io"
V5 = "v5.channel.k8s.io"
ALL = "&input=1&output=1&error=1"


async def test_input_that_nobody_reads_stays_with_the_client_and_its_leaving_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(messages, "PROBE_SECONDS", 0.05)
    endless = Endless()
    async with node(endless) as (url, _), websocket(url, V5, path=EXEC + ALL) as ws:
        await soon(endless.started)
        sending = asyncio.create_task(_send_without_end(ws))
        io = endless.io
        assert io is not None
        assert isinstance(io.stdin, Inbox)
        async with asyncio.timeout(5):
            while io.stdin.has_room:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.2)
        assert io.stdin.held < CAPACITY + 64 * 1024
        assert not endless.cancelled.is_set()
        sending.cancel()
        transport_of(ws).abort()
        await soon(endless.cancelled)


async def _send_without_end(ws: aiohttp.ClientWebSocketResponse) -> None:
    while True:
        await ws.send_bytes(bytes(32 * 1024))


async def test_input_that_waited_arrives_whole() -> None:
    go = asyncio.Event()
    data = bytes(range(256)) * 16_000

    async def late_cat(command: Sequence[str], io: ContainerIO) -> int:
        await go.wait()
        return await cat(command, io)

    async with node(late_cat) as (url, _), websocket(url, V5, path=EXEC + ALL) as ws:
        sending = asyncio.create_task(_send(ws, data))
        asyncio.get_running_loop().call_later(0.2, go.set)
        heard = await listen(ws)
        await sending
    assert heard.channel(1) == data


async def _send(ws: aiohttp.ClientWebSocketResponse, data: bytes) -> None:
    for start in range(0, len(data), 32 * 1024):
        await ws.send_bytes(b"\x00" + data[start : start + 32 * 1024])
    await ws.send_bytes(b"\xff\x00")


async def test_input_that_a_command_has_not_read_does_not_hold_up_its_end() -> None:
    done = asyncio.Event()

    async def ends(_command: Sequence[str], _io: ContainerIO) -> int:
        await done.wait()
        return 0

    async with node(ends) as (url, _), websocket(url, V5, path=EXEC + ALL) as ws:
        sending = asyncio.create_task(_send_without_end(ws))
        asyncio.get_running_loop().call_later(0.1, done.set)
        heard = await listen(ws)
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        assert json.loads(heard.channel(3))["status"] == "Success"
        async with asyncio.timeout(5):
            while STREAMS_OPEN.labels("exec")._value.get():  # noqa: ASYNC110 - the end of a handler is seen nowhere else
                await asyncio.sleep(0.01)


async def test_a_client_that_does_not_read_stops_the_command() -> None:
    written = 0

    async def yes(_command: Sequence[str], io: ContainerIO) -> int:
        nonlocal written
        assert io.stdout is not None
        while True:
            await io.stdout.write(bytes(64 * 1024))
            written += 64 * 1024

    async with node(yes) as (url, _), websocket(url, V4, path=EXEC + ALL) as ws:
        transport_of(ws).pause_reading()
        before = -1
        while before != written:
            before = written
            await asyncio.sleep(0.1)
        # The sockets' own buffers, which the kernel lets grow, and a little of ours.
        assert written < 16 * 1024 * 1024
        transport_of(ws).abort()


async def test_what_is_still_under_way_is_waited_for_however_late_the_client_reads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(messages, "LINGER_SECONDS", 0.05)
    monkeypatch.setattr(messages, "LOOK_SECONDS", 0.05)
    data = bytes(range(256)) * 2_000
    ended = asyncio.Event()

    async def much(_command: Sequence[str], io: ContainerIO) -> int:
        assert io.stdin is not None
        assert io.stdout is not None
        await io.stdin.read()
        await io.stdout.write(data)
        ended.set()
        return 0

    async with node(much) as (url, _), websocket(url, V4, path=EXEC + ALL) as ws:
        transport = transport_of(ws)
        sock = transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32768)
        await ws.send_bytes(b"\x00go")
        transport.pause_reading()
        await soon(ended)
        await asyncio.sleep(0.3)
        await ws.ping()
        transport.resume_reading()
        heard = await listen(ws)
    assert heard.channel(1) == data
    assert heard.messages[-1][0] == 3
