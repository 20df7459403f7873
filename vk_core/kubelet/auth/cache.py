"""Answers that hold for a while: asked for once, however many wait for the same one, and bounded in number."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Generic, NamedTuple, TypeVar

Answer = TypeVar("Answer")

MOST_ENTRIES = 4096
"""Answers kept; the one that was not used for the longest time goes first."""


class _Kept(NamedTuple, Generic[Answer]):
    answer: Answer
    until_seconds: float


class AnswerCache(Generic[Answer]):
    """Keeps answers by key; what fails is not kept, and all who waited for it get the error.

    Args:
        keep: how long an answer holds.
        most: how many answers are kept at most.
    """

    def __init__(self, keep: Callable[[Answer], dt.timedelta], *, most: int = MOST_ENTRIES) -> None:
        self._keep = keep
        self._most = most
        self._kept: OrderedDict[bytes, _Kept[Answer]] = OrderedDict()
        self._asking: dict[bytes, asyncio.Task[Answer]] = {}

    def __len__(self) -> int:
        return len(self._kept)

    async def get(self, key: bytes, ask: Callable[[], Awaitable[Answer]]) -> Answer:
        """The answer for a key, asked for if it is not there or no longer holds."""
        kept = self._kept.get(key)
        if kept is not None:
            if kept.until_seconds > asyncio.get_running_loop().time():
                self._kept.move_to_end(key)
                return kept.answer
            del self._kept[key]
        task = self._asking.get(key)
        if task is None:
            task = self._asking[key] = asyncio.create_task(self._ask(key, ask), name="access-review")
            task.add_done_callback(_seen)
        # A client that goes away must not take the answer away from the others.
        return await asyncio.shield(task)

    async def _ask(self, key: bytes, ask: Callable[[], Awaitable[Answer]]) -> Answer:
        try:
            answer = await ask()
        finally:
            del self._asking[key]
        until = asyncio.get_running_loop().time() + self._keep(answer).total_seconds()
        self._kept[key] = _Kept(answer, until)
        while len(self._kept) > self._most:
            self._kept.popitem(last=False)
        return answer


def _seen(task: asyncio.Task[Answer]) -> None:
    """An error that nobody waits for any longer is no bug."""
    if not task.cancelled():
        task.exception()
