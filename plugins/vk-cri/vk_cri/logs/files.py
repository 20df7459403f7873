"""The files of a log: the present one, and those that rotation has put aside, packed or not. Everything here blocks."""

from __future__ import annotations

import contextlib
import gzip
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

PACKED = ".gz"
UNFINISHED = ".tmp"


class LogFile:
    """A file of a log, open for reading at any place."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    @property
    def size(self) -> int:
        """Bytes in it now."""
        return os.fstat(self._file.fileno()).st_size

    @property
    def inode(self) -> int:
        """By which it is known whatever its name becomes."""
        return os.fstat(self._file.fileno()).st_ino

    def read(self, offset: int, length: int) -> bytes:
        """Bytes from a place on; fewer at the end."""
        return os.pread(self._file.fileno(), length, offset)

    def close(self) -> None:
        """Let go of it."""
        self._file.close()


def open_log(path: Path) -> LogFile:
    """Open a file of a log, unpacking it if need be.

    Raises:
        OSError: it cannot be read.
    """
    if path.suffix != PACKED:
        return LogFile(path.open("rb", buffering=0))
    plain = tempfile.TemporaryFile()  # noqa: SIM115 - it stays open
    try:
        with gzip.open(path) as packed:
            shutil.copyfileobj(packed, plain, 1 << 20)
    except BaseException:
        plain.close()
        raise
    plain.flush()
    return LogFile(plain)


def put_aside(path: Path) -> list[Path]:
    """What rotation has put aside of a log, the oldest first; of a file that is being packed only the original."""
    found: dict[str, Path] = {}
    with contextlib.suppress(OSError):
        for entry in os.scandir(path.parent):
            rest = entry.name.removeprefix(f"{path.name}.")
            if rest == entry.name or rest.endswith(UNFINISHED):
                continue
            stamp = rest.removesuffix(PACKED)
            if stamp == rest or stamp not in found:
                found[stamp] = path.parent / entry.name
    return [found[stamp] for stamp in sorted(found)]


def older_files(path: Path, present: LogFile) -> Iterator[LogFile]:
    """The files before the present one, the newest first; the present one is not among them, whatever its name is."""
    for older in reversed(put_aside(path)):
        with contextlib.suppress(FileNotFoundError):
            file = open_log(older)
            if file.inode == present.inode:
                file.close()
            else:
                yield file
