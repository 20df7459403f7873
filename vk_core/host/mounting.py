"""mount(2) and umount2(2) on things that are held open, so that no name can be swapped on the way to the kernel."""

from __future__ import annotations

import ctypes
import errno
import os
from functools import lru_cache
from pathlib import Path

from vk_core.host.beneath import Folder, Held
from vk_core.host.mountinfo import MountPoint, mounts_below

_MS_BIND = 0x1000
_MS_REC = 0x4000
_MS_PRIVATE = 1 << 18
_MS_SLAVE = 1 << 19
_MNT_DETACH = 2
_ROUNDS = 64
_PROPAGATION = {"None": _MS_PRIVATE, "HostToContainer": _MS_SLAVE, "Bidirectional": 0}


def mount_tmpfs(at: Folder, *, mode: int, group_id: int | None, size_bytes: int | None) -> None:
    """Mount an empty file system in memory on a directory; never swapped out where the kernel can promise that (6.4).

    Raises:
        OSError: it cannot be mounted.
    """
    options = [f"mode={mode:o}"]
    if group_id is not None:
        options.append(f"gid={group_id}")
    if size_bytes is not None:
        options.append(f"size={size_bytes}")
    try:
        _mount("tmpfs", at.address, "tmpfs", 0, ",".join([*options, "noswap"]))
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        _mount("tmpfs", at.address, "tmpfs", 0, ",".join(options))


def mount_huge_pages(at: Folder, *, mode: int, group_id: int | None, size_bytes: int | None, page_bytes: int) -> None:
    """Mount an empty file system of huge pages on a directory.

    Raises:
        OSError: it cannot be mounted; this machine may have no pages of that size.
    """
    options = [f"pagesize={page_bytes}", f"mode={mode:o}"]
    if group_id is not None:
        options.append(f"gid={group_id}")
    if size_bytes is not None:
        options.append(f"size={size_bytes}")
    _mount("nodev", at.address, "hugetlbfs", 0, ",".join(options))


def bind(source: Held, parent: Folder, name: str, propagation: str) -> None:
    """Make something visible under another name as well: an entry of a folder that no container can write to.

    Args:
        source: a file or a directory.
        parent: where the entry is.
        name: its name; it is of the same type as the source.
        propagation: how mounts below the source come here and go back: that of the container's mount.

    Raises:
        OSError: it cannot be mounted.
    """
    target = f"{parent.address}/{name}"
    _mount(source.address, target, None, _MS_BIND, None)
    if flag := _PROPAGATION.get(propagation, _MS_PRIVATE):
        _mount(None, target, None, flag, None)


def detach(root: Held) -> None:
    """Unmount the mount whose root is held, with all that is mounted in it, at once even if it is in use.

    It is made private first: to unmount what is mounted in a bind mount must not unmount it at its origin.

    Raises:
        OSError: it cannot be unmounted.
    """
    _mount(None, root.address, None, _MS_REC | _MS_PRIVATE, None)
    if _libc().umount2(os.fsencode(root.address), _MNT_DETACH) != 0:
        raise _error("umount")


def detach_entries(folder: Folder, depth: int) -> None:
    """Unmount what is mounted on entries of a directory, and of those that are directories down to a depth.

    Unlike `detach_below` it does not ask the kernel for all mounts of the machine, which takes long if there are many.

    Raises:
        OSError: something cannot be unmounted.
    """
    here = folder.mount_id
    for name in folder.names():
        with folder.pin(name) as entry:
            if entry.mount_id != here:
                detach(entry)
                continue
            is_folder = entry.is_folder
        if is_folder and depth > 1:
            with folder.folder(name) as below:
                detach_entries(below, depth - 1)


def detach_below(folder: Folder) -> None:
    """Unmount everything below a directory, whoever mounted it.

    Raises:
        OSError: something stays mounted.
    """
    for _ in range(_ROUNDS):
        mounts = mounted_below(folder)
        if not mounts:
            return
        # From above: with a mount goes all that is mounted in it. Taken one by one from below, what is mounted in a
        # shared mount would be unmounted in all others of its group, also where the host has it.
        for mount in sorted(mounts, key=_depth):
            _detach_if_there(folder, mount)
    raise OSError(errno.EBUSY, "a mount cannot be removed", os.fsdecode(mounts[-1].path))


def mounted_below(folder: Folder) -> list[MountPoint]:
    """What is mounted below a directory."""
    path = os.fsencode(os.readlink(folder.address))  # noqa: PTH115 - the address of a descriptor, not a path
    return mounts_below(Path("/proc/self/mountinfo").read_bytes(), path)


def _detach_if_there(folder: Folder, mount: MountPoint) -> None:
    try:
        with folder.pin(*os.fsdecode(mount.path).split("/")) as root:
            if root.mount_id == mount.id:
                detach(root)
    except OSError as error:
        # Below another mount, gone together with it, or its name was swapped: the next look at the list tells.
        if error.errno not in {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}:
            raise


def _depth(mount: MountPoint) -> int:
    return mount.path.count(b"/")


def _mount(source: str | None, target: str, kind: str | None, flags: int, options: str | None) -> None:
    encoded = [None if text is None else os.fsencode(text) for text in (source, target, kind, options)]
    if _libc().mount(encoded[0], encoded[1], encoded[2], ctypes.c_ulong(flags), encoded[3]) != 0:
        raise _error("mount")


@lru_cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _error(what: str) -> OSError:
    number = ctypes.get_errno()
    return OSError(number, f"{what}: {os.strerror(number)}")
