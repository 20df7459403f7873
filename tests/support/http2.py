"""The server's side of HTTP/2 as a test wants it, in memory or behind TLS; clients have to keep the rules."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, cast

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import ConnectionTerminated, Event, PingAckReceived, PingReceived, RequestReceived, StreamReset
from h2.settings import SettingCodes, Settings
from hyperframe.frame import GoAwayFrame

from tests.support.forwarding import tls_contexts

FRAME_BYTES = 1 << 14


class ServerSide:
    """One connection: what it was asked, and what it answers when the test says so.

    `mute` lets nothing out any more, as when the network swallows everything.
    """

    def __init__(self, write: Callable[[bytes], None], close: Callable[[], None], *, most_streams: int = 100) -> None:
        self.requests: dict[int, dict[str, str]] = {}
        self.resets: dict[int, int] = {}
        self.pings = 0
        self.pongs = 0
        self.goodbye: int | None = None
        self.mute = False
        self.lost = False
        self.close = close
        self._write = write
        self._frames = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        limit = {SettingCodes.MAX_CONCURRENT_STREAMS: most_streams}
        self._frames.local_settings = Settings(client=False, initial_values=limit)

    def begin(self) -> None:
        self._frames.initiate_connection()
        self._flush()

    def receive(self, data: bytes) -> None:
        """What the client sent.

        Raises:
            h2.exceptions.ProtocolError: it must not.
        """
        for event in self._frames.receive_data(data):
            self._on(event)
        self._flush()

    def answer(self, number: int, body: bytes = b"", *, status: int = 200, end: bool = False, **headers: str) -> None:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self._frames.send_headers(number, [(":status", str(status)), *named.items()])
        self._flush()
        self.send(number, body, end=end)

    def send(self, number: int, data: bytes, *, end: bool = False, padding: int | None = None) -> None:
        """A piece of the body; it is a mistake of the test to send more than the client allows."""
        for start in range(0, len(data), FRAME_BYTES):
            self._frames.send_data(number, data[start : start + FRAME_BYTES], pad_length=padding)
        if end:
            self._frames.end_stream(number)
        self._flush()

    def fill(self, number: int, *, at_most: int = 1 << 24) -> int:
        """Send as much as the client allows at this moment."""
        sent = 0
        while size := min(self.allowed(number), FRAME_BYTES, at_most - sent):
            self._frames.send_data(number, b"x" * size)
            sent += size
        self._flush()
        return sent

    def allowed(self, number: int) -> int:
        return self._frames.local_flow_control_window(number)

    def reset(self, number: int, code: ErrorCodes) -> None:
        self._frames.reset_stream(number, code)
        self._flush()

    def ping(self) -> None:
        self._frames.ping(bytes(8))
        self._flush()

    def go_away(self, last: int, code: ErrorCodes = ErrorCodes.NO_ERROR) -> None:
        """As when a server shuts down, or wants its clients to spread over others."""
        self._write(GoAwayFrame(0, last_stream_id=last, error_code=code).serialize())

    def _on(self, event: Event) -> None:
        match event:
            case RequestReceived():
                headers = cast("list[tuple[str, str]]", event.headers)
                assert event.stream_ended is not None, "a GET has no body"
                assert len(dict(headers)) == len(headers), "each header once"
                self.requests[event.stream_id] = dict(headers)
            case StreamReset():
                self.resets[event.stream_id] = int(event.error_code or 0)
            case PingReceived():
                self.pings += 1
            case PingAckReceived():
                self.pongs += 1
            case ConnectionTerminated():
                self.goodbye = int(event.error_code or 0)

    def _flush(self) -> None:
        data = self._frames.data_to_send()
        if data and not self.mute:
            self._write(data)


class Agreed:
    """What a TLS connection says about its protocol."""

    def __init__(self, protocol: str | None = "h2") -> None:
        self._protocol = protocol

    def selected_alpn_protocol(self) -> str | None:
        return self._protocol


class Wire(asyncio.Transport):
    """A connection in memory: what the client writes is received at once, what comes back arrives in the next round."""

    def __init__(self, client: asyncio.Protocol, *, most_streams: int = 100) -> None:
        super().__init__({"ssl_object": Agreed()})
        self.server = ServerSide(self.deliver, self.cut, most_streams=most_streams)
        self.paused = False
        self._client = client
        self._closed = False
        self._waiting = bytearray()

    def start(self) -> None:
        self._client.connection_made(self)
        self.server.begin()

    def write(self, data: Any) -> None:
        assert not self._closed
        self.server.receive(bytes(data))

    def is_closing(self) -> bool:
        return self._closed

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False
        self._arrive()

    def close(self) -> None:
        self._end(None)

    def abort(self) -> None:
        self._end(None)

    def cut(self) -> None:
        """The connection is lost."""
        self._end(ConnectionResetError("cut"))

    def _end(self, error: Exception | None) -> None:
        if not self._closed:
            self._closed = self.server.lost = True
            asyncio.get_running_loop().call_soon(self._client.connection_lost, error)

    def deliver(self, data: bytes) -> None:
        """Let something arrive at the client in the next round."""
        self._waiting += data
        asyncio.get_running_loop().call_soon(self._arrive)

    def _arrive(self) -> None:
        if self._waiting and not self.paused and not self._closed:
            data, self._waiting = bytes(self._waiting), bytearray()
            self._client.data_received(data)


class Http2Server:
    """A server behind TLS, and its connections in the order in which they came.

    Attributes:
        answers: called with each connection and the number of each request, at once.
    """

    def __init__(self, tls: ssl.SSLContext, client_tls: ssl.SSLContext, most_streams: int) -> None:
        self.client_tls = client_tls
        self.port = 0
        self.connections: list[ServerSide] = []
        self.complaints: list[Exception] = []
        self.answers: Callable[[ServerSide, int], None] = lambda _connection, _number: None
        self.most_streams = most_streams
        self._tls = tls
        self._changed = asyncio.Event()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for something that clients do."""
        async with asyncio.timeout(10):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[Http2Server]:
        """Serve; in the end clients must have closed all connections, and have kept the rules."""
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: _Accepted(self), "127.0.0.1", 0, ssl=self._tls)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
            await self.until(lambda: all(connection.lost for connection in self.connections))
        finally:
            for connection in self.connections:
                connection.close()
            server.close()
        assert self.complaints == []

    def tell(self) -> None:
        self._changed.set()


