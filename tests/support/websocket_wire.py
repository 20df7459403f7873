"""A SPDY client inside the binary messages of a WebSocket, as kubectl does port forwarding."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator

import aiohttp

from tests.support.spdy_client import SpdyClient


class MessageWriter:
    """A Writer over a WebSocket; messages begin and end anywhere."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._waiting = bytearray()

    def write(self, data: bytes) -> None:
        self._waiting += data

    async def drain(self) -> None:
        while self._waiting:
            piece = bytes(self._waiting[:1000])
            del self._waiting[: len(piece)]
            await self._socket.send_bytes(piece)

    def close(self) -> None:
        self._waiting.clear()

    @property
    def transport(self) -> object:
        return None


@contextlib.asynccontextmanager
async def tunnel_client(url: str, tls: ssl.SSLContext | None = None) -> AsyncIterator[SpdyClient]:
    """A SPDY connection in a WebSocket that speaks `SPDY/3.1+portforward.k8s.io`."""
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(url, protocols=("SPDY/3.1+portforward.k8s.io",), ssl=tls or True) as socket,
    ):
        assert socket.protocol == "SPDY/3.1+portforward.k8s.io"
        reader = asyncio.StreamReader()

        async def receive() -> None:
            async for message in socket:
                reader.feed_data(message.data)
            reader.feed_eof()

        receiving = asyncio.create_task(receive())
        client = SpdyClient(reader, MessageWriter(socket))
        try:
            yield client
        finally:
            client.close()
            receiving.cancel()
