"""Running several things until one of them ends, and saying plainly what went wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any


async def run_together(**coroutines: Coroutine[Any, Any, None]) -> None:
    """Run named coroutines until the first one returns or fails, then cancel and await the others.

    Raises:
        Exception: what the first one that failed has raised, not wrapped in a group.
    """
    tasks = {asyncio.create_task(coroutine, name=name) for name, coroutine in coroutines.items()}
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        await unwrapped(task)


async def run_until_done(work: Coroutine[Any, Any, None], **helpers: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine to its end while others help; a helper that fails ends it with its error."""
    await run_together(work=work, **helpers)


async def unwrapped(task: asyncio.Task[None]) -> None:
    """The result of a task, with the first error of an exception group in place of the group."""
    try:
        await task
    except BaseExceptionGroup as group:
        raise first_error(group) from group


def first_error(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first error in a group of errors, however deep."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
