"""What containers serve: raw answers over TCP or TLS, and gRPC's health service over HTTP/2."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import DataReceived, RequestReceived, StreamEnded

FRAME_BYTES = 1 << 14

FINE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@dataclass
class RawServer:
    """Answers each connection with the next one of its answers, the last one for ever.

    Attributes:
        answers: what it says once it was asked.
        then: what it does then: `close`, `hang` or `reset`.
        asked: what it was asked.
        port: where it listens.
    """

    answers: list[bytes]
    then: str = "close"
    asked: list[bytes] = field(default_factory=list)
    port: int = 0

    @contextlib.asynccontextmanager
    async def serving(self, tls: ssl.SSLContext | None = None) -> AsyncIterator[RawServer]:
        async with _served(self._answer, tls) as self.port:
            yield self

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.asked.append(await reader.readuntil(b"\r\n\r\n"))
        answer = self.answers[min(len(self.asked), len(self.answers)) - 1]
        writer.write(answer.replace(b"$PORT", str(self.port).encode()))
        await writer.drain()
        if self.then == "hang":
            await reader.read()
        if self.then == "reset":
            connection = writer.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()


@dataclass
class PlainServer:
    """A web server that knows no TLS, and complains about whatever is no HTTP, as web servers do.

    Attributes:
        asked: all that it was sent.
        port: where it listens.
    """

    asked: list[bytes] = field(default_factory=list)
    port: int = 0

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[PlainServer]:
        async with _served(self._answer) as self.port:
            yield self

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.asked.append(await reader.read(1 << 16))
        writer.write(FINE if self.asked[-1].startswith(b"GET ") else b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()


@dataclass
class HealthServer:
    """The health service.

    Attributes:
        body: its answer's message, framed.
        trailers: what follows.
        head: headers before.
        speaks: whether it says anything.
        asked: headers and message of each call.
        resets: whether it breaks calls off.
        refusals: how many connections it closes at first.
    """

    body: bytes = b"\x00\x00\x00\x00\x02\x08\x01"
    trailers: dict[str, str] = field(default_factory=lambda: {"grpc-status": "0"})
    head: dict[str, str] = field(default_factory=lambda: {":status": "200", "content-type": "application/grpc"})
    speaks: bool = True
    asked: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    resets: bool = False
    refusals: int = 0
    port: int = 0

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[HealthServer]:
        async with _served(self._answer) as self.port:
            yield self

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.refusals:
            self.refusals -= 1
            return
        frames = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        frames.initiate_connection()
        headers: dict[str, str] = {}
        message = b""
        while True:
            writer.write(frames.data_to_send())
            data = await reader.read(1 << 16)
            if not data:
                return
            for event in frames.receive_data(data):
                match event:
                    case RequestReceived():
                        headers = {str(name): str(value) for name, value in event.headers}
                    case DataReceived():
                        message += event.data
                    case StreamEnded() if self.speaks:
                        self.asked.append((headers, message))
                        self._reply(frames, event.stream_id)

    def _reply(self, frames: H2Connection, number: int) -> None:
        if not self.trailers:
            frames.send_headers(number, list(self.head.items()), end_stream=True)
            return
        if self.resets:
            frames.reset_stream(number, ErrorCodes.INTERNAL_ERROR)
            return
        frames.send_headers(number, list(self.head.items()))
        for start in range(0, len(self.body), FRAME_BYTES):
            frames.send_data(number, self.body[start : start + FRAME_BYTES])
        frames.send_headers(number, list(self.trailers.items()), end_stream=True)


@contextlib.asynccontextmanager
async def _served(answer: Callable[..., Any], tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        handlers.add(asyncio.current_task())
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                await answer(reader, writer)
        finally:
            writer.close()

    handlers: set[Any] = set()
    server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        async with asyncio.timeout(10):
            await asyncio.gather(*handlers)


@contextlib.contextmanager
def nobody() -> Any:
    """A port on which nobody listens."""
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        yield reserved.getsockname()[1]
