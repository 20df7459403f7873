"""The log of one run of a container: written as the process writes, in a form that is cheap both to write and to read.

Two files. One holds the lines as they were written, of both outputs, one after the other; so a log that is wanted as it
is can be handed out in big pieces without a look at it. The other, the index, has a record of fixed size for each piece
that was appended: when, up to which byte, from which output. A piece ends with a line, so that the two outputs are not
mixed within lines; only a line that grows too long is cut.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import struct
import time
from collections.abc import Iterator
from io import FileIO
from pathlib import Path

from vk_core.errors import Unavailable

RECORD = struct.Struct("<QQB")
"""Of the index: nanoseconds since 1970, where the piece ends, flags."""

STDOUT, STDERR = 0, 1
CONTINUES = 2
"""The piece goes on with a line that was cut."""

_LONGEST_LINE = 65536


class ContainerLog:
    """A log that may still grow.

    Attributes:
        size: bytes in the first file that can be read.
        records: records in the index that can be read.
        is_complete: whether the process has ended and all that it wrote is there.
    """

    def __init__(self, path: Path) -> None:
        self.size = self.records = 0
        self.is_complete = False
        self._open: tuple[FileIO, FileIO] | None = None
        self._paths = (path, path.with_name(f"{path.name}.index"))
        self._users = 0
        self._held = [b"", b""]
        self._continues = [0, 0]
        self._newest_ns = 0
        self._turn = asyncio.Lock()
        self._grown = asyncio.Event()

    def open(self) -> None:
        """Keep the files open until `close`; all who read and write share them.

        Raises:
            Unavailable: they cannot be opened.
        """
        if not self._users:
            try:
                data = FileIO(self._paths[0], "a+")
                with contextlib.ExitStack() as undo:
                    undo.callback(data.close)
                    self._open = (data, FileIO(self._paths[1], "a+"))
                    undo.pop_all()
            except OSError as error:
                raise Unavailable(f"a log cannot be opened: {error}") from error
        self._users += 1

    def close(self) -> None:
        """Close the files unless somebody else uses them."""
        self._users -= 1
        if not self._users:
            for file in self._files:
                file.close()

    @contextlib.contextmanager
    def in_use(self) -> Iterator[None]:
        """Keep the files open as long as the context."""
        self.open()
        try:
            yield
        finally:
            self.close()

    @property
    def _files(self) -> tuple[FileIO, FileIO]:
        if self._open is None:
            raise RuntimeError("a log is read and written while it is in use")
        return self._open

    async def append(self, source: int, data: bytes) -> None:
        """Take what the process has written to an output; what is behind the last line end is held back for now.

        Raises:
            OSError: it cannot be written.
        """
        end = data.rfind(b"\n") + 1
        held = self._held[source]
        if not end and len(held) + len(data) < _LONGEST_LINE:
            self._held[source] = held + data
            return
        end = end or len(data)
        self._held[source] = data[end:]
        await self._write(source, held + data[:end])

    async def complete(self) -> None:
        """Nothing more will come.

        Raises:
            OSError: the end of the last line cannot be written.
        """
        try:
            for source, held in enumerate(self._held):
                if held:
                    await self._write(source, held)
        finally:
            self._held = [b"", b""]
            self.is_complete = True
            self._announce()

    def remove(self) -> None:
        """Nobody will ask for it any more; who reads it now may go on."""
        for path in self._paths:
            path.unlink(missing_ok=True)

    async def grown(self, size: int) -> None:
        """Wait until the log is longer than `size` or complete."""
        while self.size <= size and not self.is_complete:
            await self._grown.wait()

    def read_data(self, start: int, end: int) -> bytes:
        """Bytes of the first file, if there are as many."""
        return os.pread(self._files[0].fileno(), max(end - start, 0), start)

    def read_index(self, first: int, stop: int) -> bytes:
        """Records of the index, if there are as many."""
        return os.pread(self._files[1].fileno(), max(stop - first, 0) * RECORD.size, first * RECORD.size)

    async def _write(self, source: int, data: bytes) -> None:
        async with self._turn:
            self._newest_ns = max(self._newest_ns, time.time_ns())
            record = RECORD.pack(self._newest_ns, self.size + len(data), source | self._continues[source])
            await asyncio.to_thread(self._write_files, data, record)
            self._continues[source] = 0 if data.endswith(b"\n") else CONTINUES
            self.size += len(data)
            self.records += 1
        self._announce()

    def _write_files(self, data: bytes, record: bytes) -> None:
        lines, index = self._files
        if lines.write(data) < len(data) or index.write(record) < len(record):
            raise OSError(errno.ENOSPC, "written in part only")

    def _announce(self) -> None:
        self._grown.set()
        self._grown = asyncio.Event()
