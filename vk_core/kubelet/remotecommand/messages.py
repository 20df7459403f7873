"""A WebSocket as exec and attach need it: messages both ways, back-pressure, and a client that cannot just vanish.

What messages mean is not its business.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable

from aiohttp import WSCloseCode, WSMsgType, web
from aiohttp.abc import AbstractStreamWriter

from vk_core.kubelet.idle import IdleTimer
from vk_core.kubelet.sockets import buffered, keep_alive, unsent
from vk_core.kubelet.upgrade import check_websocket

LINGER_SECONDS = 30.0
"""How long the client may take to answer the close frame when everything has reached its machine."""

LOOK_SECONDS = 1.0
"""How often is looked whether everything has."""

FLUSH_SECONDS = 5.0
"""How long a closed connection may take to send its last bytes."""

MAX_MESSAGE = 4 * 1024 * 1024
"""The longest message that a client may send; kubectl's have 32 KiB, other clients send what they are given."""

WRITE_BUFFER = 256 * 1024
"""With so much output not yet taken by the network, writers wait."""

PROBE_SECONDS = 5.0
"""How often a client is looked after while nothing is read from it, since its leaving would not be noticed."""

log = logging.getLogger("virtual_kubelet.kubelet")


class MessageConnection:
    """An open WebSocket.

    Attributes:
        response: what the handler returns to aiohttp in the end.
    """

    def __init__(
        self,
        response: web.WebSocketResponse,
        transport: asyncio.Transport,
        writer: AbstractStreamWriter,
        idle: dt.timedelta,
    ) -> None:
        self.response = response
        self._transport = transport
        self._writer = writer
        self._idle = IdleTimer(idle, self._on_idle)
        self._draining: asyncio.Task[None] | None = None
        self._said_close = False
        self._receiving = False
        self._client_left = asyncio.Event()

    async def send(self, message: bytes, *, text: bool) -> None:
        """Send a message and wait while the client does not keep up.

        Raises:
            ConnectionResetError: the client is gone.
        """
        await self.response.send_frame(message, WSMsgType.TEXT if text else WSMsgType.BINARY)
        await self._drained()
        self._idle.touch()

    async def messages(self) -> AsyncGenerator[bytes, None]:
        """What the client sends, until it closes, breaks the protocol or is gone."""
        self._receiving = True
        try:
            while True:
                message = await self.response.receive()
                self._idle.touch()
                if message.type is WSMsgType.BINARY:
                    yield message.data
                elif message.type is WSMsgType.TEXT:
                    yield message.data.encode()
                elif message.type is WSMsgType.PING:
                    await self.response.pong(message.data)
                    await self._drained()
                elif message.type is not WSMsgType.PONG:
                    await self.say_close()
                    return
        finally:
            self._receiving = False
            self._client_left.set()

    async def wait_looking_after_client(self, waiting: Awaitable[None]) -> None:
        """Wait for something without reading from the client, and notice all the same when it is gone.

        Raises:
            ConnectionResetError: it is.
        """
        task = asyncio.ensure_future(waiting)
        try:
            while not (await asyncio.wait((task,), timeout=PROBE_SECONDS))[0]:
                # The machine of a client that has left answers with a reset, and the next ping fails.
                await self.response.ping()
        finally:
            task.cancel()

    async def say_close(self, code: WSCloseCode = WSCloseCode.OK) -> None:
        """Send a close frame, the first time; nothing may be sent behind it."""
        if not self._said_close and not self.response.closed:
            self._said_close = True
            with contextlib.suppress(ConnectionError):
                await self.response.send_frame(code.to_bytes(2, "big"), WSMsgType.CLOSE)

    async def close(self) -> None:
        """Say that this was all, and wait until the client has taken it, however long that takes.

        A connection that was closed while the client still sends, pings for instance, would lose what is under way;
        so whoever takes `messages` goes on to do so.
        """
        await self.say_close()
        ignoring = None if self._receiving or self._client_left.is_set() else asyncio.create_task(self._ignore())
        try:
            await self._linger()
        finally:
            if ignoring is not None:
                ignoring.cancel()
                await asyncio.gather(ignoring, return_exceptions=True)

    async def _ignore(self) -> None:
        async for _ in self.messages():
            pass

    async def _linger(self) -> None:
        left = LINGER_SECONDS
        while left > 0 and not self._client_left.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._client_left.wait()
            if not unsent(self._transport):
                left -= LOOK_SECONDS

    def end(self) -> None:
        """Let go of the connection: at once, or if a close frame was sent as soon as that has left."""
        self._idle.cancel()
        if self._draining is not None:
            self._draining.cancel()
        if not self._said_close:
            self._transport.abort()
            return
        if not self._transport.is_closing():
            self._transport.close()
        asyncio.get_running_loop().call_later(FLUSH_SECONDS, self._transport.abort)

    async def _drained(self) -> None:
        if buffered(self._transport) <= WRITE_BUFFER:
            return
        # aiohttp lets all who write wait for one future: one of them that is cancelled must not take the others along.
        if self._draining is None or self._draining.done():
            self._draining = asyncio.create_task(self._drain(), name="drain")
        await asyncio.shield(self._draining)

    async def _drain(self) -> None:
        # Whoever writes next hears that the client is gone.
        with contextlib.suppress(ConnectionError):
            await self._writer.drain()

    def _on_idle(self) -> None:
        log.info("a streaming connection was idle for too long and is closed")
        self._transport.abort()


@contextlib.asynccontextmanager
async def open_messages(request: web.Request, subprotocol: str, idle: dt.timedelta) -> AsyncIterator[MessageConnection]:
    """Accept a WebSocket that speaks this subprotocol (none if empty).

    Raises:
        Refusal: 400 or 405, the handshake is malformed.
    """
    check_websocket(request)
    transport = request.transport
    if transport is None:
        raise ConnectionResetError("the client went away")
    response = web.WebSocketResponse(
        # aiohttp closes at once when something is being received meanwhile, and does not count pings as life.
        autoclose=False,
        autoping=False,
        compress=False,
        max_msg_size=MAX_MESSAGE,
        protocols=(subprotocol,) if subprotocol else (),
        writer_limit=2**62,  # waiting is done here
    )
    if subprotocol:
        response.headers["Sec-WebSocket-Protocol"] = subprotocol
    writer = await response.prepare(request)
    transport.set_write_buffer_limits(high=WRITE_BUFFER)
    keep_alive(transport)
    connection = MessageConnection(response, transport, writer, idle)
    try:
        yield connection
    finally:
        connection.end()
