"""Bytes that have arrived and wait for their reader, whatever connection they came over.

It holds what it is given; who fills it watches `held` and stops reading from the network in time.
"""

from __future__ import annotations

import asyncio

PIECE = 64 * 1024
"""The most that one `read` gives."""


class ByteQueue:
    """A first-in first-out queue of bytes with one reader and an end, well or in an error."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._ended = False
        self._error: Exception | None = None
        self._reader: asyncio.Future[None] | None = None

    @property
    def held(self) -> int:
        """Bytes that nobody has read yet."""
        return len(self._buffer)

    def push(self, data: bytes | memoryview) -> None:
        """Take a copy of a piece."""
        self._buffer += data
        self._wake()

    def end(self) -> None:
        """There will be no more; what is held can still be read."""
        self._ended = True
        self._wake()

    def fail(self, error: Exception) -> None:
        """There will be no more, and that is not the proper end; what is held can still be read.

        Does nothing if there was to be no more anyway.
        """
        if not self._ended and self._error is None:
            self._error = error
            self._wake()

    def clear(self) -> int:
        """Throw away what is held; gives how many bytes that was."""
        held = len(self._buffer)
        self._buffer = bytearray()
        return held

    def abandon(self, error: Exception) -> int:
        """Fail whatever was said before, and throw away what is held; gives how many bytes that was."""
        self._ended = False
        self._error = error
        self._wake()
        return self.clear()

    async def read(self) -> bytes:
        """The next piece, at most 64 KiB; `b""` at the end, and from then on.

        Raises:
            Exception: the one that the queue failed with, once everything before it was read.
        """
        while not self._buffer:
            if self._ended:
                return b""
            if self._error is not None:
                raise self._error
            await self._arrival()
        return self._take()

    def _take(self) -> bytes:
        buffer = self._buffer
        if len(buffer) <= PIECE:
            self._buffer = bytearray()
            return bytes(buffer)
        piece = bytes(memoryview(buffer)[:PIECE])
        del buffer[:PIECE]
        return piece

    async def _arrival(self) -> None:
        if self._reader is not None:
            raise RuntimeError("two tasks read from one stream")
        self._reader = asyncio.get_running_loop().create_future()
        try:
            await self._reader
        finally:
            self._reader = None

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)
