"""A SPDY/3.1 connection to a runtime's streaming server, as a client: an HTTP request that is upgraded.

SPDY rather than WebSocket, because only with it the end of an input can be told to every runtime: without that,
`kubectl exec -i` of a command that reads its input to the end would hang. There are no windows in it: who does not keep
up is slowed down by not reading from the network.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Mapping
from typing import cast
from urllib.parse import urlsplit

from vk_core.errors import Unavailable
from vk_core.spdy import frames
from vk_core.spdy.errors import ProtocolError
from vk_core.spdy.headers import HeaderCompressor
from vk_cri.streaming.stream import SpdyStream

HELD_HIGH, HELD_LOW = 128 * 1024, 32 * 1024
"""Bytes that wait for readers: reading stops at the first number and goes on at the second."""

CONNECT_SECONDS = 30.0
_WRITE_HIGH = 64 * 1024
_KERNEL_BYTES = 128 * 1024
"""What the kernel may hold of a connection each way: else it is megabytes before the runtime is slowed down."""

_LARGEST_HEAD = 64 * 1024
_SWITCHING = 101
_SYN_STREAM = struct.Struct("!IIIIH")
_SYN_STREAM_KIND = 0x80030001
_SYN_STREAM_LENGTH = 10


class SpdyClient(asyncio.Protocol):
    """The streams of one connection; made by `connect`.

    Attributes:
        upgraded: done when streams can be opened, or cannot.
        lost: set when the connection is no more.
    """

    def __init__(self, request: bytes) -> None:
        self.lost = asyncio.Event()
        self.upgraded: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._request = request
        self._transport: asyncio.Transport | None = None
        self._head: bytearray | None = bytearray()
        self._reader = frames.FrameReader()
        self._compressor = HeaderCompressor()
        self._streams: dict[int, SpdyStream] = {}
        self._next_id = 1
        self._held = 0
        self._paused = False
        self._writable = asyncio.Event()
        self._writable.set()

    def open(self, headers: Mapping[str, str]) -> SpdyStream:
        """Open a stream; the answer is not waited for."""
        stream = self._streams[self._next_id] = SpdyStream(self, self._next_id)
        self._next_id += 2
        block = self._compressor.compress({name.lower(): value for name, value in headers.items()})
        length = _SYN_STREAM_LENGTH + len(block)
        self._write(_SYN_STREAM.pack(_SYN_STREAM_KIND, length, stream.id, 0, 0) + block)
        return stream

    def close(self) -> None:
        """End the connection at once: whoever still has something to say waits for the end of what it says."""
        if self._transport is not None:
            self._transport.abort()

    # What streams ask for.

    async def send_data(self, stream_id: int, piece: memoryview) -> None:
        """Write a data frame as soon as the runtime keeps up."""
        await self._writable.wait()
        self._write(frames.encode_data(stream_id, piece))

    def send_end(self, stream_id: int) -> None:
        """Write the end of a stream."""
        self._write(frames.encode_data(stream_id, b"", fin=True))

    def taken(self, count: int) -> None:
        """Go on reading when little enough waits for readers."""
        self._held -= count
        if self._paused and self._held <= HELD_LOW and self._transport is not None:
            self._paused = False
            self._transport.resume_reading()

    # What the transport tells.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the upgrade."""
        connection = self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass
        for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
            connection.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, option, _KERNEL_BYTES)
        connection.set_write_buffer_limits(high=_WRITE_HIGH)
        connection.write(self._request)

    def data_received(self, data: bytes) -> None:
        """Hand the frames on to their streams."""
        if self._head is not None:
            data = self._take_head(self._head, data)
        try:
            for frame in self._reader.feed(data):
                self._handle(frame)
        except ProtocolError as error:
            self._lose(ConnectionError(f"the runtime broke the SPDY protocol: {error}"))
            self.close()
            return
        if not self._paused and self._held >= HELD_HIGH and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()

    def pause_writing(self) -> None:
        """The runtime does not keep up."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """It does again."""
        self._writable.set()

    def connection_lost(self, exc: Exception | None) -> None:
        """Streams that have not ended are broken off."""
        self._transport = None
        self.lost.set()
        self._lose(ConnectionError(f"the runtime has closed the connection: {exc or 'without a word'}"))

    def _write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def _take_head(self, head: bytearray, data: bytes) -> bytes:
        """The response's status line and headers; gives what is behind them."""
        head += data
        end = head.find(b"\r\n\r\n")
        if end < 0:
            if len(head) > _LARGEST_HEAD:
                self._refuse("it answers the upgrade with something else than HTTP")
            return b""
        status = bytes(head[:end]).split(b"\r\n", 1)[0].decode("latin-1").split(" ", 2)
        if len(status) > 1 and status[1] == str(_SWITCHING):
            self._head = None
            if not self.upgraded.done():
                self.upgraded.set_result(None)
            return bytes(head[end + 4 :])
        body = bytes(head[end + 4 :]).decode(errors="replace").strip()
        self._refuse(f"{' '.join(status[1:])}{': ' if body else ''}{body}")
        return b""

    def _refuse(self, why: str) -> None:
        self._lose(ConnectionError(f"the runtime refuses the connection: {why}"))
        self.close()

    def _handle(self, frame: frames.Frame) -> None:
        match frame:
            case frames.Data():
                stream = self._streams.get(frame.stream_id)
                if stream is not None:
                    self._held += stream.arrived(bytes(frame.piece), fin=frame.fin)
            case frames.Headers() if frame.fin and frame.stream_id in self._streams:
                self._streams[frame.stream_id].arrived(b"", fin=True)
            case frames.RstStream() if frame.stream_id in self._streams:
                self._streams[frame.stream_id].break_off(ConnectionResetError("the runtime has reset the stream"))
            case frames.Ping() if frame.ping_id % 2 == 0:
                self._write(frames.encode_ping(frame.ping_id))

    def _lose(self, error: ConnectionError) -> None:
        self._writable.set()
        if not self.upgraded.done():
            self.upgraded.set_exception(error)
        for stream in self._streams.values():
            stream.break_off(error)


