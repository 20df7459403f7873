"""Two connections joined into one: bytes go both ways unread, and the end of one is the end of the other.

Both sides are TLS, where neither can be closed by halves: what is to be closed that way (standard input, one forwarded
connection) is said within SPDY or WebSocket. Whoever is slow to read stops the other side's reading, so that next to
nothing is held here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

from vk_core.devcluster.kubelets.head import LONGEST_HEAD, Head, parse_head

FLUSH_SECONDS = 30.0
"""How long a side that is to be closed may take to receive what is still for it."""


class Leg(asyncio.Protocol):
    """One side of a pipe: what it receives is written to the other.

    Args:
        on_lost: called when the connection is gone.

    Attributes:
        lost: set when the connection is gone.
    """

    def __init__(self, on_lost: Callable[[Exception | None], None]) -> None:
        self.lost = asyncio.Event()
        self._on_lost = on_lost
        self._transport: asyncio.Transport | None = None
        self._other: Leg | None = None
        self._reader: asyncio.StreamReader | None = asyncio.StreamReader(limit=LONGEST_HEAD)
        self._is_closing = False
        self._is_paused = False
        self._deadline: asyncio.TimerHandle | None = None

    @property
    def is_closing(self) -> bool:
        """Whether the connection is gone, or goes when everything is sent."""
        return self._is_closing or self.lost.is_set()

    def take_over(self, transport: asyncio.Transport) -> None:
        """Becomes the protocol of a connection that is there already."""
        self._reader = None
        self._transport = transport
        transport.set_protocol(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begins to read, for the head of the answer."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by class
        if self._reader is not None:
            self._reader.set_transport(self._transport)

    def data_received(self, data: bytes) -> None:
        """Hands on what comes, or keeps it until there is another side."""
        if self._reader is not None:
            self._reader.feed_data(data)
        elif self._other is not None:
            self._other.write(data)

    def eof_received(self) -> None:
        """Lets the transport close."""

    def connection_lost(self, error: Exception | None) -> None:
        """Ends the other side, once it has received what is still for it."""
        self.lost.set()
        if self._deadline is not None:
            self._deadline.cancel()
        if self._reader is not None:
            self._reader.feed_eof()
        if self._other is not None:
            self._other.resume_reading()
            self._other.close()
        self._on_lost(error)

    def pause_writing(self) -> None:
        """Stops the other side's reading: this one does not keep up."""
        self._is_paused = True
        if self._other is not None:
            self._other.pause_reading()

    def resume_writing(self) -> None:
        """Goes on."""
        self._is_paused = False
        if self._is_closing and self._transport is not None:
            self._transport.close()
        elif self._other is not None:
            self._other.resume_reading()

    def write(self, data: bytes) -> None:
        """Sends bytes; after `close` they are dropped."""
        if self._transport is not None and not self.is_closing and not self._transport.is_closing():
            self._transport.write(data)

    def pause_reading(self) -> None:
        """Reads no more for now."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Reads on."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def close(self) -> None:
        """Closes the connection when everything is sent, or is not in 30 s."""
        if self._is_closing or self._transport is None or self.lost.is_set():
            return
        self._is_closing = True
        self._deadline = asyncio.get_running_loop().call_later(FLUSH_SECONDS, self.abort)
        if self._transport.get_write_buffer_size():
            # Closed at once, asyncio's TLS would have to send the rest, which it forgets if the peer reads slowly.
            self._transport.set_write_buffer_limits(high=1, low=0)
        if not self._is_paused:
            self._transport.close()

    def abort(self) -> None:
        """Closes the connection at once, whatever is still to be sent."""
        if self._transport is not None:
            self._transport.abort()

    def join(self, other: Leg) -> None:
        """From now on the two are one connection; what has come meanwhile goes on first."""
        self._other, other._other = other, self
        if other._is_paused:
            self.pause_reading()
        if self._is_paused:
            other.pause_reading()

    async def read_head(self) -> Head:
        """Reads the head of the answer to a request.

        Raises:
            ValueError: the answer is no HTTP, or its head is too long.
            ConnectionError: the other side has closed.
        """
        assert self._reader is not None
        try:
            return parse_head(await self._reader.readuntil(b"\r\n\r\n"))
        except asyncio.LimitOverrunError:
            raise ValueError(f"an HTTP head of more than {LONGEST_HEAD} bytes") from None
        except asyncio.IncompleteReadError:
            raise ConnectionResetError("EOF") from None

    async def read_body(self, head: Head, limit: int) -> bytes:
        """Reads the body of an answer, or the first `limit` bytes of it."""
        assert self._reader is not None
        if "chunked" in head.headers.get("transfer-encoding", "").lower():
            return await self._chunks(self._reader, limit)
        length = head.headers.get("content-length", "")
        if length.isascii() and length.isdecimal():
            limit = min(limit, int(length))
        return await _up_to(self._reader, limit)

    async def read_rest(self) -> bytes:
        """Returns what has come behind the head; nothing more is kept from here on."""
        assert self._reader is not None
        reader, self._reader = self._reader, None
        reader.feed_eof()
        rest = await reader.read()
        self.resume_reading()
        return rest

    async def _chunks(self, reader: asyncio.StreamReader, limit: int) -> bytes:
        body = b""
        while len(body) < limit:
            size = int((await reader.readline()).partition(b";")[0] or b"0", 16)
            if size == 0:
                break
            body += await _up_to(reader, min(size, limit - len(body)))
            await reader.readline()
        return body


async def _up_to(reader: asyncio.StreamReader, size: int) -> bytes:
    try:
        return await reader.readexactly(size)
    except asyncio.IncompleteReadError as error:
        return error.partial
