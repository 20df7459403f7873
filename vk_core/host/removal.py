"""Removes what is below a directory, never what a link in it points to and never what is mounted in it.

A container may have left anything: links, deep trees, folders without permissions, names that change meanwhile.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
from contextlib import suppress

from vk_core.host.beneath import Folder

_DEEPEST = 32
_ROUNDS = 100


def remove(parent: Folder, name: str) -> None:
    """Remove an entry of a directory with all below it; nothing happens if it is not there.

    Raises:
        OSError: something is mounted below it (EXDEV, EBUSY), cannot be removed, or comes back again and again.
    """
    for _ in range(_ROUNDS):
        if _is_unlinked(parent, name) or _remove_folder(parent, name):
            return
    raise OSError(errno.ENOTEMPTY, "something goes on writing into a folder that is being removed", name)


def _is_unlinked(parent: Folder, name: str) -> bool:
    """Remove what is no directory; whether nothing is there now."""
    try:
        os.unlink(name, dir_fd=parent.fd)
    except FileNotFoundError:
        return True
    except IsADirectoryError:
        return False
    return True


def _remove_folder(parent: Folder, name: str) -> bool:
    try:
        with _enter(parent, name) as folder:
            if folder.mount_id != parent.mount_id:
                raise OSError(errno.EXDEV, "it cannot be removed, something is mounted there", name)
            _Emptying(folder).run()
        os.rmdir(name, dir_fd=parent.fd)
    except FileNotFoundError:
        return True
    except OSError as error:
        # Another thing with that name, or in that folder, since we looked: look again.
        if error.errno in {errno.ENOTEMPTY, errno.ENOTDIR, errno.ELOOP, errno.EEXIST}:
            return False
        raise
    return True


class _Emptying:
    """Empties one directory.

    A tree can be deeper than there are descriptors: what is deep is moved to the top first.
    """

    def __init__(self, top: Folder) -> None:
        self._top = top
        self._mount_id = top.mount_id
        self._moved = True

    def run(self) -> None:
        while self._moved:
            self._moved = False
            self._empty(self._top, 0)

    def _empty(self, folder: Folder, depth: int) -> None:
        for name in folder.names():
            with suppress(FileNotFoundError):
                if not _is_unlinked(folder, name):
                    self._remove_child(folder, name, depth)

    def _remove_child(self, folder: Folder, name: str, depth: int) -> None:
        with _enter(folder, name) as child:
            if child.mount_id != self._mount_id:
                raise OSError(errno.EXDEV, "it cannot be removed, something is mounted there", name)
            if depth < _DEEPEST:
                self._empty(child, depth + 1)
        if depth < _DEEPEST:
            os.rmdir(name, dir_fd=folder.fd)
        else:
            os.rename(name, f"..{secrets.token_hex(8)}", src_dir_fd=folder.fd, dst_dir_fd=self._top.fd)
            self._moved = True


def _enter(parent: Folder, name: str) -> Folder:
    """Open a folder that shall be emptied, with the permissions that this needs."""
    needed = stat.S_IRWXU
    with parent.pin(name) as pinned:
        mode = pinned.status.st_mode
        if stat.S_ISDIR(mode) and mode & needed != needed and os.geteuid() != 0:
            os.chmod(pinned.address, needed)  # noqa: PTH101 - the address of a descriptor, not a path
    return parent.folder(name)
