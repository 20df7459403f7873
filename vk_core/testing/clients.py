"""Clients in memory: what kubectl would be at the other end of a command, an attached process or a forwarded port.

    client = ContainerClient(stdin=True)
    running = asyncio.create_task(provider.run_in_container(key, "main", ["cat"], client.io))
    client.send(b"hello")
    await client.until_seen(b"hello")
    client.end()
    assert await running == 0

They hold everything in memory, so they are for tests with little to say.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from vk_core.provider import ContainerIO, TerminalSize

_PIECE = 65536


class _Incoming:
    """Bytes that a client sends (`ByteReader`)."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._is_ended = False
        self._changed = asyncio.Event()

    @property
    def unread(self) -> int:
        return len(self._data)

    def send(self, data: bytes) -> None:
        self._data += data
        self._changed.set()

    def end(self) -> None:
        self._is_ended = True
        self._changed.set()

    async def read(self) -> bytes:
        while not self._data and not self._is_ended:
            self._changed.clear()
            await self._changed.wait()
        piece = bytes(self._data[:_PIECE])
        del self._data[:_PIECE]
        return piece


class _Outgoing:
    """Bytes that a client sees (`ByteWriter`); while it does not look, whoever writes has to wait."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.is_ended = False
        self.looks = asyncio.Event()
        self.looks.set()
        self._changed = asyncio.Event()

    async def write(self, data: bytes) -> None:
        await self.looks.wait()
        self.data += data
        self._changed.set()

    def end(self) -> None:
        self.is_ended = True
        self._changed.set()

    async def until_seen(self, text: bytes) -> None:
        while text not in self.data:
            self._changed.clear()
            await self._changed.wait()

    async def until_ended(self) -> None:
        while not self.is_ended:
            self._changed.clear()
            await self._changed.wait()


class ContainerClient:
    """The client of a command in a container, or of its process.

    Args:
        stdin: whether it sends input.
        stdout: whether it wants output.
        stderr: whether it wants error output; never with `tty`.
        tty: whether it is a terminal.

    Attributes:
        io: what a provider gets.
    """

    def __init__(self, *, stdin: bool = False, stdout: bool = True, stderr: bool = True, tty: bool = False) -> None:
        self._input, self._output, self._errors = _Incoming(), _Outgoing(), _Outgoing()
        self._sizes: asyncio.Queue[TerminalSize] = asyncio.Queue()
        self.io = ContainerIO(
            stdin=self._input if stdin else None,
            stdout=self._output if stdout else None,
            stderr=self._errors if stderr and not tty else None,
            tty=tty,
            resizes=self._resizes(),
        )

    @property
    def output(self) -> bytes:
        """What it has seen of the output, of the terminal with `tty`."""
        return bytes(self._output.data)

    @property
    def error_output(self) -> bytes:
        """What it has seen of the error output."""
        return bytes(self._errors.data)

    @property
    def unread(self) -> int:
        """How many bytes of the input nobody has taken yet."""
        return self._input.unread

    def send(self, data: bytes) -> None:
        """Type something."""
        self._input.send(data)

    def end(self) -> None:
        """End the input."""
        self._input.end()

    def resize(self, width: int, height: int) -> None:
        """Make the terminal larger or smaller."""
        self._sizes.put_nowait(TerminalSize(width, height))

    def look_away(self) -> None:
        """Do not read what comes, so that whoever writes has to wait."""
        self._output.looks.clear()
        self._errors.looks.clear()

    def look_again(self) -> None:
        """Go on reading."""
        self._output.looks.set()
        self._errors.looks.set()

    async def until_seen(self, text: bytes) -> None:
        """Wait until the output has this in it."""
        await self._output.until_seen(text)

    async def _resizes(self) -> AsyncIterator[TerminalSize]:
        while True:
            yield await self._sizes.get()


class PortClient:
    """The client of a forwarded port (`PortStream`)."""

    def __init__(self) -> None:
        self._input, self._output = _Incoming(), _Outgoing()
        self.read = self._input.read
        self.write = self._output.write

    @property
    def received(self) -> bytes:
        """What has come until now."""
        return bytes(self._output.data)

    @property
    def is_ended(self) -> bool:
        """Whether it was told that nothing more will come."""
        return self._output.is_ended

    def send(self, data: bytes) -> None:
        """Send something to the port."""
        self._input.send(data)

    def end(self) -> None:
        """Send no more."""
        self._input.end()

    async def until_received(self, text: bytes) -> None:
        """Wait until this has come."""
        await self._output.until_seen(text)

    async def until_ended(self) -> None:
        """Wait until nothing more will come."""
        await self._output.until_ended()

    async def write_eof(self) -> None:
        """Called by the provider: nothing more will come."""
        self._output.end()
