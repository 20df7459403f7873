"""Writes the files of a volume all at once: whoever reads sees the old ones or the new ones, never some of each.

The layout is a kubelet's, on which programs rely that watch their files: the contents lie in a folder named by the
time, `..data` is a symbolic link to it that is renamed into place, and what a container sees are links through
`..data`. Former folders stay until `purge`, for those who are just about to open a file in one.

Every step goes by descriptor, and new things only ever come where nothing was, so that what anybody plants in the
volume is at most removed. A process that is killed at any point leaves complete files behind, old or new.
"""

from __future__ import annotations

import os
import re
import secrets
import stat
from collections.abc import Collection, Mapping
from contextlib import suppress
from datetime import UTC, datetime

from vk_core.host.beneath import Folder, read_regular, write_new_file
from vk_core.host.names import split_path
from vk_core.host.ownership import FOLDER_MODE, Ownership
from vk_core.host.removal import remove
from vk_core.provider.materials import VolumeFile

DATA = "..data"
_NEW_LINK = "..data_tmp"
_GENERATION = re.compile(r"\.\.[0-9]{4}(_[0-9]{2}){5}\.[0-9]+")
_TRIES = 20

Parts = tuple[str, ...]


def arrange(files: Mapping[str, VolumeFile]) -> dict[Parts, VolumeFile]:
    """The files by the parts of their paths.

    Raises:
        ValueError: a path leads out of the volume, begins with `..` as only our own names do, or is a folder of
            another path; the message names it.
    """
    arranged = {split_path(path): file for path, file in files.items()}
    for parts in arranged:
        if parts[0].startswith(".."):
            raise ValueError(f"the path {'/'.join(parts)!r} must not begin with '..'")
        if any(parts[:end] in arranged for end in range(1, len(parts))):
            raise ValueError(f"the path {'/'.join(parts)!r} lies below another file")
    return arranged


def write(volume: Folder, files: Mapping[Parts, VolumeFile], ownership: Ownership) -> bool:
    """Make a volume have exactly these files (see `arrange`); what has not changed is not written again.

    Returns:
        Whether something was written; `purge` is due then.

    Raises:
        OSError: it cannot be written; the volume is as it was.
    """
    previous = current(volume)
    if previous is not None and _is_same(volume, previous, files, ownership):
        _show(volume, files)
        return False
    made = _new_generation(volume, files, ownership)
    _place_link(volume, _NEW_LINK, made)
    _move_onto(volume, _NEW_LINK, DATA)
    _show(volume, files)
    return True


def purge(volume: Folder, keep: Collection[str] = ()) -> None:
    """Remove contents that are no longer current, but for those to `keep`."""
    wanted = {DATA, current(volume), *keep}
    for name in volume.names():
        if name.startswith("..") and name not in wanted:
            remove(volume, name)


def current(volume: Folder) -> str | None:
    """The name of the folder with the current contents; None if there is none."""
    name = volume.link_target(DATA)
    if name is None or not _GENERATION.fullmatch(name):
        return None
    try:
        with volume.pin(name) as held:
            return name if held.is_folder else None
    except OSError:
        return None


def _is_same(volume: Folder, generation: str, files: Mapping[Parts, VolumeFile], ownership: Ownership) -> bool:
    try:
        with volume.folder(generation) as folder:
            return _listed(folder) == _expected(files) and all(
                _is_written(folder, parts, file, ownership) for parts, file in files.items()
            )
    except OSError:
        return False


def _expected(files: Mapping[Parts, VolumeFile]) -> set[Parts]:
    return {parts[:end] for parts in files for end in range(1, len(parts) + 1)}


def _listed(folder: Folder) -> set[Parts]:
    """Everything below a folder; one folder is open at a time, however deep it goes."""
    found: set[Parts] = set()
    waiting: list[Parts] = [()]
    while waiting:
        at = waiting.pop()
        with folder.folder(*at) if at else folder.folder(".") as opened, os.scandir(opened.fd) as entries:
            for entry in entries:
                found.add((*at, entry.name))
                if entry.is_dir(follow_symlinks=False):
                    waiting.append((*at, entry.name))
    return found


def _is_written(folder: Folder, parts: Parts, file: VolumeFile, ownership: Ownership) -> bool:
    with folder.pin(*parts) as held:
        status = held.status
        return (
            stat.S_ISREG(status.st_mode)
            and status.st_size == len(file.data)
            and ownership.fits(status, ownership.file_mode(file.mode), file.user_id)
            and read_regular(held, len(file.data)) == file.data
        )


def _new_generation(volume: Folder, files: Mapping[Parts, VolumeFile], ownership: Ownership) -> str:
    name = f"..{datetime.now(UTC):%Y_%m_%d_%H_%M_%S}.{secrets.randbelow(10**10)}"
    try:
        with volume.new_folder(name, 0o700) as folder:
            for parts, file in files.items():
                _write_file(folder, parts, file, ownership)
            ownership.settle(folder, ownership.folder_mode(FOLDER_MODE))
    except BaseException:
        with suppress(OSError):  # what matters is why it could not be written; the next write removes the rest
            remove(volume, name)
        raise
    return name


def _write_file(folder: Folder, parts: Parts, file: VolumeFile, ownership: Ownership) -> None:
    parent = folder.folder(".")
    for name in parts[:-1]:
        with parent:
            try:
                child = parent.new_folder(name, 0o700)
                ownership.settle(child, ownership.folder_mode(FOLDER_MODE))
            except FileExistsError:
                child = parent.folder(name)
        parent = child
    with parent, write_new_file(parent, parts[-1], file.data) as written:
        ownership.settle(written, ownership.file_mode(file.mode), file.user_id)


def _show(volume: Folder, files: Mapping[Parts, VolumeFile]) -> None:
    """Have a link for each first part of a path, and nothing else that can be seen."""
    visible = {parts[0] for parts in files}
    for name in visible:
        target = f"{DATA}/{name}"
        if volume.link_target(name) != target:
            _place_link(volume, name, target)
    for name in volume.names():
        if name not in visible and not name.startswith(".."):
            remove(volume, name)


def _place_link(volume: Folder, name: str, target: str) -> None:
    for _ in range(_TRIES):
        remove(volume, name)
        with suppress(FileExistsError):
            os.symlink(target, name, dir_fd=volume.fd)
            return
    raise FileExistsError(f"something puts {name!r} into the volume again and again")


def _move_onto(volume: Folder, name: str, onto: str) -> None:
    try:
        volume.rename(name, onto)
    except OSError:
        # A folder in the place of the link, which only somebody else can have made.
        remove(volume, onto)
        volume.rename(name, onto)
