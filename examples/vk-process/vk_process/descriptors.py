"""Our ends of pipes and terminals: read and written as the event loop finds them ready, never blocking it."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
from collections.abc import Callable

CHUNK = 65536
"""Bytes that are read at once: what a pipe holds."""


class Descriptor:
    """A file descriptor that is waited for."""

    def __init__(self, fd: int) -> None:
        os.set_blocking(fd, False)
        self.fd = fd
        self._waiting: Callable[[], None] | None = None

    async def _until_ready(self, add: Callable[..., None], remove: Callable[[int], object]) -> None:
        """Wait until the descriptor is ready or somebody wakes or closes it."""
        waiter = asyncio.get_running_loop().create_future()
        fd = self.fd

        def wake() -> None:
            remove(fd)
            self._waiting = None
            if not waiter.done():
                waiter.set_result(None)

        add(fd, wake)
        self._waiting = wake
        try:
            await waiter
        finally:
            if self._waiting is wake:
                wake()

    def wake(self) -> None:
        """Let whoever waits look again."""
        if self._waiting:
            self._waiting()

    def close(self) -> None:
        """Close the descriptor; who waits for it is woken."""
        self.wake()
        if self.fd >= 0:
            fd, self.fd = self.fd, -1
            os.close(fd)


class Output(Descriptor):
    """Where a process writes to, read by one task."""

    def __init__(self, fd: int) -> None:
        super().__init__(fd)
        self._is_ending = False

    def end(self) -> None:
        """The process has ended: what is there now is all, even if a descendant elsewhere keeps the other end open."""
        self._is_ending = True
        self.wake()

    async def read(self) -> bytes:
        """The next piece, at most 64 KiB; `b""` at the end."""
        loop = asyncio.get_running_loop()
        while self.fd >= 0:
            if self._is_ending:
                await asyncio.sleep(0)  # what reads without waiting must let others have their turn
            else:
                await self._until_ready(loop.add_reader, loop.remove_reader)
            try:
                return os.read(self.fd, CHUNK) if self.fd >= 0 else b""
            except BlockingIOError:
                if self._is_ending:
                    break
            except OSError as error:
                if error.errno != errno.EIO:  # what Linux says of a terminal that nobody has open any more
                    raise
                break
        return b""


class Input(Descriptor):
    """Where a process reads from; several tasks may write.

    Args:
        fd: the descriptor.
        end_mark: what tells the end of input without closing, as a terminal needs it.
    """

    def __init__(self, fd: int, end_mark: bytes = b"") -> None:
        super().__init__(fd)
        self._end_mark = end_mark
        self._turn = asyncio.Lock()

    async def write(self, data: bytes) -> None:
        """Write all of it, as fast as the process reads.

        Raises:
            BrokenPipeError: nobody reads any more.
        """
        loop = asyncio.get_running_loop()
        left = memoryview(data)
        async with self._turn:
            while left:
                if self.fd < 0:
                    raise BrokenPipeError(errno.EPIPE, "closed")
                try:
                    left = left[os.write(self.fd, left) :]
                except BlockingIOError:
                    await self._until_ready(loop.add_writer, loop.remove_writer)
                except OSError as error:
                    raise BrokenPipeError(error.errno, error.strerror) from error

    def end(self) -> None:
        """Tell the process that no more will come."""
        if not self._end_mark:
            self.close()
        elif self.fd >= 0:
            with contextlib.suppress(OSError):  # it has ended, or has more input than it takes
                os.write(self.fd, self._end_mark)
