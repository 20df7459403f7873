"""Noticing that nothing has passed over a connection for a long time, at the price of one timer."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Callable


class IdleTimer:
    """Calls `on_idle` once when `touch` was not called for so long; `cancel` it when the connection ends."""

    def __init__(self, idle: dt.timedelta, on_idle: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._seconds = idle.total_seconds()
        self._on_idle = on_idle
        self._touched = self._loop.time()
        self._timer = self._loop.call_later(self._seconds, self._due)

    def touch(self) -> None:
        """Something has passed over the connection."""
        self._touched = self._loop.time()

    def cancel(self) -> None:
        """Call nothing any more."""
        self._timer.cancel()

    def _due(self) -> None:
        left = self._touched + self._seconds - self._loop.time()
        if left > 0:
            self._timer = self._loop.call_later(left, self._due)
        else:
            self._on_idle()
