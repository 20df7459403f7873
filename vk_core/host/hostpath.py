"""`hostPath` volumes: what must be at the path, and what is made there if it may be missing (core/v1 HostPathType)."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

_PREFIX = "hostPath type check failed: "

_TESTS: dict[str, tuple[Callable[[int], bool], str]] = {
    "Directory": (stat.S_ISDIR, "a directory"),
    "DirectoryOrCreate": (stat.S_ISDIR, "a directory"),
    "File": (stat.S_ISREG, "a file"),
    "FileOrCreate": (stat.S_ISREG, "a file"),
    "Socket": (stat.S_ISSOCK, "a socket file"),
    "CharDevice": (stat.S_ISCHR, "a character device"),
    "BlockDevice": (stat.S_ISBLK, "a block device"),
}


def checked_host_path(path: str, kind: str) -> Path:
    """The path of a `hostPath` volume, where what `kind` demands is there now.

    Raises:
        ValueError: the path is relative or has `..` in it, the kind is unknown, or something else is there.
        OSError: what is missing cannot be made.
    """
    checked = Path(path)
    if not checked.is_absolute() or ".." in checked.parts or "\0" in path:
        raise ValueError(f"the path {path!r} must be absolute and without '..'")
    if not kind:
        return checked
    if kind not in _TESTS:
        raise ValueError(f"{_PREFIX}{kind} is an invalid volume type")
    if kind.endswith("OrCreate"):
        _create(checked, folder=kind.startswith("Directory"))
    test, wanted = _TESTS[kind]
    if not test(_mode(checked)):
        raise ValueError(f"{_PREFIX}{path} is not {wanted}")
    return checked


def is_directory(path: Path) -> bool:
    """Whether to mount it as a directory; what is not there yet will be one, as with a container runtime."""
    mode = _mode(path)
    return not mode or stat.S_ISDIR(mode)


def _mode(path: Path) -> int:
    try:
        return path.stat().st_mode
    except FileNotFoundError:
        return 0


def _create(path: Path, *, folder: bool) -> None:
    if _mode(path):
        return
    if folder:
        path.mkdir(mode=0o755, parents=True, exist_ok=True)
        return
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644), "wb"):
        pass
