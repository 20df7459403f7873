"""Unmounts what tests have left mounted, so that their folders can be removed."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from vk_core.host.mountinfo import mounts_below


def unmount_below(folder: Path) -> None:
    """Unmount all that is mounted below a folder, the latest first."""
    place = os.fsencode(folder.resolve())
    for mount in reversed(mounts_below(Path("/proc/self/mountinfo").read_bytes(), place)):
        subprocess.run([b"umount", b"--lazy", b"%s/%s" % (place, mount.path)], check=False, capture_output=True)
