"""A work queue of keys: no key is lost, none is handled twice at the same time, each backs off by itself.

A key that is added while it is being handled is handled once more afterwards, because what changed may have come too
late to be seen. There is no limit on tries and no common rate limit: a first try never waits for somebody else's retry.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, Protocol, TypeVar

from vk_core.aio.backoff import Backoff
from vk_core.errors import VirtualKubeletError

Key = TypeVar("Key", bound=Hashable)

RETRY = Backoff(first_seconds=0.1, limit_seconds=300.0)
"""Per key: a tenth of a second, then doubling up to five minutes, for ever."""

log = logging.getLogger("virtual_kubelet.queue")


class QueueObserver(Protocol):
    """Is told what a queue does; called for every key, so it must be quick."""

    def added(self) -> None:
        """A key waits to be handled."""
        ...

    def done(self, seconds: float) -> None:
        """A key was handled, whatever came of it; how long that took."""
        ...

    def failed(self) -> None:
        """A key could not be handled and comes again later."""
        ...


class KeyedQueue(Generic[Key]):
    """Hands keys to `handle`, at most `workers` of them at once.

    `handle` reads the present state of its key, so it does not matter how often or why the key was added. What it
    raises makes the key come back after a growing delay; a number it returns makes it come back after so many seconds.
    `show` gives the words for a key in log messages.

    Attributes:
        observer: told what the queue does.
    """

    observer: QueueObserver | None = None

    def __init__(
        self,
        name: str,
        handle: Callable[[Key], Awaitable[float | None]],
        *,
        workers: int,
        backoff: Backoff = RETRY,
        show: Callable[[Key], str] = str,
    ) -> None:
        self._name = name
        self._handle = handle
        self._workers = workers
        self._backoff = backoff
        self._show = show
        self._ready: deque[Key] = deque()
        self._queued: set[Key] = set()
        self._running: set[Key] = set()
        self._dirty: set[Key] = set()
        self._urgent: set[Key] = set()
        self._failures: dict[Key, int] = {}
        self._timers: dict[Key, asyncio.TimerHandle] = {}
        self._wake: deque[asyncio.Future[None]] = deque()
        self._held = False
        self._idle: asyncio.Future[None] | None = None

    def __len__(self) -> int:
        """Keys that wait to be handled now; those that back off are not counted."""
        return len(self._ready)

    @property
    def busy(self) -> bool:
        """Whether any key waits or is being handled; those that back off are not counted."""
        return bool(self._ready or self._running)

    def add(self, key: Key, *, urgent: bool = False) -> None:
        """Have the key handled soon.

        Args:
            key: what to handle.
            urgent: also when it is backing off after a failure, because something changed that may help.
        """
        if key in self._running:
            self._dirty.add(key)
            if urgent:
                self._urgent.add(key)
            return
        if key in self._queued:
            return
        timer = self._timers.get(key)
        if timer is not None:
            if key in self._failures and not urgent:
                return
            timer.cancel()
            del self._timers[key]
        self._enqueue(key)

    def add_after(self, key: Key, seconds: float) -> None:
        """Have the key handled in so many seconds, or earlier if it is added before."""
        if key in self._queued or key in self._dirty:
            return
        old = self._timers.pop(key, None)
        if old is not None:
            old.cancel()
        self._timers[key] = asyncio.get_running_loop().call_later(seconds, self._due, key)

    def forget(self, key: Key) -> None:
        """Drop the key's failures and its pending retry; a handling under way goes on."""
        self._failures.pop(key, None)
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()
        self._dirty.discard(key)
        self._urgent.discard(key)

    def hold(self) -> None:
        """Begin to handle no more keys; those under way go on."""
        self._held = True

    async def run(self) -> None:
        """Handle keys until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                for number in range(self._workers):
                    group.create_task(self._work(), name=f"{self._name}-{number}")
        finally:
            for timer in self._timers.values():
                timer.cancel()

    async def join(self) -> None:
        """Wait until no key waits or is being handled; those that back off are not waited for."""
        while self.busy:
            if self._idle is None:
                self._idle = asyncio.get_running_loop().create_future()
            await asyncio.shield(self._idle)

    def _due(self, key: Key) -> None:
        self._timers.pop(key, None)
        if key in self._running:
            self._dirty.add(key)
        elif key not in self._queued:
            self._enqueue(key)

    def _enqueue(self, key: Key) -> None:
        self._queued.add(key)
        self._ready.append(key)
        if self.observer is not None:
            self.observer.added()
        while self._wake:
            sleeper = self._wake.popleft()
            if not sleeper.done():
                sleeper.set_result(None)
                break

    async def _next(self) -> Key:
        while self._held or not self._ready:
            sleeper = asyncio.get_running_loop().create_future()
            self._wake.append(sleeper)
            await sleeper
        key = self._ready.popleft()
        self._queued.discard(key)
        self._running.add(key)
        return key

    async def _work(self) -> None:
        while True:
            key = await self._next()
            again: float | None = None
            began = time.perf_counter()
            try:
                again = await self._handle(key)
                self._failures.pop(key, None)
            except VirtualKubeletError as error:
                again = self._failed(key, error, traceback=False)
            except Exception as error:  # a bug in the handler must not end the work on all other keys
                again = self._failed(key, error, traceback=True)
            finally:
                if self.observer is not None:
                    self.observer.done(time.perf_counter() - began)
                self._finish(key, again)

    def _failed(self, key: Key, error: Exception, *, traceback: bool) -> float:
        failures = self._failures[key] = self._failures.get(key, 0) + 1
        delay = self._backoff.delay_seconds(failures)
        if self.observer is not None:
            self.observer.failed()
        # The traceback of a bug is worth showing once; after that the line alone says that it goes on.
        log.warning(
            "%s: %s: %s; next try in %.1f s",
            self._name,
            self._show(key),
            error if not traceback else repr(error),
            delay,
            exc_info=traceback and failures == 1,
        )
        return delay

    def _finish(self, key: Key, again: float | None) -> None:
        self._running.discard(key)
        dirty, urgent = key in self._dirty, key in self._urgent
        self._dirty.discard(key)
        self._urgent.discard(key)
        if urgent or (dirty and key not in self._failures):
            self._enqueue(key)
        elif again is not None:
            self.add_after(key, again)
        if not self.busy and self._idle is not None:
            self._idle.set_result(None)
            self._idle = None