@contextlib.asynccontextmanager
async def connect(url: str, protocol: str) -> AsyncIterator[SpdyClient]:
    """Connect to a URL that a runtime has given out; each is good for one connection.

    Args:
        url: with a token in it.
        protocol: the protocol of the streams, such as `v4.channel.k8s.io`.

    Raises:
        Unavailable: the streaming server does not answer or refuses.
    """
    client: SpdyClient | None = None
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            client = await _connected(url, protocol)
            await client.upgraded
    except (OSError, TimeoutError, ValueError) as error:
        _abandon(client)
        address = urlsplit(url).netloc
        why = f"nothing for {CONNECT_SECONDS:g} s" if isinstance(error, TimeoutError) else str(error)
        raise Unavailable(f"the runtime's streaming server at {address} cannot be used: {why}") from error
    except asyncio.CancelledError:
        _abandon(client)
        raise
    try:
        yield client
    finally:
        client.close()
        await client.lost.wait()


def _abandon(client: SpdyClient | None) -> None:
    if client is not None:
        client.close()
        client.upgraded.cancel()


async def _connected(url: str, protocol: str) -> SpdyClient:
    parts = urlsplit(url)
    if parts.hostname is None or parts.scheme not in {"http", "https"}:
        raise ValueError(f"expected an http or https URL, got {url!r}")
    port = parts.port or (443 if parts.scheme == "https" else 80)
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    request = (
        f"POST {path} HTTP/1.1\r\nHost: {parts.netloc}\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n"
        f"X-Stream-Protocol-Version: {protocol}\r\nContent-Length: 0\r\n\r\n"
    ).encode("latin-1")
    _, client = await asyncio.get_running_loop().create_connection(
        lambda: SpdyClient(request), parts.hostname, port, ssl=_tls() if parts.scheme == "https" else None
    )
    return client


def _tls() -> ssl.SSLContext:
    """The runtime's certificate is its own, and the URL came over its socket: there is nobody else to be told from."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
