"""A small SPDY client for tests, written from the protocol and not from the server: upgrade, streams, pings."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import struct
import zlib
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from typing import Any, Protocol, TypeVar
from urllib.parse import urlsplit

from vk_core.spdy.dictionary import DICTIONARY

T = TypeVar("T")

DEADLINE_SECONDS = 20.0
PIECE = 32 * 1024


class Reader(Protocol):
    """Where the bytes of the server come from."""

    async def readexactly(self, count: int, /) -> bytes: ...


class Writer(Protocol):
    """Where the bytes for the server go."""

    def write(self, data: bytes, /) -> None: ...

    async def drain(self) -> None: ...

    def close(self) -> None: ...

    @property
    def transport(self) -> Any: ...


class Refused(Exception):
    """The server did not upgrade the connection."""

    def __init__(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        super().__init__(status, body)
        self.status = status
        self.headers = headers
        self.body = body.decode()


class ClientStream:
    """One stream; `replied` is set by SYN_REPLY, `was_reset` holds the status of a RST_STREAM."""

    def __init__(self, client: SpdyClient, stream_id: int) -> None:
        self.id = stream_id
        self.replied = asyncio.Event()
        self.was_reset: int | None = None
        self.ended = asyncio.Event()
        self._client = client
        self._received = bytearray()
        self._arrival = asyncio.Event()

    async def write(self, data: bytes) -> None:
        """Send bytes in frames of 32 KiB, as kubectl does."""
        for start in range(0, len(data), PIECE):
            await self._client.send(data_frame(self.id, data[start : start + PIECE]))

    async def finish(self, data: bytes = b"") -> None:
        """Send a last piece and FIN."""
        await self._client.send(data_frame(self.id, data, fin=True))

    async def reset(self) -> None:
        """Send RST_STREAM(CANCEL)."""
        await self._client.send(control(3, struct.pack("!II", self.id, 5)))

    async def reply(self) -> None:
        """Wait for SYN_REPLY."""
        await within(self.replied.wait())

    async def read(self) -> bytes:
        """All that has arrived since the last time, at least one byte; empty at the end."""
        while not self._received and not self.ended.is_set():
            self._arrival.clear()
            await within(self._arrival.wait())
        data = bytes(self._received)
        self._received.clear()
        return data

    async def read_all(self) -> bytes:
        """Everything up to FIN, RST_STREAM or the end of the connection."""
        pieces = []
        while piece := await self.read():
            pieces.append(piece)
        return b"".join(pieces)

    def arrived(self, data: bytes) -> None:
        self._received += data
        self._arrival.set()

    def end(self) -> None:
        self.ended.set()
        self._arrival.set()


class SpdyClient:
    """A SPDY connection to a server.

    Attributes:
        headers: of the 101 answer, with lower-case names.
        frames: types of the control frames that the server has sent, in order.
        gone: the server has closed the connection.
        goaway: the server has said that it is done.
    """

    def __init__(self, reader: Reader, writer: Writer, headers: Mapping[str, str] | None = None) -> None:
        self.headers = dict(headers or {})
        self.frames: list[int] = []
        self.pongs: asyncio.Queue[int] = asyncio.Queue()
        self.gone = asyncio.Event()
        self.goaway = asyncio.Event()
        self.streams: dict[int, ClientStream] = {}
        self._reader = reader
        self._writer = writer
        self._next_id = 1
        self._deflate = zlib.compressobj(zdict=DICTIONARY)
        self._inflate = zlib.decompressobj(zdict=DICTIONARY)
        self._receiving = asyncio.create_task(self._receive())

    async def open(self, headers: Mapping[str, str], *, fin: bool = False, wait: bool = True) -> ClientStream:
        """Open a stream, and wait for its SYN_REPLY (or its reset) unless told otherwise."""
        stream = ClientStream(self, self._next_id)
        self._next_id += 2
        self.streams[stream.id] = stream
        await self.send(syn_stream(stream.id, self.block(headers), fin=fin))
        if wait:
            await stream.reply()
        return stream

    async def ping(self, number: int) -> None:
        """Send a ping and wait for its echo."""
        await self.send(control(6, struct.pack("!I", number)))
        while await within(self.pongs.get()) != number:
            pass

    async def send(self, frame: bytes) -> None:
        """Send bytes as they are."""
        self._writer.write(frame)
        await self._writer.drain()

    def block(self, headers: Mapping[str, str]) -> bytes:
        """The next header block."""
        texts = [text.encode() for pair in headers.items() for text in pair]
        plain = struct.pack("!I", len(headers)) + b"".join(struct.pack("!I", len(text)) + text for text in texts)
        return self._deflate.compress(plain) + self._deflate.flush(zlib.Z_SYNC_FLUSH)

    def close(self) -> None:
        """Leave without a word."""
        self._receiving.cancel()
        self._writer.close()
        self._end()

    def kill(self) -> None:
        """Leave as a process does that is killed."""
        self._writer.transport.abort()

    async def _receive(self) -> None:
        try:
            while True:
                first, second = struct.unpack("!II", await self._reader.readexactly(8))
                body = await self._reader.readexactly(second & 0xFFFFFF)
                if first & 0x80000000:
                    self._control(first & 0xFFFF, body)
                elif first in self.streams:
                    self.streams[first].arrived(body)
                    if second >> 24 & 1:
                        self.streams[first].end()
        except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            pass
        finally:
            self._end()

    def _control(self, kind: int, body: bytes) -> None:
        self.frames.append(kind)
        number = int.from_bytes(body[:4], "big")
        if kind == 2:
            assert self._inflate.decompress(body[4:]) == bytes(4)
            self.streams[number].replied.set()
        elif kind == 3:
            stream = self.streams.get(number)
            if stream is not None:
                stream.was_reset = int.from_bytes(body[4:], "big")
                stream.replied.set()
                stream.end()
        elif kind == 6:
            self.pongs.put_nowait(number)
        elif kind == 7:
            self.goaway.set()

    def _end(self) -> None:
        self.gone.set()
        for stream in self.streams.values():
            stream.replied.set()
            stream.end()


def control(kind: int, body: bytes, *, flags: int = 0) -> bytes:
    """A control frame of version 3."""
    return struct.pack("!HHI", 0x8003, kind, flags << 24 | len(body)) + body


def syn_stream(stream_id: int, block: bytes, *, fin: bool = False) -> bytes:
    """A SYN_STREAM frame."""
    return control(1, struct.pack("!IIBB", stream_id, 0, 0, 0) + block, flags=1 if fin else 0)


def data_frame(stream_id: int, data: bytes, *, fin: bool = False) -> bytes:
    """A data frame."""
    return struct.pack("!II", stream_id, (1 << 24 if fin else 0) | len(data)) + data


async def within(waiting: Awaitable[T]) -> T:
    """Wait, but not for ever."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        return await waiting


