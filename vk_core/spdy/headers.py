"""Header blocks: names and values, compressed with one state per connection and direction.

The state runs through every block of a connection, so each must be decompressed, whatever it is good for.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping

from vk_core.spdy.dictionary import DICTIONARY
from vk_core.spdy.errors import ProtocolError

MAX_HEADERS = 100
"""Headers in one block."""

MAX_PLAIN = 8 * 1024
"""Bytes of one block before compression: bounds the names, the values and what a bomb of zeros can do."""


class HeaderCompressor:
    """Makes the blocks that we send."""

    def __init__(self) -> None:
        self._deflate = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS, 8, zlib.Z_DEFAULT_STRATEGY, DICTIONARY)

    def compress(self, headers: Mapping[str, str]) -> bytes:
        """The next block of the connection."""
        return self._deflate.compress(encode_headers(headers)) + self._deflate.flush(zlib.Z_SYNC_FLUSH)


class HeaderDecompressor:
    """Reads the blocks of the client."""

    def __init__(self) -> None:
        self._inflate = zlib.decompressobj(zdict=DICTIONARY)

    def decompress(self, block: bytes) -> dict[str, str]:
        """The headers of the next block of the connection, with names in lower case.

        Raises:
            ProtocolError: it is not such a block, or is too large.
        """
        try:
            plain = self._inflate.decompress(block, MAX_PLAIN)
        except zlib.error as error:
            raise ProtocolError(f"a header block cannot be decompressed: {error}") from None
        if self._inflate.unconsumed_tail:
            raise ProtocolError(f"a header block has more than {MAX_PLAIN} bytes")
        if self._inflate.eof:
            raise ProtocolError("the compression of header blocks was ended")
        return decode_headers(plain)


def encode_headers(headers: Mapping[str, str]) -> bytes:
    """A block before compression."""
    texts = [text.encode("latin-1") for pair in headers.items() for text in pair]
    return len(headers).to_bytes(4, "big") + b"".join(len(text).to_bytes(4, "big") + text for text in texts)


def decode_headers(plain: bytes) -> dict[str, str]:
    """The headers in a block after decompression; of a name that occurs twice the last value counts.

    Raises:
        ProtocolError: there are too many of them, or one does not fit into the block.
    """
    count = int.from_bytes(_take(plain, 0, 4), "big")
    if count > MAX_HEADERS:
        raise ProtocolError(f"a header block has {count} headers")
    at = 4
    texts: list[str] = []
    for _ in range(2 * count):
        length = int.from_bytes(_take(plain, at, 4), "big")
        at += 4
        texts.append(_take(plain, at, length).decode("latin-1"))
        at += length
    return {name.lower(): value for name, value in zip(texts[::2], texts[1::2], strict=True)}


def _take(plain: bytes, at: int, length: int) -> bytes:
    if length > len(plain) - at:
        raise ProtocolError("a header block ends in the middle of a header")
    return plain[at : at + length]
