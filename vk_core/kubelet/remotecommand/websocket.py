"""Exec and attach over WebSocket, as the Python, JavaScript and Java clients speak it, and kubectl's v5.

A client that closes or loses its connection is gone at once, even while its input waits to be read. Input that nobody
reads stays in the network. The command's end is a message on the error channel and close code 1000.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import logging

from aiohttp import WSCloseCode, web

from vk_core.kubelet.refusal import Refusal
from vk_core.kubelet.remotecommand.background import in_background
from vk_core.kubelet.remotecommand.channels import SUBPROTOCOLS, Channel, Subprotocol, choose
from vk_core.kubelet.remotecommand.inbox import Inbox
from vk_core.kubelet.remotecommand.messages import MessageConnection, open_messages
from vk_core.kubelet.remotecommand.outcome import Outcome, status_of
from vk_core.kubelet.remotecommand.request import StreamOptions
from vk_core.kubelet.remotecommand.resizing import Resizes
from vk_core.kubelet.remotecommand.runner import Work, serve
from vk_core.provider.streams import ContainerIO

PIECE = 64 * 1024 - 2
"""How much output goes into one message: with the channel's byte it fits into the shorter frame header."""

log = logging.getLogger("virtual_kubelet.kubelet")


class WebSocketSession:
    """A client on a WebSocket; see `Session`."""

    def __init__(self, connection: MessageConnection, protocol: Subprotocol, options: StreamOptions) -> None:
        self.gone = asyncio.Event()
        self._connection = connection
        self._protocol = protocol
        self._stdin = Inbox()
        self._resizes = Resizes()
        self.io = ContainerIO(
            stdin=self._stdin if options.stdin else None,
            stdout=_Output(self, Channel.STDOUT) if options.stdout else None,
            stderr=_Output(self, Channel.STDERR) if options.stderr else None,
            tty=options.tty,
            resizes=self._resizes,
        )

    async def greet(self) -> None:
        """Send the empty message that clients get before anything else, on the first channel they can hear."""
        first = Channel.STDOUT if self.io.stdout else Channel.STDERR if self.io.stderr else Channel.ERROR
        await self._send(first, b"")

    async def send(self, channel: Channel, data: bytes) -> None:
        """Send bytes on a channel, in pieces.

        Raises:
            ConnectionResetError: the client is gone.
        """
        for start in range(0, len(data), PIECE):
            await self._send(channel, data[start : start + PIECE])

    async def finish(self, outcome: Outcome) -> None:
        """Send the status, and close when the client has read everything."""
        self._stdin.break_off()
        try:
            await self.send(Channel.ERROR, status_of(outcome, self._protocol.version))
            await self._connection.close()
        except ConnectionError:
            self.gone.set()

    async def receive(self) -> None:
        """Take in what the client sends until it is gone."""
        try:
            async with contextlib.aclosing(self._connection.messages()) as messages:
                async for message in messages:
                    await self._take(message)
        except ConnectionError:
            log.debug("a client went away while its input waited")
        except ValueError as error:
            log.debug("a client sent what is no message: %s", error)
            await self._connection.say_close(WSCloseCode.INVALID_TEXT)
        finally:
            self.gone.set()
            self._stdin.break_off()
            self._resizes.end()

    async def _take(self, message: bytes) -> None:
        channel, payload = self._protocol.decode(message)
        if channel == Channel.STDIN and self.io.stdin is not None:
            self._stdin.feed(payload)
            if not self._stdin.has_room:
                await self._connection.wait_looking_after_client(self._stdin.room())
        elif channel == Channel.RESIZE and self.io.tty:
            self._resizes.feed(bytes(payload))
        elif self._protocol.closes(channel, payload) == Channel.STDIN:
            self._stdin.feed_eof()

    async def _send(self, channel: Channel, data: bytes) -> None:
        await self._connection.send(self._protocol.encode(channel, data), text=self._protocol.base64)


class _Output:
    """The ByteWriter of one channel."""

    def __init__(self, session: WebSocketSession, channel: Channel) -> None:
        self._session = session
        self._channel = channel

    async def write(self, data: bytes) -> None:
        await self._session.send(self._channel, data)


def negotiate_websocket(request: web.Request) -> Subprotocol:
    """The first subprotocol of the client that is known.

    Raises:
        Refusal: 403, none is.
    """
    protocol = choose(request.headers.getall("Sec-WebSocket-Protocol", ()))
    if protocol is None:
        known = ", ".join(name for name in SUBPROTOCOLS if name)
        raise Refusal(403, f"unable to upgrade: none of the offered WebSocket protocols is known here, only {known}")
    return protocol


async def serve_websocket(
    request: web.Request, options: StreamOptions, idle: dt.timedelta, work: Work
) -> web.StreamResponse:
    """Upgrade a request and do the work for its client.

    Raises:
        Refusal: 403, none of the client's subprotocols is known; 400 or 405, the handshake is malformed.
    """
    protocol = negotiate_websocket(request)
    async with open_messages(request, protocol.name, idle) as connection:
        session = WebSocketSession(connection, protocol, options)
        await session.greet()
        async with in_background(receive=session.receive()):
            await serve(session, work)
    return connection.response
