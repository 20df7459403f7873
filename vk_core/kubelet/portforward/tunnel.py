"""The bytes of a SPDY connection in binary messages of a WebSocket: how kubectl gets port forwarding past HTTP proxies.

Where messages begin and end means nothing; we send one per frame, since clients want header blocks whole.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
from collections import deque
from collections.abc import Awaitable, Callable

from aiohttp import web

from vk_core.kubelet.portforward.pairs import PROTOCOL
from vk_core.kubelet.remotecommand.background import in_background
from vk_core.kubelet.remotecommand.messages import MessageConnection, open_messages
from vk_core.kubelet.spdy.connection import SpdyConnection

TUNNEL = f"SPDY/3.1+{PROTOCOL}"

QUEUE_HIGH = 256 * 1024
"""With so many bytes on their way to the client, writers wait until it is a quarter."""

PIECE = 64 * 1024
"""So many bytes are handed to the connection at a time: a message may be long."""

log = logging.getLogger("virtual_kubelet.kubelet.portforward")


async def serve_tunnel(
    request: web.Request, idle: dt.timedelta, serve: Callable[[SpdyConnection], Awaitable[None]]
) -> web.StreamResponse:
    """Upgrade a request and serve the SPDY connection in it.

    Raises:
        Refusal: 400 or 405, the handshake is malformed.
    """
    async with open_messages(request, TUNNEL, idle) as messages:
        wire = _MessageWire(messages)
        connection = wire.connection = SpdyConnection(wire, idle=idle)
        try:
            async with in_background(receive=wire.receive()):
                sending = asyncio.create_task(wire.send_all())
                try:
                    await serve(connection)
                    connection.goaway()
                    wire.close()
                    await sending
                finally:
                    sending.cancel()
        finally:
            connection.lose()
    return messages.response


class _MessageWire:
    """A `Wire` over messages, and what moves them."""

    connection: SpdyConnection

    def __init__(self, messages: MessageConnection) -> None:
        self._messages = messages
        self._queue: deque[bytes] = deque()
        self._queued = 0
        self._pressing = False
        self._closing = False
        self._something = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()

    # What the connection asks for.

    def write(self, data: bytes) -> None:
        self._queue.append(data)
        self._queued += len(data)
        self._something.set()
        if self._queued > QUEUE_HIGH and not self._pressing:
            self._pressing = True
            self.connection.pause_writing()

    def pending(self) -> int:
        return self._queued

    def pause_reading(self) -> None:
        self._room.clear()

    def resume_reading(self) -> None:
        self._room.set()

    def close(self) -> None:
        self._closing = True
        self._something.set()

    # What moves the bytes.

    async def receive(self) -> None:
        """Feed the connection until the client is gone."""
        try:
            async for message in self._messages.messages():
                for start in range(0, len(message), PIECE):
                    if not self._room.is_set():
                        await self._messages.wait_looking_after_client(self._room_again())
                    self.connection.feed(message[start : start + PIECE])
        except ConnectionError:
            log.debug("a client went away while its bytes waited")
        finally:
            self.connection.lose()

    async def send_all(self) -> None:
        """Send what is written until the wire is closed, and then close the WebSocket."""
        try:
            while self._queue or not self._closing:
                if not self._queue:
                    self._something.clear()
                    await self._something.wait()
                    continue
                frame = self._queue.popleft()
                await self._messages.send(frame, text=False)
                self._queued -= len(frame)
                self._release()
            await self._messages.close()
        except ConnectionError:
            self.connection.lose()

    def _release(self) -> None:
        if self._pressing and self._queued <= QUEUE_HIGH // 4:
            self._pressing = False
            self.connection.resume_writing()

    async def _room_again(self) -> None:
        await self._room.wait()
