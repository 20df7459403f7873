"""Outlives virtual-kubelet just long enough to kill what that has started, however it ended.

Runs as a script of its own, without site packages: `python -I -S guard.py FOLDER`. Its standard input is a pipe that
only virtual-kubelet holds open; on it come the numbers of process groups, `+4711` when one has been started and `-4711`
when one has ended. At the end of the pipe it kills the groups that are left and removes the folder. Volumes may be
mounted in it, if virtual-kubelet is root: they are unmounted first, so that nothing is removed that is elsewhere.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import shutil
import signal
import sys
from collections.abc import Iterable
from pathlib import Path

_OCTAL = re.compile(r"\\([0-7]{3})")
_MS_REC, _MS_PRIVATE, _MNT_DETACH = 0x4000, 1 << 18, 2


def watch(lines: Iterable[bytes], folder: str) -> None:
    """Follow what comes down the pipe, and clean up behind it."""
    groups: set[int] = set()
    for line in lines:
        group = int(line[1:])
        if line.startswith(b"+"):
            groups.add(group)
        else:
            groups.discard(group)
    for group in groups:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)
    unmount_below(folder)
    if not mounts_below(folder):
        shutil.rmtree(folder, ignore_errors=True)


def mounts_below(folder: str) -> list[str]:
    """Where something is mounted in the folder, the latest last."""
    try:
        lines = os.fsdecode(Path("/proc/self/mountinfo").read_bytes()).splitlines()
    except FileNotFoundError:  # not on Linux: nothing is mounted there
        return []
    points = [_OCTAL.sub(lambda found: chr(int(found[1], 8)), line.split()[4]) for line in lines]
    return [point for point in points if point.startswith(f"{os.path.realpath(folder)}/")]


def unmount_below(folder: str) -> None:
    """Unmount all that is mounted in the folder, and nothing where that came from."""
    for point in reversed(mounts_below(folder)):
        libc = ctypes.CDLL(None)
        path = os.fsencode(point)
        libc.mount(None, path, None, ctypes.c_ulong(_MS_REC | _MS_PRIVATE), None)
        libc.umount2(path, _MNT_DETACH)


if __name__ == "__main__":
    watch(sys.stdin.buffer, sys.argv[1])
