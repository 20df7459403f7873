"""Where containers' logs are, as kubelet lays them out, and how they are removed.

`<root>/<namespace>_<pod>_<uid>/<container>/<restart count>.log`; what was put aside by rotation is beside it, with a
time behind its name. Runtimes write the files but remove none.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

ROTATED = ".*"
"""What follows the name of a log that was put aside, as a pattern."""


class LogFolders:
    """The folders below a root; nothing outside is ever touched, whatever a runtime says a path is."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def of_pod(self, namespace: str, name: str, uid: str) -> Path:
        """The folder of a pod."""
        return self.root / f"{namespace}_{name}_{uid}"

    def make(self, folder: Path) -> None:
        """Make a folder for logs, which runtimes do not do; blocks.

        Raises:
            OSError: it cannot be made.
        """
        folder.mkdir(parents=True, exist_ok=True, mode=0o755)

    def remove_log(self, log: Path) -> None:
        """Remove a container's log and what was put aside of it, and folders that are empty then; blocks."""
        if not self._is_below(log):
            return
        for path in (log, *log.parent.glob(f"{_escaped(log.name)}{ROTATED}")):
            path.unlink(missing_ok=True)
        self.remove_if_empty(log.parent)
        self.remove_if_empty(log.parent.parent)

    def remove_if_empty(self, folder: Path) -> None:
        """Remove a folder in which nothing is; blocks."""
        if self._is_below(folder):
            with contextlib.suppress(OSError):
                folder.rmdir()

    def _is_below(self, path: Path) -> bool:
        return path.is_absolute() and ".." not in path.parts and self.root in path.parents


def _escaped(name: str) -> str:
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)
