"""Outlives virtual-kubelet just long enough to kill what that has started, however it ended.

Runs as a script of its own, without site packages: `python -I -S guard.py FOLDER`. Its standard input is a pipe that
only virtual-kubelet holds open; on it come the numbers of process groups, `+4711` when one has been started and `-4711`
when one has ended. At the end of the pipe it kills the groups that are left and removes the folder.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
from collections.abc import Iterable


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
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    watch(sys.stdin.buffer, sys.argv[1])
