"""Runs what the provider does for a client, from the first byte to the status, and leaves nothing behind.

The call is a task of its own: it is cancelled when the client goes away and awaited in every case, so that no command
outlives the person who typed it. Whatever goes wrong, the client is told; errors that nobody expected are logged with
their traceback.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from vk_core.aio.tasks import first_error
from vk_core.errors import ProviderError
from vk_core.kubelet.remotecommand.outcome import Outcome
from vk_core.kubelet.remotecommand.session import Session
from vk_core.provider.streams import ContainerIO

STOP_SECONDS = 10.0
"""How long a provider may take to end a command after it was cancelled before that is called a bug."""

log = logging.getLogger("virtual_kubelet.kubelet")


@dataclass(frozen=True, slots=True)
class Work:
    """What is done for a client.

    Attributes:
        action: the words between `error` and `container` in kubelet's messages, such as `executing command in`.
        call: the provider's part of it.
    """

    action: str
    call: Callable[[ContainerIO], Coroutine[Any, Any, Outcome]]


async def serve(session: Session, work: Work) -> None:
    """Do the work until it is done or the client is gone, and tell the client how it ended."""
    task = asyncio.create_task(work.call(session.io), name=f"{work.action} container")
    told = False
    try:
        await done_or_set(task, session.gone)
        if task.done() and not session.gone.is_set():
            told = True
            await session.finish(outcome_of(task, work.action))
    finally:
        await end(task, work.action)
        if task.done() and not told:
            _log_failure(task, work.action)


async def done_or_set(task: asyncio.Task[Any], event: asyncio.Event) -> None:
    """Wait until a task is done or an event has happened."""
    happened = asyncio.create_task(event.wait())
    try:
        await asyncio.wait((task, happened), return_when=asyncio.FIRST_COMPLETED)
    finally:
        happened.cancel()


def outcome_of(task: asyncio.Task[Outcome], action: str) -> Outcome:
    """The outcome of work that is done."""
    if task.cancelled():
        log.error("error %s container: the provider cancelled its own call", action)
        return Outcome(error=f"error {action} container: the provider gave up")
    error = task.exception()
    if error is None:
        return task.result()
    if isinstance(error, BaseExceptionGroup):
        error = first_error(error)
    if isinstance(error, ProviderError):
        return Outcome(error=f"error {action} container: {error}")
    log.error("error %s container", action, exc_info=error)
    return Outcome(error=f"error {action} container: internal error: {type(error).__name__}")


async def end(task: asyncio.Task[Any], action: str) -> None:
    """Cancel a task unless it is done, and wait for its end."""
    if task.done():
        return
    task.cancel()
    await asyncio.wait((task,), timeout=STOP_SECONDS)
    if not task.done():
        log.error("%s container: the provider does not end its call %g s after cancelling it", action, STOP_SECONDS)
        task.add_done_callback(_look_at)


def _log_failure(task: asyncio.Task[Any], action: str) -> None:
    error = None if task.cancelled() else task.exception()
    if isinstance(error, BaseExceptionGroup):
        error = first_error(error)
    # What reads from or writes to a client that is gone gets a ConnectionError, which says nothing new.
    if error is not None and not isinstance(error, ConnectionError | ProviderError):
        log.error("%s container: failed after its client was gone", action, exc_info=error)


def _look_at(task: asyncio.Task[Any]) -> None:
    if not task.cancelled():
        task.exception()
