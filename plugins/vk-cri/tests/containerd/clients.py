"""What a client connects to a command, a container or a port, as tests type and read it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from vk_core.provider import ContainerIO, TerminalSize


class Typing:
    """Input: pieces, then the end unless it stays open."""

    def __init__(self, *pieces: bytes, stays_open: bool = False) -> None:
        self._pieces: asyncio.Queue[bytes] = asyncio.Queue()
        for piece in pieces:
            self._pieces.put_nowait(piece)
        self._stays_open = stays_open
        self.taken = 0

    def type(self, piece: bytes) -> None:
        self._pieces.put_nowait(piece)

    async def read(self) -> bytes:
        if self._pieces.empty() and not self._stays_open:
            return b""
        piece = await self._pieces.get()
        self.taken += len(piece)
        return piece


class Screen:
    """Output, kept."""

    def __init__(self) -> None:
        self._shown = bytearray()
        self._grown = asyncio.Event()

    @property
    def data(self) -> bytes:
        return bytes(self._shown)

    async def write(self, data: bytes) -> None:
        self._shown += data
        self._grown.set()

    async def until(self, text: bytes) -> None:
        """Wait until it shows something."""
        async with asyncio.timeout(10):
            while text not in self.data:
                self._grown.clear()
                await self._grown.wait()


class StuckScreen(Screen):
    """Output that nobody takes until it is released."""

    def __init__(self) -> None:
        super().__init__()
        self.released = asyncio.Event()

    async def write(self, data: bytes) -> None:
        await self.released.wait()
        await super().write(data)


class Connection(Screen):
    """A client of a port."""

    def __init__(self, typing: Typing) -> None:
        super().__init__()
        self._typing = typing
        self.ended = asyncio.Event()

    async def read(self) -> bytes:
        return await self._typing.read()

    async def write_eof(self) -> None:
        self.ended.set()


async def _sizes(*sizes: TerminalSize) -> AsyncIterator[TerminalSize]:
    for size in sizes:
        yield size
    await asyncio.Event().wait()


def connected(
    stdin: Typing | None = None,
    *,
    stdout: Screen | None = None,
    stderr: Screen | None = None,
    size: TerminalSize | None = None,
) -> ContainerIO:
    """What there is; with a size there is a terminal."""
    sizes = () if size is None else (size,)
    return ContainerIO(stdin=stdin, stdout=stdout, stderr=stderr, tty=size is not None, resizes=_sizes(*sizes))
