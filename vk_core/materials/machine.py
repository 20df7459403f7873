"""Files of this machine that pods may take over, read again only when they have changed."""

from __future__ import annotations

from pathlib import Path


class MachineFile:
    """A small text file of this machine; empty when it is not there."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int, int] | None = None
        self._text = ""

    def text(self) -> str:
        """Its content now; a look at the file's times is all that it costs as long as it stays the same."""
        try:
            about = self._path.stat()
            seen = (about.st_mtime_ns, about.st_size, about.st_ino)
            if seen != self._seen:
                self._text = self._path.read_text(encoding="utf-8", errors="replace")
                self._seen = seen
        except OSError:
            self._text, self._seen = "", None
        return self._text
