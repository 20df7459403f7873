"""Takes pieces from where they come as fast as they come and hands over together what has gathered meanwhile.

A provider may give a log line by line. One write for each would cost more than everything else, so they are joined; but
nothing waits for more to come. A reader that stalls stops the source after a quarter of a megabyte.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

MOST_GATHERED_BYTES = 1 << 18

log = logging.getLogger("virtual_kubelet.kubelet")


class Gathering:
    """Pieces on their way from one task to another."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._size = 0
        self._some = asyncio.Event()
        self._room = asyncio.Event()
        self._error: Exception | None = None
        self._ended = False

    async def fill(self, chunks: AsyncIterator[bytes]) -> None:
        """Take everything from a source, and close it if it can be closed."""
        try:
            async for chunk in chunks:
                if not chunk:
                    continue
                self._pieces.append(chunk)
                self._size += len(chunk)
                self._some.set()
                if self._size >= MOST_GATHERED_BYTES:
                    self._room.clear()
                    await self._room.wait()
        except Exception as error:  # for whoever takes the pieces
            self._error = error
        finally:
            self._ended = True
            self._some.set()
            close = getattr(chunks, "aclose", None)
            if close is not None:
                await close()

    async def take(self) -> bytes:
        """What has gathered since the last time, after waiting for something; `b""` at the end.

        Raises:
            Exception: what the source raised, once everything that came before has been taken.
        """
        while not self._pieces:
            if self._error is not None:
                raise self._error
            if self._ended:
                return b""
            self._some.clear()
            await self._some.wait()
        data = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        self._pieces.clear()
        self._size = 0
        self._room.set()
        return data

    async def pieces(self) -> AsyncGenerator[bytes]:
        """The same as a log again."""
        while data := await self.take():
            yield data


@asynccontextmanager
async def gathered(chunks: AsyncIterator[bytes]) -> AsyncIterator[Gathering]:
    """A source that is read ahead; at the end the reading is stopped and the source closed."""
    gathering = Gathering()
    task = asyncio.create_task(gathering.fill(chunks), name="read-log")
    try:
        yield gathering
    finally:
        task.cancel()
        await asyncio.wait({task})
        if not task.cancelled() and (error := task.exception()) is not None:
            log.warning("a log could not be closed: %r", error)
