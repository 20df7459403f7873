"""For how long tokens may be asked for: by a `TokenRequest`, and by a volume that has one."""

from __future__ import annotations

from vk_core.devcluster.statuses import Cause, wrong

_SHORTEST_SECONDS, _LONGEST_SECONDS = 600, 1 << 32


def lifetime_causes(path: str, seconds: int) -> list[Cause]:
    """Returns what is wrong with how long a token shall be good."""
    if seconds < _SHORTEST_SECONDS:
        return [wrong(path, seconds, "may not specify a duration less than 10 minutes")]
    if seconds > _LONGEST_SECONDS:
        return [wrong(path, seconds, "may not specify a duration larger than 2^32 seconds")]
    return []
