"""Unmounts what tests have left mounted, so that their folders can be removed. Needs nothing but Python."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

_ESCAPE = re.compile(r"\\([0-7]{3})")
"""How the kernel writes blanks and the like in `/proc/self/mounts`."""


def unmount_below(folder: Path) -> None:
    """Unmount all that is mounted below a folder, the latest first."""
    mounts = Path("/proc/self/mounts")
    lines = mounts.read_text(errors="surrogateescape").splitlines() if mounts.exists() else []
    points = [_ESCAPE.sub(lambda found: chr(int(found[1], 8)), line.split(" ")[1]) for line in lines]
    place = f"{folder.resolve()}/"
    for point in reversed([point for point in points if point.startswith(place)]):
        subprocess.run(["umount", "--lazy", point], check=False, capture_output=True)
