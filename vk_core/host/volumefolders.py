"""The folders of volumes themselves: plain ones, and such in memory where this process may mount."""

from __future__ import annotations

from collections.abc import Callable

from vk_core.host.beneath import Folder
from vk_core.host.mounting import mount_huge_pages, mount_tmpfs
from vk_core.host.ownership import MEMORY_MODE, VOLUME_MODE, Ownership
from vk_core.host.removal import remove

MountFolder = Callable[[Folder], None]
"""Mounts something on an empty folder."""


def tmpfs(ownership: Ownership, *, shared: bool, size_bytes: int | None = None) -> MountFolder:
    """Memory of a limited size; `shared` if containers write to it."""
    mode = ownership.shared_mode(MEMORY_MODE) if shared else ownership.folder_mode(MEMORY_MODE)

    def mount(at: Folder) -> None:
        mount_tmpfs(at, mode=mode, group_id=ownership.group_id, size_bytes=size_bytes)

    return mount


def huge_pages(ownership: Ownership, *, page_bytes: int, size_bytes: int | None) -> MountFolder:
    """Huge pages."""
    mode = ownership.shared_mode(VOLUME_MODE)

    def mount(at: Folder) -> None:
        mount_huge_pages(at, mode=mode, group_id=ownership.group_id, size_bytes=size_bytes, page_bytes=page_bytes)

    return mount


def make_shared_folder(parent: Folder, name: str, ownership: Ownership, mount: MountFolder | None) -> None:
    """Make the folder that containers share, unless it is there: it lives as long as the pod, also over restarts.

    A folder gets its name when it is ready, so that one that is there is complete.

    Raises:
        OSError: it cannot be made.
    """
    try:
        with parent.folder(name) as there:
            if mount is not None and there.mount_id == parent.mount_id and not there.names():
                mount(there)  # the machine was restarted, or the last process ended just before this
            return
    except FileNotFoundError:
        pass
    fresh = f"..{name}"
    remove(parent, fresh)
    with parent.new_folder(fresh, 0o700) as made:
        ownership.settle(made, ownership.shared_mode(VOLUME_MODE))
    parent.rename(fresh, name)
    if mount is not None:
        with parent.folder(name) as made:
            mount(made)


def open_files_folder(parent: Folder, name: str, ownership: Ownership, mount: MountFolder | None) -> Folder:
    """Open the folder of a volume whose files core makes; it is made, and mounted where that is wanted.

    Raises:
        OSError: it cannot be made.
    """
    with parent.make_folder(name, 0o700) as there:
        is_mounted = there.mount_id != parent.mount_id
        if not is_mounted and mount is not None:
            for entry in there.names():  # what was once written to the disk must not stay there below the mount
                remove(there, entry)
            mount(there)
        elif not is_mounted:
            mode = ownership.folder_mode(VOLUME_MODE)
            if not ownership.fits(there.status, mode):
                ownership.settle(there, mode)
    return parent.folder(name)
