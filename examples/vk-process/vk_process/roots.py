"""The folder that stands for the root of a container: where its process begins, with links to what is mounted.

A process of this machine sees the machine's own files, so a volume cannot be at its mount path; it is at that path
below this folder. A link does what a mount would as long as nobody looks at it as a link, and it confines nobody.
"""

from __future__ import annotations

import contextlib
import os
import posixpath
import shutil
import stat
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from vk_core.errors import Unavailable
from vk_core.host import HostMount

_MESSAGE_MODE = 0o666
_OPEN_MESSAGE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK


def make_root(
    root: Path, mounts: Iterable[HostMount], *, copied: Collection[str], files: Mapping[str, Path], message_path: str
) -> None:
    """Make the folder, anew if it is there: a container that starts again finds nothing of its last run but volumes.

    Args:
        root: the folder.
        mounts: what the container has mounted.
        copied: mount paths of what must stay as it is now.
        files: further files by their paths in the container; a mount in the same place comes first.
        message_path: where the container may write its termination message.

    Raises:
        Unavailable: the machine does not let us.
    """
    shutil.rmtree(root, ignore_errors=True)
    try:
        root.mkdir(parents=True)
        for mount in mounts:
            target = _room_for(root, mount.path)
            if mount.path in copied:
                _copy(mount.host_path, target)
            else:
                _link(mount, target)
        for path, source in files.items():
            if not is_below(path, [mount.path for mount in mounts]):
                _room_for(root, path).symlink_to(source)
        message = _room_for(root, message_path)
        message.touch()
        message.chmod(_MESSAGE_MODE)
    except OSError as error:
        raise Unavailable(f"the folder of a container cannot be made: {error}") from error


def is_below(path: str, folders: Iterable[str]) -> bool:
    """Whether a path of a container is one of these or below one."""
    path = normal(path)
    return any(path == folder or path.startswith(f"{folder}/") for folder in map(normal, folders))


def normal(path: str) -> str:
    """An absolute path without `.`, `..` and needless slashes, as a container's root would resolve it."""
    return posixpath.normpath(f"/{path.lstrip('/')}")


def read_message(root: Path, path: str, most: int) -> bytes | None:
    """The last bytes of a file that the container wrote; None if there is no such file.

    Only a plain file counts: a link could lead anywhere, and a pipe would keep us waiting.

    Raises:
        OSError: it cannot be read.
    """
    with contextlib.suppress(FileNotFoundError):
        fd = os.open(_place(root, path), _OPEN_MESSAGE)
        try:
            status = os.fstat(fd)
            if stat.S_ISREG(status.st_mode):
                return os.pread(fd, most, max(status.st_size - most, 0))
        finally:
            os.close(fd)
    return None


def _place(root: Path, path: str) -> Path:
    return root / normal(path)[1:]


def _room_for(root: Path, path: str) -> Path:
    place = _place(root, path)
    place.parent.mkdir(parents=True, exist_ok=True)
    return place


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target)
    else:
        shutil.copy(source, target)
        about = source.stat()
        with contextlib.suppress(PermissionError):  # it is ours then, and so are the processes
            os.chown(target, about.st_uid, about.st_gid)


def _link(mount: HostMount, target: Path) -> None:
    """A file is the same file under another name, so that one that takes its place does not come here."""
    if not mount.is_directory:
        with contextlib.suppress(OSError):  # a bind mount, another file system, or no plain file
            os.link(mount.host_path, target, follow_symlinks=False)
            return
    target.symlink_to(mount.host_path)
