"""Port forwarding over a WebSocket as clients other than kubectl speak it: two channels and one connection per port.

The ports are in the request. Channel 2i carries the data of the i-th port, channel 2i + 1 its error; the first message
on each is the number of the port. There is no half-close: a port is done as soon as either end is.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import logging
from collections.abc import Mapping, Sequence

from aiohttp import WSCloseCode, web
from multidict import MultiMapping

from vk_core.kubelet.portforward.forward import Forward, port_of
from vk_core.kubelet.refusal import Refusal
from vk_core.kubelet.remotecommand.background import in_background
from vk_core.kubelet.remotecommand.channels import CLOSE_VERSION, SUBPROTOCOLS, Subprotocol
from vk_core.kubelet.remotecommand.inbox import Inbox
from vk_core.kubelet.remotecommand.messages import MessageConnection, open_messages
from vk_core.kubelet.remotecommand.runner import done_or_set

PROTOCOLS: Mapping[str, Subprotocol] = {name: one for name, one in SUBPROTOCOLS.items() if one.version < CLOSE_VERSION}
"""By their names in `Sec-WebSocket-Protocol`; for forwarding all these versions mean the same."""

MAX_PORTS = 40
"""Ports in one request: with more, the channels of the base64 variant would be no text any more."""

PIECE = 32 * 1024
"""Bytes in a message that we send."""

log = logging.getLogger("virtual_kubelet.kubelet.portforward")


def ports_of(query: MultiMapping[str]) -> tuple[int, ...]:
    """The ports that a request asks for: `port` or `ports`, repeated or separated by commas.

    Raises:
        Refusal: 400, there is none, one is no port, or there are too many.
    """
    words = [
        word.strip() for name in ("port", "ports") for value in query.getall(name, ()) for word in value.split(",")
    ]
    if not words:
        raise Refusal(400, "query parameter port: expected the ports to forward, such as port=80,443")
    if len(words) > MAX_PORTS:
        raise Refusal(400, f"query parameter port: expected at most {MAX_PORTS} ports, got {len(words)}")
    return tuple(map(_port, words))


def _port(word: str) -> int:
    port = port_of(word)
    if port is None:
        raise Refusal(400, f'query parameter port: expected a number from 1 to 65535, got "{word}"')
    return port


async def forward_channels(
    request: web.Request, protocol: Subprotocol, ports: Sequence[int], forward: Forward, idle: dt.timedelta
) -> web.StreamResponse:
    """Upgrade a request and forward one connection per port, until all are done or the client is gone.

    Raises:
        Refusal: 400 or 405, the handshake is malformed.
    """
    async with open_messages(request, protocol.name, idle) as messages:
        with contextlib.suppress(ConnectionError):
            channels = [_PortChannels(messages, protocol, 2 * number) for number in range(len(ports))]
            for port, channel in zip(ports, channels, strict=True):
                await channel.greet(port)
            await _run(messages, channels, ports, forward)
            await messages.close()
    return messages.response


async def _run(
    messages: MessageConnection, channels: Sequence[_PortChannels], ports: Sequence[int], forward: Forward
) -> None:
    async def serve_all() -> None:
        async with asyncio.TaskGroup() as group:
            for port, channel in zip(ports, channels, strict=True):
                group.create_task(channel.serve(port, forward))

    gone = asyncio.Event()
    async with in_background(receive=_receive(messages, channels, gone)):
        serving = asyncio.create_task(serve_all())
        try:
            await done_or_set(serving, gone)
        finally:
            serving.cancel()
            await asyncio.wait((serving,))
        if not serving.cancelled():
            serving.result()


async def _receive(messages: MessageConnection, channels: Sequence[_PortChannels], gone: asyncio.Event) -> None:
    """Hand on what the client sends until it is gone; nothing more is read while one of the ports does not keep up."""
    try:
        async for message in messages.messages():
            await _take(messages, channels, message)
    except ConnectionError:
        log.debug("a client went away while its bytes waited")
    except ValueError as error:
        log.info("a client sent what is no message: %s", error)
        await messages.say_close(WSCloseCode.INVALID_TEXT)
    finally:
        gone.set()


async def _take(messages: MessageConnection, channels: Sequence[_PortChannels], message: bytes) -> None:
    number, payload = channels[0].protocol.decode(message)
    if number % 2 == 0 and 0 <= number < 2 * len(channels):
        inbox = channels[number // 2].inbox
        inbox.feed(payload)
        if not inbox.has_room:
            await messages.wait_looking_after_client(inbox.room())


class _PortChannels:
    """A PortStream over the two channels of one port."""

    def __init__(self, messages: MessageConnection, protocol: Subprotocol, number: int) -> None:
        self.protocol = protocol
        self.inbox = Inbox()
        self._messages = messages
        self._number = number

    async def greet(self, port: int) -> None:
        """Say which port this is, on both channels."""
        await self._send(self._number, port.to_bytes(2, "little"))
        await self._send(self._number + 1, port.to_bytes(2, "little"))

    async def serve(self, port: int, forward: Forward) -> None:
        """Join this connection with the port, and tell what goes wrong."""
        try:
            text = await forward(port, self)
            if text:
                with contextlib.suppress(ConnectionError):
                    await self._send(self._number + 1, text.encode())
        finally:
            self.inbox.break_off()

    async def read(self) -> bytes:
        return await self.inbox.read()

    async def write(self, data: bytes) -> None:
        for start in range(0, len(data), PIECE):
            await self._send(self._number, data[start : start + PIECE])

    async def write_eof(self) -> None:
        # The client cannot be told, and would wait for us as we for it.
        self.inbox.feed_eof()

    async def _send(self, number: int, data: bytes) -> None:
        await self._messages.send(self.protocol.encode(number, data), text=self.protocol.base64)
