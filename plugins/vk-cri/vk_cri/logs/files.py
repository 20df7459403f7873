"""The files of a log: the present one, and those that rotation has put aside, packed or not. Everything here blocks."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import gzip
import os
import shutil
import signal
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

PACKED = ".gz"
UNFINISHED = ".tmp"

_SET_SIGNAL = 10
"""F_SETSIG of Linux."""


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

    def has_writer(self) -> bool:
        """Whether somebody has it open for writing; False where the file system does not say.

        The kernel grants no lease to read on a file that is open for writing. Who wants to write to it in the instant
        in which we have one would make it send us a signal: one that is ignored.
        """
        descriptor = self._file.fileno()
        try:
            fcntl.fcntl(descriptor, _SET_SIGNAL, signal.SIGURG)
            fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        except OSError as error:
            return error.errno == errno.EAGAIN
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
        return False

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


def stamp_of(path: Path, aside: Path) -> str:
    """What tells a file that was put aside from others of the same log: the time at which that was."""
    return aside.name.removeprefix(f"{path.name}.").removesuffix(PACKED)


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


def open_present(path: Path) -> tuple[LogFile, list[Path]]:
    """The present file, and those that were put aside before it, even if it is just being put aside itself.

    Raises:
        OSError: it cannot be read.
    """
    present = open_log(path)
    older = put_aside(path)
    if older and _is_same(older[-1], present):
        older.pop()
    return present, older


def open_all(paths: Iterable[Path]) -> Iterator[LogFile]:
    """The files that are still there, packed meanwhile or not, each opened when it is asked for."""
    for path in paths:
        for name in (path, path.with_name(f"{path.name}{PACKED}")):
            try:
                file = open_log(name)
            except FileNotFoundError:
                continue
            yield file
            break


def _is_same(path: Path, file: LogFile) -> bool:
    try:
        return path.stat().st_ino == file.inode
    except FileNotFoundError:
        return False
