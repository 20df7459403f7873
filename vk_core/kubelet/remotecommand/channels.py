"""The WebSocket subprotocols of exec and attach: which there are, and how bytes of a channel become messages.

Pure. A message is one byte that names the channel and the payload; the base64 variants have the digit of the channel
and base64 instead. Clients send text or binary frames as they like, both mean the same.
"""

from __future__ import annotations

import binascii
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

DIGIT_ZERO = ord("0")

CLOSE_VERSION = 5
"""The first version in which a client can end a channel."""


class Channel(IntEnum):
    """What a message belongs to; `CLOSE` (v5) names the channel that ends in its payload."""

    STDIN = 0
    STDOUT = 1
    STDERR = 2
    ERROR = 3
    RESIZE = 4
    CLOSE = 255


@dataclass(frozen=True, slots=True)
class Subprotocol:
    """One way to speak.

    Attributes:
        name: as in `Sec-WebSocket-Protocol`; empty if the client names none.
        version: of the remote command protocol; since 4 there is a Status, since 5 the end of a channel.
        base64: whether messages are text.
    """

    name: str
    version: int
    base64: bool = False

    def encode(self, channel: int, data: bytes) -> bytes:
        """The message for a piece of a channel."""
        if self.base64:
            return bytes((DIGIT_ZERO + channel,)) + binascii.b2a_base64(data, newline=False)
        return bytes((channel,)) + data

    def decode(self, message: bytes) -> tuple[int, bytes | memoryview]:
        """The channel of a message, which may be unknown, and its payload; an empty message is nothing on stdin.

        Raises:
            ValueError: it is not base64.
        """
        if not message:
            return Channel.STDIN, b""
        if self.base64:
            return message[0] - DIGIT_ZERO, binascii.a2b_base64(message[1:], strict_mode=True)
        return message[0], memoryview(message)[1:]

    def closes(self, channel: int, payload: bytes | memoryview) -> int | None:
        """The channel that a message ends, if it does so."""
        if self.version >= CLOSE_VERSION and channel == Channel.CLOSE and len(payload) == 1:
            return payload[0]
        return None


SUBPROTOCOLS = {
    one.name: one
    for one in (
        Subprotocol("v5.channel.k8s.io", 5),
        Subprotocol("v4.channel.k8s.io", 4),
        Subprotocol("v4.base64.channel.k8s.io", 4, base64=True),
        Subprotocol("channel.k8s.io", 1),
        Subprotocol("base64.channel.k8s.io", 1, base64=True),
        Subprotocol("", 1),
    )
}


def choose(offered: Iterable[str]) -> Subprotocol | None:
    """The first subprotocol of a client's headers that is known; a client that names none speaks version 1."""
    names = [name.strip() for header in offered for name in header.split(",")]
    known = (SUBPROTOCOLS[name] for name in names if name in SUBPROTOCOLS)
    return next(known, None if any(names) else SUBPROTOCOLS[""])
