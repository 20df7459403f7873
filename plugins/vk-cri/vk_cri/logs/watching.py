"""Tells when something in a folder of logs changes, as the kernel sees it (inotify): at once and without load."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import errno
import os
from pathlib import Path

_MODIFY, _CLOSE_WRITE, _MOVED, _CREATE = 0x2, 0x8, 0xC0, 0x100
_FLAGS = os.O_NONBLOCK | os.O_CLOEXEC
_EVENTS_BYTES = 64 * 1024


class FolderWatch:
    """Watches a folder: writing, ends of writing, new and renamed files. `close` when done with it.

    Raises:
        OSError: it cannot be watched, most often because there are too many watches on this machine.
    """

    def __init__(self, folder: Path) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        self._descriptor = _checked(libc.inotify_init1(_FLAGS))
        try:
            mask = _MODIFY | _CLOSE_WRITE | _MOVED | _CREATE
            _checked(libc.inotify_add_watch(self._descriptor, os.fsencode(folder), mask))
        except OSError:
            os.close(self._descriptor)
            raise
        self._changed = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._descriptor, self._wake)

    def forget(self) -> None:
        """Only what changes from now on counts."""
        with contextlib.suppress(BlockingIOError):
            os.read(self._descriptor, _EVENTS_BYTES)
        if self._changed.is_set():
            self._changed.clear()
            self._loop.add_reader(self._descriptor, self._wake)

    async def changed(self, seconds: float) -> bool:
        """Wait until something has changed since `forget`, or for some seconds; gives which of the two."""
        try:
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        except TimeoutError:
            return False
        return True

    def close(self) -> None:
        """Watch no more."""
        self._loop.remove_reader(self._descriptor)
        os.close(self._descriptor)

    def _wake(self) -> None:
        # One change is enough to know of: a busy writer must not wake us for every line.
        self._loop.remove_reader(self._descriptor)
        self._changed.set()


class BlindWatch:
    """In place of a watch where none can be had: looks again after a tenth of a second."""

    def forget(self) -> None:
        """Nothing is known anyway."""

    async def changed(self, seconds: float) -> bool:
        """Wait for a short time."""
        await asyncio.sleep(min(seconds, 0.1))
        return False

    def close(self) -> None:
        """Nothing is held."""


def watch(folder: Path) -> FolderWatch | BlindWatch:
    """A watch of a folder, or what there is in its place."""
    try:
        return FolderWatch(folder)
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EMFILE, errno.ENFILE, errno.ENOSYS, errno.ENOMEM}:
            raise
        return BlindWatch()


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
