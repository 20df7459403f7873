"""What goes wrong on purpose: for tests of how clients cope."""

from __future__ import annotations

from vk_core.devcluster.statuses import StatusError

_RETRY_CODES = (429, 503)


class Faults:
    """Failures that the next requests get."""

    def __init__(self) -> None:
        self._planned: dict[tuple[str, str], list[int]] = {}

    def plan(self, verb: str, resource: str, status: int, times: int) -> None:
        """Lets the next requests of a verb on a type (`pods`, `pods/status`, or `*` for any) fail."""
        self._planned.setdefault((verb, resource), []).extend([status] * times)

    def raise_next(self, verb: str, resource: str) -> None:
        """Fails if that is planned.

        Raises:
            StatusError: as planned.
        """
        for key in ((verb, resource), ("*", resource), (verb, "*"), ("*", "*")):
            planned = self._planned.get(key)
            if planned:
                code = planned.pop(0)
                retry_after = 1 if code in _RETRY_CODES else None
                raise StatusError(code, f"planned failure of {verb} {resource}", retry_after=retry_after)
