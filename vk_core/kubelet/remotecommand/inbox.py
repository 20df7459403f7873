"""What a client sends to a process, held within bounds: the wire feeds it and waits for room before it reads on."""

from __future__ import annotations

import asyncio

from vk_core.kubelet.bytequeue import ByteQueue

CAPACITY = 256 * 1024
"""With this much unread nothing more is taken off the wire; what aiohttp holds comes on top, 1 MiB in all."""


class Inbox:
    """A ByteReader that is fed by a wire."""

    def __init__(self) -> None:
        self._queue = ByteQueue()
        self._room = asyncio.Event()
        self._room.set()
        self._closed = False

    @property
    def held(self) -> int:
        """How many bytes wait to be read."""
        return self._queue.held

    def feed(self, data: bytes | memoryview) -> None:
        """Take a piece; those after the end are dropped."""
        if self._closed:
            return
        self._queue.push(data)
        if self._queue.held >= CAPACITY:
            self._room.clear()

    def feed_eof(self) -> None:
        """The client will send no more."""
        self._closed = True
        self._queue.end()

    def break_off(self) -> None:
        """Throw away what nobody has read, and all that comes: the client is gone or the command has ended.

        Reading raises ConnectionResetError from now on, since this is no end of input and must not be taken for one.
        """
        self._closed = True
        self._queue.abandon(ConnectionResetError("the client went away"))
        self._room.set()

    @property
    def has_room(self) -> bool:
        """Whether the wire may go on."""
        return self._room.is_set()

    async def room(self) -> None:
        """Wait until the wire may go on."""
        await self._room.wait()

    async def read(self) -> bytes:
        """The next piece, at most 64 KiB; `b""` at the end.

        Raises:
            ConnectionResetError: the client went away before the end.
        """
        data = await self._queue.read()
        if self._queue.held < CAPACITY:
            self._room.set()
        return data