class _Accepted(asyncio.Protocol):
    def __init__(self, server: Http2Server) -> None:
        self._server = server
        self._side: ServerSide | None = None
        self._answered = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        found = cast("asyncio.Transport", transport)
        self._side = ServerSide(found.write, found.abort, most_streams=self._server.most_streams)
        self._server.connections.append(self._side)
        if transport.get_extra_info("ssl_object").selected_alpn_protocol() == "h2":
            self._side.begin()
        self._server.tell()

    def data_received(self, data: bytes) -> None:
        assert self._side is not None
        try:
            self._side.receive(data)
            for number in [number for number in self._side.requests if number > self._answered]:
                self._answered = number
                self._server.answers(self._side, number)
        except Exception as error:  # fails the test in the end
            self._server.complaints.append(error)
        self._server.tell()

    def connection_lost(self, exc: Exception | None) -> None:
        assert self._side is not None
        self._side.lost = True
        self._server.tell()


@contextlib.asynccontextmanager
async def http2_server(folder: Path, *, most_streams: int = 100, protocol: str = "h2") -> AsyncIterator[Http2Server]:
    """A server on 127.0.0.1 that speaks `protocol`; its certificate is good for that address."""
    tls, client_tls = tls_contexts(folder)
    tls.set_alpn_protocols([protocol])
    client_tls.set_alpn_protocols(["h2", "http/1.1"])
    async with Http2Server(tls, client_tls, most_streams).serving() as server:
        yield server
