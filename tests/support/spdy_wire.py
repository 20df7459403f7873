"""A SPDY connection without a network: its client's bytes are put in by hand, what it writes is kept."""

from __future__ import annotations

import asyncio
import datetime as dt
import struct
import zlib
from collections.abc import Mapping
from typing import NamedTuple

from tests.support.spdy_client import control, data_frame, syn_stream
from vk_core.kubelet.spdy.connection import SpdyConnection
from vk_core.spdy.dictionary import DICTIONARY

HOURS = dt.timedelta(hours=4)


class Sent(NamedTuple):
    """A frame of the server: its type (0 is data), its stream or number, the FIN flag and the rest of the body."""

    kind: int
    number: int
    fin: bool
    body: bytes


class FakeWire:
    """What a connection writes, and whether it is being read."""

    def __init__(self) -> None:
        self.written = bytearray()
        self.paused = False
        self.closed = False
        self.backlog = 0

    def write(self, data: bytes) -> None:
        self.written += data

    def pending(self) -> int:
        return self.backlog

    def pause_reading(self) -> None:
        assert not self.paused
        self.paused = True

    def resume_reading(self) -> None:
        assert self.paused
        self.paused = False

    def close(self) -> None:
        self.closed = True


class Client:
    """The client's side of a connection on a FakeWire."""

    def __init__(self, idle: dt.timedelta = HOURS) -> None:
        self.wire = FakeWire()
        self.connection = SpdyConnection(self.wire, idle=idle)
        self._deflate = zlib.compressobj(zdict=DICTIONARY)

    def block(self, headers: Mapping[str, str]) -> bytes:
        """The next header block."""
        texts = [text.encode() for pair in headers.items() for text in pair]
        plain = struct.pack("!I", len(headers)) + b"".join(struct.pack("!I", len(text)) + text for text in texts)
        return self._deflate.compress(plain) + self._deflate.flush(zlib.Z_SYNC_FLUSH)

    def open(self, stream_id: int, headers: Mapping[str, str] | None = None, *, fin: bool = False) -> None:
        """Send SYN_STREAM."""
        self.connection.feed(syn_stream(stream_id, self.block(headers or {}), fin=fin))

    def data(self, stream_id: int, data: bytes = b"", *, fin: bool = False) -> None:
        """Send a data frame."""
        self.connection.feed(data_frame(stream_id, data, fin=fin))

    def reset(self, stream_id: int) -> None:
        """Send RST_STREAM(CANCEL)."""
        self.connection.feed(control(3, struct.pack("!II", stream_id, 5)))

    def ping(self, number: int) -> None:
        """Send PING."""
        self.connection.feed(control(6, struct.pack("!I", number)))

    def goaway(self) -> None:
        """Send GOAWAY."""
        self.connection.feed(control(7, bytes(8)))

    def sent(self) -> list[Sent]:
        """The frames that the server has sent since the last time."""
        frames, rest = [], bytes(self.wire.written)
        self.wire.written.clear()
        while rest:
            first, second = struct.unpack("!II", rest[:8])
            body, rest = rest[8 : 8 + (second & 0xFFFFFF)], rest[8 + (second & 0xFFFFFF) :]
            if first & 0x80000000:
                frames.append(Sent(first & 0xFFFF, int.from_bytes(body[:4], "big"), bool(second >> 24 & 1), body[4:]))
            else:
                frames.append(Sent(0, first, bool(second >> 24 & 1), body))
        return frames


async def settle() -> None:
    """Let everything run that can run now."""
    for _ in range(20):
        await asyncio.sleep(0)
