"""Where things that are expensive to make are kept between runs, and how two runs share them.

Everything lies in one folder, so that deleting that folder is all it takes to start afresh.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


def cache_folder() -> Path:
    """The user's cache folder for this project, made when it is not there."""
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    folder = Path(base).expanduser().resolve() / "virtual-kubelet-python"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def say(message: str) -> None:
    """Print progress where it does not mix with what a command prints."""
    print(message, file=sys.stderr, flush=True)


@contextlib.contextmanager
def only_one(name: str) -> Iterator[None]:
    """Hold the lock `name` of the cache; a second process waits here until the first is done.

    The lock belongs to the open file, so it is released however its holder dies.
    """
    path = cache_folder() / f"{name}.lock"
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"another process is working on {name} ({path}); waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
