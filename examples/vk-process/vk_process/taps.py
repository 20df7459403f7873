"""An output of a process that people may listen to while it is being kept."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator

_MOST_PIECES = 8
"""So many pieces of up to 64 KiB wait for a listener; then the process waits."""


class Listener:
    """Gets a copy of an output from a moment on."""

    def __init__(self) -> None:
        self._pieces: asyncio.Queue[bytes] = asyncio.Queue(_MOST_PIECES)

    async def put(self, piece: bytes) -> None:
        """Hand on a piece; `b""` is the end."""
        await self._pieces.put(piece)

    async def read(self) -> bytes:
        """The next piece; `b""` at the end."""
        return await self._pieces.get()

    def let_go(self) -> None:
        """Nobody reads any more: whoever waits to hand on a piece goes on."""
        while not self._pieces.empty():
            self._pieces.get_nowait()


class Tap:
    """Hands an output on to its listeners, no faster than the slowest of them reads."""

    def __init__(self) -> None:
        self._listeners: set[Listener] = set()
        self._is_over = False

    async def pass_on(self, piece: bytes) -> None:
        """Give a piece to everybody who listens; `b""` is the end."""
        self._is_over = self._is_over or not piece
        for listener in tuple(self._listeners):
            await listener.put(piece)

    @contextlib.contextmanager
    def listen(self) -> Iterator[Listener]:
        """Listen for as long as the context is open."""
        listener = Listener()
        if self._is_over:
            listener._pieces.put_nowait(b"")
        self._listeners.add(listener)
        try:
            yield listener
        finally:
            self._listeners.discard(listener)
            listener.let_go()
