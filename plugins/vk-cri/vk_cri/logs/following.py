"""A log as it comes: what is there, and with `follow` what is written as long as the container runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path

from vk_core.errors import NotFound, Unavailable
from vk_core.provider import LogOptions, LogStream
from vk_cri.logs.reader import LogReader
from vk_cri.logs.watching import watch

SHORTEST_SECONDS, LONGEST_SECONDS = 0.05, 1.0
"""How often a container that writes nothing is looked at."""

TOGETHER_SECONDS = 0.01
"""How long lines that follow another one may wait."""

LAST_SECONDS = 10.0
"""How long a runtime may take to write the last lines of a container that has ended."""

IsRunning = Callable[[], Awaitable[bool]]


async def open_log(path: Path, options: LogOptions, is_running: IsRunning, *, has_ended: bool = False) -> LogStream:
    """The log of a container.

    Args:
        path: its file.
        options: what of it; the limit of bytes is not kept here.
        is_running: whether the container may still write.
        has_ended: whether it is known that it does not.

    Raises:
        NotFound: there is no log.
        Unavailable: it cannot be read.
    """
    try:
        reader = await _opened(path, options)
    except FileNotFoundError:
        raise NotFound(f"there is no log {path}") from None
    except OSError as error:
        raise Unavailable(f"the log {path} cannot be read: {error.strerror or error}") from error
    chunks = _follow(reader, path.parent, is_running) if options.follow else _whole(reader, has_ended=has_ended)
    return LogStream(chunks=chunks, timestamped=options.timestamps, applied=frozenset({"tail", "since", "stream"}))


async def _opened(path: Path, options: LogOptions) -> LogReader:
    """A reader, which is closed if nobody waits for it any more."""
    opening = asyncio.create_task(asyncio.to_thread(LogReader, path, options))
    try:
        return await asyncio.shield(opening)
    except asyncio.CancelledError:
        opening.add_done_callback(_close_unwanted)
        raise


def _close_unwanted(opening: asyncio.Task[LogReader]) -> None:
    if not opening.cancelled() and opening.exception() is None:
        opening.result().close()


async def _whole(reader: LogReader, *, has_ended: bool) -> AsyncGenerator[bytes]:
    """What is there; of a container that has ended, all of it."""
    reader.is_final = has_ended
    try:
        async for piece in _pieces(reader):
            yield piece
        if has_ended:
            async for piece in _last_pieces(reader):
                yield piece
        yield await asyncio.to_thread(reader.rest)
    finally:
        await asyncio.to_thread(reader.close)


async def _follow(reader: LogReader, folder: Path, is_running: IsRunning) -> AsyncGenerator[bytes]:
    """What is there and what comes, until the container has ended and everything was read."""
    changes = watch(folder)
    pause = SHORTEST_SECONDS
    try:
        while await is_running():
            has_changed = True
            while has_changed:
                changes.forget()
                read_at = _now()
                async for piece in _pieces(reader):
                    yield piece
                has_changed = await changes.changed(pause)
                # Many lines that come one by one are read together; one that comes alone is read at once.
                await asyncio.sleep(max(TOGETHER_SECONDS - (_now() - read_at), 0))
                pause = SHORTEST_SECONDS if has_changed else min(2 * pause, LONGEST_SECONDS)
        reader.is_final = True
        async for piece in _last_pieces(reader):
            yield piece
        yield await asyncio.to_thread(reader.rest)
    finally:
        changes.close()
        await asyncio.to_thread(reader.close)


async def _last_pieces(reader: LogReader) -> AsyncGenerator[bytes]:
    """What is still to come of a container that has ended: runtimes say so before they have written all of its log."""
    until = _now() + LAST_SECONDS
    while True:
        has_writer = await asyncio.to_thread(reader.has_writer) and _now() < until
        async for piece in _pieces(reader):
            yield piece
        if not has_writer:
            return
        await asyncio.sleep(TOGETHER_SECONDS)


def _now() -> float:
    return asyncio.get_running_loop().time()


async def _pieces(reader: LogReader) -> AsyncGenerator[bytes]:
    while (piece := await asyncio.to_thread(reader.read)) is not None:
        if piece:
            yield piece
