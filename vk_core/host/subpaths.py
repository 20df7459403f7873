"""Parts of volumes (`subPath`) as something that keeps meaning the same, whatever a container does to the volume.

A part is found step by step without ever going through a link. Where this process may mount, it is then mounted at a
place that no container can write to; else files that core makes are linked there, and of what containers write to
there is only the path, which they can change as they please: without root they are confined by nobody anyway.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress

from vk_core.host.atomicwriter import Parts
from vk_core.host.beneath import Folder, Held
from vk_core.host.mounting import bind, detach
from vk_core.host.removal import remove

_PRIVATE = 0o750
_ROUNDS = 20
_MODE_BITS = 0o1777  # the group is inherited, and the bit that makes it so


def find(root: Folder, parts: Parts) -> Held:
    """Hold what is at a path below a folder.

    Raises:
        FileNotFoundError: it is not there.
        OSError: a symbolic link or a file is on the way, or it is a link itself.
    """
    held = root.pin(*parts)
    if stat.S_ISLNK(held.status.st_mode):
        held.close()
        raise OSError(f"{'/'.join(parts)!r} is a symbolic link")
    return held


def find_or_make(root: Folder, parts: Parts) -> Held:
    """The same, where folders that are missing are made with the permissions of the volume itself, as in a kubelet.

    Raises:
        OSError: a symbolic link or a file is on the way, it is a link itself, or cannot be made.
    """
    try:
        return find(root, parts)
    except FileNotFoundError:
        with root.make_folders(parts, root.status.st_mode & _MODE_BITS):
            return find(root, parts)


def show_by_mount(source: Held, place: Folder, name: str, propagation: str) -> None:
    """Mount what is held at a name in a folder of ours; if it is there already (after a restart), leave it.

    Raises:
        OSError: it cannot be mounted.
    """
    for _ in range(_ROUNDS):
        with suppress(FileNotFoundError), place.pin(name) as there:
            if there.mount_id != place.mount_id:
                if os.path.samestat(there.status, source.status):
                    return
                detach(there)
                continue
        break
    remove(place, name)
    if source.is_folder:
        os.mkdir(name, _PRIVATE, dir_fd=place.fd)
    else:
        os.close(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640, dir_fd=place.fd))
    bind(source, place, name, propagation)


def show_by_link(generation: Folder, parts: Parts, place: Folder, name: str) -> None:
    """Have files of a volume that core makes under a name in a folder of ours, by hard links: they never change there.

    Raises:
        OSError: they cannot be linked.
    """
    fresh = f"..{name}"
    remove(place, fresh)
    with find(generation, parts) as found:
        is_folder = found.is_folder
    if is_folder:
        _link_tree(generation, parts, place, fresh)
    else:
        with generation.pin(*parts[:-1]) as parent:
            os.link(parts[-1], fresh, src_dir_fd=parent.fd, dst_dir_fd=place.fd, follow_symlinks=False)
    remove(place, name)
    place.rename(fresh, name)


def show_nothing(volume: Folder, place: Folder, name: str) -> None:
    """Have an empty folder under a name in a folder of ours: what a kubelet shows for a path that no file has.

    Like there it has group and permissions of the volume itself, but does not come to be in the volume, where it would
    be in the way of a file of that name.
    """
    with suppress(FileNotFoundError), place.pin(name) as there:
        if there.mount_id != place.mount_id:
            detach(there)
    remove(place, name)
    like = volume.status
    with place.new_folder(name, 0o700) as made:
        if made.status.st_gid != like.st_gid:
            os.fchown(made.fd, -1, like.st_gid)
        os.fchmod(made.fd, stat.S_IMODE(like.st_mode))


def _link_tree(generation: Folder, parts: Parts, place: Folder, name: str) -> None:
    """One folder of each tree is open at a time, however deep they are."""
    waiting: list[Parts] = [()]
    place.new_folder(name, 0o755).close()
    while waiting:
        at = waiting.pop()
        with generation.folder(*parts, *at) as source, place.folder(name, *at) as target:
            for entry in source.names():
                with source.pin(entry) as held:
                    is_folder = held.is_folder
                if is_folder:
                    target.new_folder(entry, 0o755).close()
                    waiting.append((*at, entry))
                else:
                    os.link(entry, entry, src_dir_fd=source.fd, dst_dir_fd=target.fd, follow_symlinks=False)
