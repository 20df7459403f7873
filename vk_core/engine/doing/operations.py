"""Things that are under way for one pod, each by a name, so that none is begun twice."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from vk_core.errors import ProviderError

PAUSE_SECONDS = 1.0
LONG_PAUSE_SECONDS = 10.0


class Operations:
    """Tasks by name.

    Args:
        done: called whenever one has ended.
        log: where bugs go, with their traceback.
        what: how to speak of the pod.

    Attributes:
        ended: how many have ended so far: what was looked at before one did may be stale.
    """

    def __init__(self, done: Callable[[], None], log: logging.Logger, what: str) -> None:
        self._done = done
        self._log = log
        self._what = what
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._is_closed = False
        self.ended = 0

    def __contains__(self, name: str) -> bool:
        """Whether it is under way."""
        return name in self._tasks

    @property
    def any(self) -> bool:
        """Whether anything is under way."""
        return bool(self._tasks)

    def begin(self, name: str, work: Callable[[], Coroutine[Any, Any, None]]) -> bool:
        """Begin something unless it is under way; says whether it was begun."""
        if name in self._tasks:
            return False
        task = asyncio.create_task(self._attempt(name, work), name=f"{name} of {self._what}")
        self._tasks[name] = task
        task.add_done_callback(lambda ended: self._ended(name, ended))
        return True

    def cancel(self, name: str) -> None:
        """Give something up, if it is under way."""
        task = self._tasks.get(name)
        if task is not None:
            task.cancel()

    async def close(self) -> None:
        """Leave everything as it is: what was begun in the runtime goes on there."""
        self._is_closed = True
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _attempt(self, name: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Do it; after a failure nobody has reckoned with, not again at once."""
        try:
            await work()
        except ProviderError as error:
            self._log.warning("%s of %s: %s", name, self._what, error)
            await asyncio.sleep(PAUSE_SECONDS)
        except Exception:  # a bug: the other pods, and what else this one needs, go on
            self._log.exception("%s of %s failed", name, self._what)
            await asyncio.sleep(LONG_PAUSE_SECONDS)

    def _ended(self, name: str, task: asyncio.Task[None]) -> None:
        self._tasks.pop(name, None)
        self.ended += 1
        if not self._is_closed:
            self._done()
