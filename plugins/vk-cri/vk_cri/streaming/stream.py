"""One stream of a SPDY connection as a client sees it: bytes both ways, each with its own end."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Protocol

MAX_DATA = 16 * 1024
"""Bytes in a data frame that we send: runtimes queue some fifty frames for a process that does not read."""

LARGEST_PIECE = 64 * 1024
"""Bytes that one `read` gives, unless a single frame has more."""


class StreamOwner(Protocol):
    """What a stream needs of its connection."""

    async def send_data(self, stream_id: int, piece: memoryview) -> None:
        """Send a piece when the runtime keeps up."""
        ...

    def send_end(self, stream_id: int) -> None:
        """Say that nothing more is sent on a stream."""
        ...

    def taken(self, count: int) -> None:
        """So many bytes less are held."""
        ...


class SpdyStream:
    """A stream that we opened; one task reads and one writes.

    Attributes:
        has_spoken: whether anything has come.
    """

    def __init__(self, owner: StreamOwner, stream_id: int) -> None:
        self.id = stream_id
        self.has_spoken = False
        self._owner = owner
        self._pieces: deque[bytes] = deque()
        self._ended = False
        self._said_all = False
        self._error: ConnectionError | None = None
        self._arrival = asyncio.Event()

    async def read(self) -> bytes:
        """The next piece; `b""` at the end.

        Raises:
            ConnectionError: the connection broke before the end.
        """
        while not self._pieces:
            if self._ended:
                return b""
            if self._error is not None:
                raise self._error
            self._arrival.clear()
            await self._arrival.wait()
        piece = self._next()
        self._owner.taken(len(piece))
        return piece

    def _next(self) -> bytes:
        """What has come meanwhile, together, for every piece costs those behind us the same."""
        pieces = self._pieces
        first = pieces.popleft()
        if not pieces or len(first) + len(pieces[0]) > LARGEST_PIECE:
            return first
        taken, size = [first], len(first)
        while pieces and size + len(pieces[0]) <= LARGEST_PIECE:
            taken.append(pieces.popleft())
            size += len(taken[-1])
        return b"".join(taken)

    async def read_all(self, most: int) -> bytes:
        """Everything up to the end, be it a break once something has come; what is beyond `most` bytes is thrown away.

        Raises:
            ConnectionError: the connection broke before anything has come.
        """
        data = b""
        try:
            while piece := await self.read():
                data = (data + piece)[:most]
        except ConnectionError:
            if not self.has_spoken:
                raise
        return data

    async def write(self, data: bytes) -> None:
        """Send bytes; waits while the runtime does not keep up.

        Raises:
            ConnectionError: the connection is gone, or the runtime takes nothing more.
        """
        view = memoryview(data)
        for start in range(0, len(view), MAX_DATA):
            if self._error is not None:
                raise self._error
            await self._owner.send_data(self.id, view[start : start + MAX_DATA])

    def end(self) -> None:
        """Say that nothing more is sent; does nothing the second time."""
        if not self._said_all and self._error is None:
            self._said_all = True
            self._owner.send_end(self.id)

    # What the connection tells.

    def arrived(self, piece: bytes, *, fin: bool) -> int:
        """A piece has come; gives how many bytes are held of it."""
        if self._ended:
            return 0
        if piece:
            self.has_spoken = True
            self._pieces.append(piece)
        self._ended = fin
        self._arrival.set()
        return len(piece)

    def break_off(self, error: ConnectionError) -> None:
        """Nothing more will come, and that is not the proper end."""
        if self._error is None:
            self._error = error
            self._arrival.set()
