"""What is mounted, read from the text of `/proc/self/mountinfo` (proc_pid_mountinfo(5)). Pure."""

from __future__ import annotations

import re
from typing import NamedTuple

_ESCAPE = re.compile(rb"\\([0-7]{3})")
_MOUNT_ID, _MOUNT_POINT = 0, 4


class MountPoint(NamedTuple):
    """A mount: its identity, and where it is below the folder that was asked for (relative, not empty)."""

    id: int
    path: bytes


def mounts_below(text: bytes, folder: bytes) -> list[MountPoint]:
    """The mounts below a folder, in the order in which they were made (the last one on top); not the folder itself.

    Args:
        text: the content of `/proc/self/mountinfo`.
        folder: an absolute path without links, as the kernel says it.
    """
    prefix = folder.rstrip(b"/") + b"/"
    found = []
    for line in text.split(b"\n"):  # only newlines are escaped: other line ends may be part of a name
        fields = line.split(b" ")
        if len(fields) <= _MOUNT_POINT:
            continue
        path = unescaped(fields[_MOUNT_POINT])
        if path.startswith(prefix) and path != prefix:
            found.append(MountPoint(int(fields[_MOUNT_ID]), path[len(prefix) :]))
    return found


def unescaped(field: bytes) -> bytes:
    """A field with its octal escapes (space, tab, newline, backslash, number sign) as the bytes they stand for."""
    return _ESCAPE.sub(lambda match: bytes([int(match[1], 8) & 0xFF]), field)
