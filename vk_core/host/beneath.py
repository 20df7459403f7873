"""Directories by file descriptor: every step goes to an entry of one directory and never through a symbolic link.

Whoever can write into a volume can swap any name in it at any moment, so nothing here takes a path: a name is an entry
of a directory that is already open, and what was opened stays the same whatever happens to its name.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

_OPEN = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_PIN = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC


class Held:
    """Something that is open, of any type, and closed at the end of a `with`; `fd` is its descriptor."""

    __slots__ = ("fd",)

    def __init__(self, fd: int) -> None:
        self.fd = fd

    def close(self) -> None:
        """Let go of it."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    @property
    def status(self) -> os.stat_result:
        """What it is, as `stat` says."""
        return os.fstat(self.fd)

    @property
    def is_folder(self) -> bool:
        """Whether it is a directory."""
        return stat.S_ISDIR(self.status.st_mode)

    @property
    def address(self) -> str:
        """A path that leads the kernel to exactly this, whatever its name is by now."""
        return f"/proc/self/fd/{self.fd}"

    @property
    def mount_id(self) -> int:
        """Which mount it is on, by the identity that `/proc/self/mountinfo` uses.

        A bind mount has the same device number as what it shows; this tells them apart.
        """
        with Held(os.open(f"/proc/self/fdinfo/{self.fd}", os.O_RDONLY | os.O_CLOEXEC)) as about:
            _, found, rest = os.read(about.fd, 4096).partition(b"mnt_id:")
        if not found:
            raise OSError(f"no mnt_id in the kernel's description of descriptor {self.fd}")
        return int(rest.split(maxsplit=1)[0])


class Folder(Held):
    """An open directory."""

    __slots__ = ()

    @classmethod
    def at(cls, path: Path) -> Folder:
        """The directory of a path that no container decides about; links in it are followed."""
        return cls(os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))

    def folder(self, *names: str) -> Folder:
        """A directory below this one.

        Raises:
            OSError: it is not there, or a symbolic link or anything else is in its place.
        """
        with self.pin(*names[:-1]) as parent:
            return Folder(os.open(names[-1], _OPEN, dir_fd=parent.fd))

    def pin(self, *names: str) -> Held:
        """Hold what is below this without opening it, of any type; a link only as itself, and only at the end."""
        held = Held(os.dup(self.fd))
        for name in names:
            with held:
                held = Held(os.open(name, _PIN, dir_fd=held.fd))
        return held

    def make_folder(self, name: str, mode: int) -> Folder:
        """A directory in this one, which is made if nothing has that name yet; `mode` is for a new one only."""
        try:
            return self.new_folder(name, mode)
        except FileExistsError:
            return self.folder(name)

    def make_folders(self, names: Sequence[str], mode: int) -> Folder:
        """A directory below this one, with all that are missing on the way there."""
        held = self.make_folder(names[0], mode)
        for name in names[1:]:
            with held:
                held = held.make_folder(name, mode)
        return held

    def new_folder(self, name: str, mode: int) -> Folder:
        """A new directory in this one.

        Raises:
            FileExistsError: the name is taken.
            OSError: somebody put something else in its place before it could be opened.
        """
        os.mkdir(name, 0o700, dir_fd=self.fd)
        made = self.folder(name)
        try:
            # What was opened must be what was made: else the mode would go to something of others.
            if made.status.st_uid != os.geteuid() or made.names():
                raise OSError(f"the folder {name!r} was swapped while it was made")
            os.fchmod(made.fd, mode | (made.status.st_mode & stat.S_ISGID))
        except BaseException:
            made.close()
            raise
        return made

    def names(self) -> list[str]:
        """The names of all entries, sorted."""
        return sorted(os.listdir(self.fd))  # noqa: PTH208 - the entries of a descriptor, not of a path

    def link_target(self, name: str) -> str | None:
        """Where a symbolic link points; None if it is no link or not there."""
        try:
            return os.readlink(name, dir_fd=self.fd)
        except OSError:
            return None

    def rename(self, old: str, new: str) -> None:
        """Give an entry another name, in place of what had that name."""
        os.rename(old, new, src_dir_fd=self.fd, dst_dir_fd=self.fd)


def write_new_file(parent: Held, name: str, data: bytes) -> Held:
    """A new file with this content, only for its owner, still open so that access can be given.

    Raises:
        FileExistsError: the name is taken, be it by a link.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    made = Held(os.open(name, flags, 0o600, dir_fd=parent.fd))
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(made.fd, rest) :]
    except BaseException:
        made.close()
        raise
    return made


def read_regular(held: Held, limit: int) -> bytes:
    """The content of a file that is held.

    Only a regular file is ever opened: to open a pipe can block, and to open a device can do anything.

    Raises:
        OSError: it is no regular file, or larger than `limit` bytes.
    """
    if not stat.S_ISREG(held.status.st_mode):
        raise OSError("not a regular file")
    with Held(os.open(held.address, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)) as opened:
        pieces: list[bytes] = []
        left = limit + 1
        while left > 0 and (piece := os.read(opened.fd, min(left, 1 << 20))):
            pieces.append(piece)
            left -= len(piece)
    if left <= 0:
        raise OSError(f"larger than {limit} bytes")
    return b"".join(pieces)
