"""The frames of SPDY/3.1 as bytes: pure encoding, and decoding of whatever pieces they arrive in.

A frame is kept whole only where it must be, and those are small; the contents of data frames pass through in the pieces
they come in. Nothing here knows what a frame means for a connection.
"""

from __future__ import annotations

import enum
import struct
from collections.abc import Iterator
from typing import NamedTuple

from vk_core.spdy.errors import ProtocolError

MAX_DATA = 32 * 1024
"""Bytes in a data frame that we send; the format allows 2^24 - 1."""

MAX_BLOCK = 16 * 1024
"""Bytes of a compressed header block that we take."""

MAX_STREAM_ID = 2**31 - 1

_CONTROL = 0x80000000
_VERSION = 3
_HEAD = struct.Struct("!II")
_TWO = struct.Struct("!II")


class FrameType(enum.IntEnum):
    """Control frames that mean something to us; all others are passed over."""

    SYN_STREAM = 1
    SYN_REPLY = 2
    RST_STREAM = 3
    PING = 6
    GOAWAY = 7
    HEADERS = 8


class ResetStatus(enum.IntEnum):
    """Why a stream is reset."""

    PROTOCOL_ERROR = 1
    INVALID_STREAM = 2
    REFUSED_STREAM = 3
    CANCEL = 5
    INTERNAL_ERROR = 6


FLAG_FIN = 0x01
FLAG_UNIDIRECTIONAL = 0x02

_LENGTHS: dict[int, tuple[int, int]] = {
    FrameType.SYN_STREAM: (10, 10 + MAX_BLOCK),
    FrameType.SYN_REPLY: (4, 4 + MAX_BLOCK),
    FrameType.RST_STREAM: (8, 8),
    FrameType.PING: (4, 4),
    FrameType.GOAWAY: (8, 8),
    FrameType.HEADERS: (4, 4 + MAX_BLOCK),
}


class Data(NamedTuple):
    """A piece of a data frame; `fin` comes with the last piece of the stream."""

    stream_id: int
    piece: memoryview
    fin: bool


class SynStream(NamedTuple):
    """The client opens a stream."""

    stream_id: int
    fin: bool
    unidirectional: bool
    block: bytes


class Headers(NamedTuple):
    """A header block that changes nothing but the compressor's state (HEADERS, and SYN_REPLY towards a server)."""

    stream_id: int
    fin: bool
    block: bytes


class RstStream(NamedTuple):
    """One stream is over, both ways."""

    stream_id: int
    status: int


class Ping(NamedTuple):
    """To be sent back."""

    ping_id: int


class GoAway(NamedTuple):
    """The peer opens no more streams."""

    last_stream_id: int
    status: int


Frame = Data | SynStream | Headers | RstStream | Ping | GoAway


def encode_data(stream_id: int, data: bytes | memoryview, *, fin: bool = False) -> bytes:
    """A data frame."""
    return b"".join((_HEAD.pack(stream_id, (FLAG_FIN << 24 if fin else 0) | len(data)), data))


def encode_syn_reply(stream_id: int, block: bytes) -> bytes:
    """The answer to SYN_STREAM."""
    return _control(FrameType.SYN_REPLY, stream_id.to_bytes(4, "big") + block)


def encode_rst_stream(stream_id: int, status: ResetStatus) -> bytes:
    """The end of one stream."""
    return _control(FrameType.RST_STREAM, _TWO.pack(stream_id, status))


def encode_ping(ping_id: int) -> bytes:
    """A ping, or its echo."""
    return _control(FrameType.PING, ping_id.to_bytes(4, "big"))


def encode_goaway(last_stream_id: int, status: int) -> bytes:
    """The announcement that the connection ends; status 0 is well, 1 a protocol error."""
    return _control(FrameType.GOAWAY, _TWO.pack(last_stream_id, status))


def _control(kind: FrameType, payload: bytes) -> bytes:
    return _HEAD.pack(_CONTROL | _VERSION << 16 | kind, len(payload)) + payload


class FrameReader:
    """Makes frames of bytes as they arrive; after an error it must not be fed again."""

    def __init__(self) -> None:
        self._head = bytearray()
        self._open = False
        self._first = 0
        self._flags = 0
        self._left = 0
        self._body: bytearray | None = None

    def feed(self, data: bytes) -> Iterator[Frame]:
        """The frames that these bytes complete; pieces of data frames are views of `data`, valid until the next one.

        Raises:
            ProtocolError: in the middle of the iteration.
        """
        view = memoryview(data)
        while True:
            if not self._open:
                view = self._read_head(view)
                if not self._open:
                    return
            piece, view = view[: self._left], view[self._left :]
            self._left -= len(piece)
            frame = self._take(piece)
            if frame is not None:
                yield frame
            if self._left:
                return
            self._open = False

    def _read_head(self, view: memoryview) -> memoryview:
        missing = _HEAD.size - len(self._head)
        self._head += view[:missing]
        if len(self._head) == _HEAD.size:
            self._first, second = _HEAD.unpack(self._head)
            self._flags, self._left = second >> 24, second & 0xFFFFFF
            self._head.clear()
            self._open = True
            self._body = self._body_of_control() if self._first & _CONTROL else None
        return view[missing:]

    def _body_of_control(self) -> bytearray | None:
        if self._first >> 16 & 0x7FFF != _VERSION:
            raise ProtocolError("a control frame is not of SPDY version 3")
        allowed = _LENGTHS.get(self._first & 0xFFFF)
        if allowed is None:
            return None
        if not allowed[0] <= self._left <= allowed[1]:
            raise ProtocolError(f"a control frame of type {self._first & 0xFFFF} has {self._left} bytes")
        return bytearray()

    def _take(self, piece: memoryview) -> Frame | None:
        if self._body is not None:
            self._body += piece
            return None if self._left else _decode(self._first & 0xFFFF, self._flags, bytes(self._body))
        if self._first & _CONTROL or (self._left and not piece):
            return None
        return Data(self._first, piece, not self._left and bool(self._flags & FLAG_FIN))


def _decode(kind: int, flags: int, body: bytes) -> Frame:
    first = int.from_bytes(body[:4], "big")
    stream_id = first & MAX_STREAM_ID
    fin = bool(flags & FLAG_FIN)
    match kind:
        case FrameType.SYN_STREAM:
            return SynStream(first, fin, bool(flags & FLAG_UNIDIRECTIONAL), body[10:])
        case FrameType.SYN_REPLY | FrameType.HEADERS:
            return Headers(stream_id, fin, body[4:])
        case FrameType.RST_STREAM:
            return RstStream(stream_id, int.from_bytes(body[4:], "big"))
        case FrameType.PING:
            return Ping(first)
        case _:
            return GoAway(stream_id, int.from_bytes(body[4:], "big"))