@contextlib.asynccontextmanager
async def spdy_client(
    url: str, *, protocols: Sequence[str], tls: ssl.SSLContext | None = None, headers: Sequence[tuple[str, str]] = ()
) -> AsyncIterator[SpdyClient]:
    """Upgrade a connection with a POST, as the API server does.

    Raises:
        Refused: the server answered something else than 101.
    """
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port, ssl=tls)
    try:
        lines = [
            f"POST {parts.path}{'?' + parts.query if parts.query else ''} HTTP/1.1",
            f"Host: {parts.netloc}",
            *(f"{name}: {value}" for name, value in headers or upgrade_headers(protocols)),
        ]
        writer.write("\r\n".join((*lines, "", "")).encode())
        status, answer = await within(_read_head(reader))
        if status != 101:
            length = dict(answer).get("content-length", "0")
            raise Refused(status, answer, await within(reader.readexactly(int(length))))
        client = SpdyClient(reader, writer, dict(answer))
        try:
            yield client
        finally:
            client.close()
    finally:
        writer.close()
        with contextlib.suppress(OSError, ssl.SSLError):
            await within(writer.wait_closed())


def upgrade_headers(protocols: Sequence[str]) -> list[tuple[str, str]]:
    """The headers of the API server's upgrade request."""
    offers = [("X-Stream-Protocol-Version", protocol) for protocol in protocols]
    return [("Content-Length", "0"), ("Connection", "Upgrade"), ("Upgrade", "SPDY/3.1"), *offers]


async def _read_head(reader: asyncio.StreamReader) -> tuple[int, list[tuple[str, str]]]:
    status = int((await reader.readline()).split()[1])
    headers = []
    while line := (await reader.readline()).decode().strip():
        name, _, value = line.partition(":")
        headers.append((name.lower(), value.strip()))
    return status, headers
