"""A node whose container does what a test says, and clients of it."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import datetime as dt
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import aiohttp
from aiohttp import WSMsgType

from tests.support.kubelet import ScriptedProvider, backend_of, route, running_pod, serving
from vk_core.kubelet.backend import StreamTimeouts
from vk_core.kubelet.remotecommand.handlers import attach_handler, exec_handler, run_handler
from vk_core.provider.streams import ContainerIO

Command = Callable[[Sequence[str], ContainerIO], Awaitable[int]]

DEADLINE_SECONDS = 10.0

EXEC = "/exec/default/web/main?command=x"


@contextlib.asynccontextmanager
async def node(
    command: Command | None = None, *, tls: ssl.SSLContext | None = None, **timeouts: float
) -> AsyncIterator[tuple[str, ScriptedProvider]]:
    """Serves exec, attach and run of one running container; time-outs in seconds by name."""
    provider = ScriptedProvider()
    if command is not None:
        provider.command = command
    given = StreamTimeouts(**{name: dt.timedelta(seconds=seconds) for name, seconds in timeouts.items()})
    backend = backend_of(provider, [running_pod()])
    path = "/{namespace}/{pod}/{container}"
    async with serving(
        route(f"/exec{path}", exec_handler(backend, given)),
        route(f"/attach{path}", attach_handler(backend, given)),
        route(f"/run{path}", run_handler(backend, given)),
        tls=tls,
    ) as url:
        yield url, provider


@dataclass
class Heard:
    """What a WebSocket client was told, in order.

    Attributes:
        messages: channel and bytes.
        close_code: of the server's close frame.
        pongs: how many pings were answered.
    """

    messages: list[tuple[int, bytes]] = field(default_factory=list)
    close_code: int | None = None
    pongs: int = 0

    def channel(self, number: int) -> bytes:
        return b"".join(data for channel, data in self.messages if channel == number)


@contextlib.asynccontextmanager
async def websocket(
    url: str, *protocols: str, path: str = EXEC, tls: ssl.SSLContext | None = None
) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    """A client's WebSocket."""
    async with (
        asyncio.timeout(DEADLINE_SECONDS),
        aiohttp.ClientSession() as session,
        session.ws_connect(
            url + path, protocols=protocols, max_msg_size=0, compress=0, autoping=False, ssl=tls or True
        ) as ws,
    ):
        yield ws


async def listen(ws: aiohttp.ClientWebSocketResponse) -> Heard:
    """Everything until the server closes."""
    heard = Heard()
    async for message in ws:
        if message.type is WSMsgType.BINARY:
            heard.messages.append((message.data[0], message.data[1:]))
        elif message.type is WSMsgType.TEXT:
            heard.messages.append((int(message.data[0]), base64.b64decode(message.data[1:])))
        elif message.type is WSMsgType.PONG:
            heard.pongs += 1
        elif message.type is WSMsgType.PING:
            await ws.pong(message.data)
    heard.close_code = ws.close_code
    return heard


class Endless:
    """A command that runs until it is cancelled, and tells when."""

    def __init__(self) -> None:
        self.started = asyncio.Event()
        self.cancelled = asyncio.Event()
        self.io: ContainerIO | None = None

    async def __call__(self, _command: Sequence[str], io: ContainerIO) -> int:
        self.io = io
        self.started.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        raise AssertionError


async def cat(_command: Sequence[str], io: ContainerIO) -> int:
    """Writes what it reads."""
    assert io.stdin is not None
    assert io.stdout is not None
    while data := await io.stdin.read():
        await io.stdout.write(data)
    return 0


def transport_of(ws: aiohttp.ClientWebSocketResponse) -> asyncio.Transport:
    """What carries a client's bytes, to break or to hold up."""
    connection = ws._response.connection
    assert connection is not None
    assert connection.transport is not None
    return connection.transport


async def soon(event: asyncio.Event) -> None:
    """Wait for something that must happen."""
    await asyncio.wait_for(event.wait(), DEADLINE_SECONDS)
