"""Counts which pods need what, so that each thing is followed once, as long as a pod needs it, and not a moment longer.

It knows nothing of what is followed or how: the stores give the coroutine, and what they have seen is theirs.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Collection, Coroutine, Hashable, Iterable
from typing import Any, Generic, TypeVar

from vk_core.telemetry.metrics import MATERIAL_WATCHES

Key = TypeVar("Key", bound=Hashable)
State = TypeVar("State")

PATIENCE_SECONDS = 0.3
"""A refusal that comes sooner than this after the first request is not believed yet.

The Node authorizer learns from a watch of its own what a pod refers to, so that a node which has just been given a pod
is often refused for some milliseconds.
"""

AGAIN_SECONDS = 10.0
"""What need not be followed is read again for a new pod when it was read longer ago than this.

An immutable object may have been replaced by another one of its name. Pods that come together need not ask one by one.
"""


class Followed(Generic[Key, State]):
    """One thing that pods need.

    Attributes:
        key: which one.
        state: what the store knows about it.
        holders: UIDs of the pods that need it; a dictionary, which for a few hundred takes half the memory of a set.
        settled: whether it was read, or whether it is clear that this is not possible now.
        task: what follows it; None while that is not needed.
        asked_at: when that began, on the loop's clock.
        waiters: who waits until it is settled.
    """

    __slots__ = ("asked_at", "holders", "key", "settled", "state", "task", "waiters")

    def __init__(self, key: Key, state: State) -> None:
        self.key = key
        self.state = state
        self.holders: dict[str, None] = {}
        self.settled = False
        self.asked_at = 0.0
        self.task: asyncio.Task[None] | None = None
        self.waiters: list[_Waiter] = []

    def patient(self, seconds: float = PATIENCE_SECONDS) -> bool:
        """Whether it is too early to believe that it cannot be read."""
        return not self.settled and _now() - self.asked_at < seconds

    def settle(self) -> None:
        """Let those go on who wait for it."""
        self.settled = True
        waiters, self.waiters = self.waiters, []
        for waiter in waiters:
            waiter.left -= 1
            if not waiter.left and not waiter.done.done():
                waiter.done.set_result(None)


class Following(Generic[Key, State]):
    """What pods of this node need, and the tasks that follow it.

    Args:
        follow: follows one thing until cancelled and returns if it will not change any more; it has to `settle` it at
            the first answer.
        initial: the state of something that nobody has looked at yet.
        label: what the gauge of watches calls it.
    """

    def __init__(
        self,
        follow: Callable[[Followed[Key, State]], Coroutine[Any, Any, None]],
        *,
        initial: Callable[[Key], State],
        label: Callable[[Key], str],
    ) -> None:
        self.watches = 0
        self._follow = follow
        self._initial = initial
        self._label = label
        self._items: dict[Key, Followed[Key, State]] = {}
        self._held: dict[str, tuple[Followed[Key, State], ...]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._failure: asyncio.Future[None] | None = None

    def get(self, key: Key) -> Followed[Key, State] | None:
        """What is known of something; None if no pod needs it."""
        return self._items.get(key)

    def hold(self, uid: str, keys: Iterable[Key]) -> None:
        """Have a pod need exactly these from now on."""
        old = self._held.pop(uid, ())
        items = tuple([self._joined(uid, key) for key in dict.fromkeys(keys)])
        if items:
            self._held[uid] = items
        if old and old != items:
            wanted = {item.key for item in items}
            self._leave(uid, [item for item in old if item.key not in wanted])

    def release(self, uid: str) -> None:
        """Have a pod need nothing any more."""
        self._leave(uid, self._held.pop(uid, ()))

    async def ready(self, keys: Collection[Key]) -> None:
        """Wait until each is settled; what no pod needs is not waited for."""
        items = self._items
        pending = [item for key in keys if (item := items.get(key)) is not None and not item.settled]
        if not pending:
            return
        # One future for all of them, so that a pod wakes once and not for every object.
        waiter = _Waiter(len(pending))
        for item in pending:
            item.waiters.append(waiter)
        await waiter.done

    async def run(self) -> None:
        """Follow until cancelled; a bug in following ends it."""
        self._failure = asyncio.get_running_loop().create_future()
        try:
            for item in self._items.values():
                self._start(item)
            await self._failure
        finally:
            self._failure = None
            for item in self._items.values():
                self._stop(item)
                item.settle()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def _joined(self, uid: str, key: Key) -> Followed[Key, State]:
        item = self._items.get(key)
        if item is None:
            item = self._items[key] = Followed(key, self._initial(key))
            self._start(item)
        elif uid not in item.holders and item.task is None and _now() - item.asked_at >= AGAIN_SECONDS:
            self._start(item)
        item.holders[uid] = None
        return item

    def _leave(self, uid: str, items: Iterable[Followed[Key, State]]) -> None:
        for item in items:
            del item.holders[uid]
            if not item.holders:
                del self._items[item.key]
                self._stop(item)
                item.settle()

    def _start(self, item: Followed[Key, State]) -> None:
        item.settled = False
        item.asked_at = _now()
        if self._failure is None:
            return
        item.task = asyncio.create_task(self._follow(item), name=f"follow-{item.key}")
        item.task.add_done_callback(functools.partial(self._ended, item))
        self._tasks.add(item.task)
        self.watches += 1
        MATERIAL_WATCHES.labels(self._label(item.key)).inc()

    def _stop(self, item: Followed[Key, State]) -> None:
        if item.task is not None:
            item.task.cancel()
            item.task = None
            self.watches -= 1
            MATERIAL_WATCHES.labels(self._label(item.key)).dec()

    def _ended(self, item: Followed[Key, State], task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if item.task is task:
            self._stop(item)
        if task.cancelled() or self._failure is None or self._failure.done():
            return
        error = task.exception()
        if error is not None:
            self._failure.set_exception(error)


class _Waiter:
    """Somebody who waits for several things."""

    __slots__ = ("done", "left")

    def __init__(self, left: int) -> None:
        self.left = left
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()


def _now() -> float:
    return asyncio.get_running_loop().time()
