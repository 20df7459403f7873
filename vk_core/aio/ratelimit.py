"""A token bucket on the event loop's clock."""

from __future__ import annotations

import asyncio


class TokenBucket:
    """Lets `burst` through at once and `per_second` from then on."""

    __slots__ = ("_burst", "_per_second", "_tokens", "_updated")

    def __init__(self, per_second: float, burst: int) -> None:
        self._per_second = per_second
        self._burst = float(burst)
        self._tokens = float(burst)
        self._updated = asyncio.get_running_loop().time()

    def take(self) -> bool:
        """Take a token if there is one."""
        self._refill()
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True

    async def wait(self, tokens: int = 1) -> None:
        """Take tokens, waiting for them if need be."""
        # Taking at once, into debt if need be, keeps those who wait in the order they came.
        self._refill()
        self._tokens -= tokens
        if self._tokens < 0.0:
            await asyncio.sleep(-self._tokens / self._per_second)

    def _refill(self) -> None:
        now = asyncio.get_running_loop().time()
        self._tokens = min(self._burst, self._tokens + (now - self._updated) * self._per_second)
        self._updated = now
