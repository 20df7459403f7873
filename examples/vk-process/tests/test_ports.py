"""Ports of this machine, joined with those of clients."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import pytest_asyncio

from vk_core.api.podkey import PodKey
from vk_core.errors import Unavailable
from vk_core.testing import PortClient

from .conftest import SECONDS, Machine

Forward = Callable[[int, PortClient], Awaitable[None]]
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest_asyncio.fixture
async def forward(machine: Machine) -> AsyncIterator[Forward]:
    pod = await machine.running()

    async def forward_to(port: int, client: PortClient) -> None:
        async with asyncio.timeout(SECONDS):
            await machine.provider.port_forward(PodKey.of(pod), port, client)

    yield forward_to


async def serve(handler: Handler, host: str = "127.0.0.1") -> tuple[asyncio.Server, int]:
    server = await asyncio.start_server(handler, host, 0)
    return server, server.sockets[0].getsockname()[1]


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1)
    connection = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    writer.transport.abort()


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_bytes_go_both_ways_over_either_family(forward: Forward, host: str) -> None:
    server, port = await serve(echo, host)
    async with server:
        client, sent = PortClient(), os.urandom(3_000_000)
        client.send(sent)
        client.end()
        await forward(port, client)
        assert client.received == sent


async def test_a_connection_that_breaks_is_said_and_harms_no_other(forward: Forward) -> None:
    server, port = await serve(reset)
    good, good_port = await serve(echo)
    async with server, good:
        client, broken = PortClient(), PortClient()
        going_on = asyncio.ensure_future(forward(good_port, client))
        client.send(b"before")
        await asyncio.wait_for(client.until_received(b"before"), SECONDS)
        broken.send(b"x")
        with pytest.raises(Unavailable, match=f"^the connection to port {port} broke: "):
            await forward(port, broken)
        client.send(b" and after")
        client.end()
        await going_on
        assert client.received == b"before and after"


async def test_a_port_without_a_listener_is_named_with_both_refusals(forward: Forward) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(Unavailable, match=rf"^nothing listens on port {port}: 127\.0\.0\.1: Connection refused; ::1: "):
        await forward(port, PortClient())
