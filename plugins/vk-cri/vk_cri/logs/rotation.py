"""Keeps logs from growing without end, as kubelet does, for runtimes only write.

A file that has become too large is renamed, and the runtime told to begin a new one. What was renamed is packed at the
next turn, so that the runtime has long let go of it; more files than are wanted are removed, the oldest first.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import gzip
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

from vk_cri.logs.files import PACKED, UNFINISHED, put_aside

Reopen = Callable[[], Awaitable[object]]
"""Tells the runtime to begin a new file."""


async def rotate_if_large(path: Path, reopen: Reopen, *, max_bytes: int, max_files: int) -> bool:
    """Rotate a log if it is too large; gives whether it was.

    Args:
        path: the present file.
        reopen: has a new one begun; if it fails, the old one is put back, so that nothing is lost.
        max_bytes: how large it may be.
        max_files: how many files there may be, the present one included.

    Raises:
        OSError: files cannot be packed, renamed or removed.
        Exception: what `reopen` raises.
    """
    aside = path.with_name(f"{path.name}.{stamp()}")
    if not await asyncio.to_thread(_is_larger, path, max_bytes, aside):
        return False
    # One place is for the present file, one for what it is renamed to.
    await asyncio.to_thread(_tidy, path, max(max_files - 2, 0))
    await asyncio.to_thread(path.rename, aside)
    try:
        await reopen()
    except BaseException:
        await asyncio.to_thread(_put_back, aside, path)
        raise
    return True


def stamp() -> str:
    """What a file that is put aside now is called, behind the name of the log: as with kubelet, to the second."""
    return f"{dt.datetime.now(dt.UTC):%Y%m%d-%H%M%S}"


def _is_larger(path: Path, max_bytes: int, aside: Path) -> bool:
    """Whether a log is to be rotated; not twice in a second, which would destroy what was put aside first."""
    try:
        return path.stat().st_size > max_bytes and not aside.exists()
    except FileNotFoundError:
        return False


def _put_back(aside: Path, path: Path) -> None:
    if not path.exists():  # a runtime that did begin a new file goes on with that
        aside.rename(path)


def _tidy(path: Path, keep: int) -> None:
    """Remove and pack what was put aside before; blocks."""
    for unfinished in path.parent.glob(f"{path.name}.*{UNFINISHED}"):
        unfinished.unlink(missing_ok=True)
    older = put_aside(path)
    for surplus in older[: max(len(older) - keep, 0)]:
        for file in (surplus, surplus.with_name(f"{surplus.name}{PACKED}")):
            file.unlink(missing_ok=True)
    for kept in older[max(len(older) - keep, 0) :]:
        if kept.suffix != PACKED:
            _pack(kept)


def _pack(path: Path) -> None:
    packed = path.with_name(f"{path.name}{PACKED}")
    unfinished = packed.with_name(f"{packed.name}{UNFINISHED}")
    try:
        with path.open("rb") as plain, gzip.open(unfinished, "wb") as target:
            shutil.copyfileobj(plain, target, 1 << 20)
        shutil.copymode(path, unfinished)
        unfinished.replace(packed)
    except BaseException:
        with contextlib.suppress(OSError):
            unfinished.unlink(missing_ok=True)
        raise
    path.unlink()
