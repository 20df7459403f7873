"""How long to wait before the next try: grows by doubling up to a limit, and never gives up."""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backoff:
    """Delays between tries.

    Attributes:
        first_seconds: delay behind the first failure.
        limit_seconds: no delay is longer than this.
        jitter: each delay is shortened by up to this share, so that many clients do not come back at once.
    """

    first_seconds: float
    limit_seconds: float
    jitter: float = 0.2

    def delay_seconds(self, failures: int) -> float:
        """Seconds to wait after so many failures in a row (1 or more)."""
        doublings = min(failures - 1, 32)
        longest = min(self.first_seconds * 2.0**doublings, self.limit_seconds)
        return longest * (1.0 - self.jitter * random.random())
