"""Who may do what with the files and folders of a volume: modes, owners, and the group of `fsGroup`. Pure but `settle`.

Source: `spec.securityContext.fsGroup` and `defaultMode` of the API, and what a kubelet makes of them. Files get the
group's read permission, folders also its search permission and the bit by which new files inherit the group; in an
`emptyDir` the group may write as well.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from vk_core.host.beneath import Held

FOLDER_MODE = 0o755
"""Folders inside volumes of files."""

VOLUME_MODE = 0o777
"""A volume itself: what a container may do there is for its mount to say."""

MEMORY_MODE = 0o1777
"""A volume in memory, as the kernel makes one."""

_FILE_GROUP = 0o440
_FOLDER_GROUP = stat.S_ISGID | 0o550
_SHARED_GROUP = stat.S_ISGID | 0o770


@dataclass(frozen=True, slots=True)
class Privileges:
    """What this process may do on the machine.

    Attributes:
        mounts: whether it may mount.
        owners: whether it may give files to other users and groups.
        groups: the groups that it may give files to in any case: its own.
    """

    mounts: bool
    owners: bool
    groups: frozenset[int] = frozenset()

    @classmethod
    def of_process(cls) -> Privileges:
        """Those that this process has."""
        root = os.geteuid() == 0
        return cls(mounts=root and _may_mount(), owners=root, groups=frozenset({os.getegid(), *os.getgroups()}))

    def group_for(self, fs_group: int | None) -> int | None:
        """The group to give files to; None to leave them, also where this process cannot give them away.

        Without the group there are no permissions for it either: they would go to another group.
        """
        return fs_group if self.owners or fs_group in self.groups else None


def _may_mount() -> bool:
    sys_admin = 1 << 21
    lines = Path("/proc/self/status").read_text(encoding="utf-8", errors="replace").splitlines()
    effective = next((line.split()[1] for line in lines if line.startswith("CapEff:")), "0")
    return bool(int(effective, 16) & sys_admin)


@dataclass(frozen=True, slots=True)
class Ownership:
    """What the files of a pod's volumes get.

    Attributes:
        group_id: the group they all belong to; None to leave the group as it comes.
        owners: whether the users that files ask for can be had.
    """

    group_id: int | None = None
    owners: bool = True

    def file_mode(self, mode: int) -> int:
        """The permissions of a file that asks for `mode`."""
        return mode & 0o777 | (_FILE_GROUP if self.group_id is not None else 0)

    def folder_mode(self, mode: int) -> int:
        """The permissions of a folder that only a kubelet writes to."""
        return mode | (_FOLDER_GROUP if self.group_id is not None else 0)

    def shared_mode(self, mode: int) -> int:
        """The permissions of a folder that containers write to."""
        return mode | (_SHARED_GROUP if self.group_id is not None else 0)

    def user_for(self, user_id: int | None) -> int | None:
        """The owner of a file that asks for `user_id`; None to leave it."""
        return user_id if self.owners else None

    def settle(self, held: Held, mode: int, user_id: int | None = None) -> None:
        """Give something that is open its owner, group and mode, in this order: a change of owner clears bits."""
        user = self.user_for(user_id)
        if user is not None or self.group_id is not None:
            os.fchown(held.fd, -1 if user is None else user, -1 if self.group_id is None else self.group_id)
        os.fchmod(held.fd, mode)

    def fits(self, status: os.stat_result, mode: int, user_id: int | None = None) -> bool:
        """Whether something has what `settle` would give it."""
        user = self.user_for(user_id)
        return (
            stat.S_IMODE(status.st_mode) == mode
            and status.st_uid == (os.geteuid() if user is None else user)
            and self.group_id in {None, status.st_gid}
        )
