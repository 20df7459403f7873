"""What comes of one try of a probe, and what an event says about it. Pure."""

from __future__ import annotations

import enum
from typing import NamedTuple

UNHEALTHY = "Unhealthy"
PROBE_WARNING = "ProbeWarning"
"""Reasons of events, as of kubelet."""


class Finding(enum.Enum):
    """What a try has found, in the words of kubelet's events."""

    SUCCESS = "success"
    WARNING = "warning"
    FAILURE = "failure"
    UNKNOWN = "unknown"


class Outcome(NamedTuple):
    """What has come of one try.

    Attributes:
        finding: what it has found.
        text: what an event says about it.
        is_error: whether the try itself went wrong; it counts for nothing then.
    """

    finding: Finding
    text: str = ""
    is_error: bool = False

    @property
    def verdict(self) -> bool | None:
        """Whether the container has passed; None if nobody can tell."""
        if self.is_error:
            return None
        return self.finding in {Finding.SUCCESS, Finding.WARNING}


class Notice(NamedTuple):
    """An event, always a warning."""

    reason: str
    message: str


def notice(kind: str, outcome: Outcome) -> Notice | None:
    """The event about an outcome, if there is one.

    Args:
        kind: which probe, as events call it: `Startup`, `Liveness` or `Readiness`.
        outcome: what has come of a try.
    """
    if outcome.is_error:
        state = outcome.finding.value
        return Notice(UNHEALTHY, f"{kind} probe errored and resulted in {state} state: {outcome.text}")
    if outcome.finding is Finding.WARNING:
        return Notice(PROBE_WARNING, f"{kind} probe warning: {outcome.text}")
    if outcome.finding is Finding.FAILURE:
        return Notice(UNHEALTHY, f"{kind} probe failed: {outcome.text}")
    return None


def succeeded(text: str = "") -> Outcome:
    """The container has passed."""
    return Outcome(Finding.SUCCESS, text)


def failed(text: str) -> Outcome:
    """The container has not passed."""
    return Outcome(Finding.FAILURE, text)


def errored(text: str, finding: Finding = Finding.UNKNOWN) -> Outcome:
    """The try itself went wrong."""
    return Outcome(finding, text, is_error=True)
