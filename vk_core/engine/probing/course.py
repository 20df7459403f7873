"""One probe of one container instance: when it is tried, and what its tries add up to. Pure.

Times are seconds of any clock. Tries come in the probe's period from a beginning on. A container that has yet to start
or to become ready is tried more often in the first period, because it is most likely about to; only success counts
then, so that nothing is lost by it. (Kubernetes documents that containers which are not ready may be probed out of
their period; a kubelet does so whenever the status of their pod changes.)
"""

from __future__ import annotations

import enum
import math
from typing import NamedTuple

from vk_core.api.container import Container, Probe

FIRST_PAUSE_SECONDS = 0.25
FIRST_PAUSE_SECONDS_OF_COMMANDS = 1.0
"""Between the first two tries of a container that has yet to start or to become ready; doubled each time."""

NEVER = math.inf


class Kind(enum.Enum):
    """What a probe finds out, in the words of events."""

    STARTUP = "Startup"
    LIVENESS = "Liveness"
    READINESS = "Readiness"


class Opening(NamedTuple):
    """When a probe begins.

    Attributes:
        first_at: its first try.
        regular_at: its first one in the rhythm of its period; those before count only if they succeed.
    """

    first_at: float
    regular_at: float


class Moment(NamedTuple):
    """When something is looked at.

    Attributes:
        now: the time.
        started_at: when the container's process began.
        passed_at: when its startup probe succeeded; None if it has none, or had succeeded before.
        share: a number from 0 to 1 that is another one each time, to spread what would come at once.
    """

    now: float
    started_at: float
    passed_at: float | None = None
    share: float = 0.0


def probe_of(kind: Kind, container: Container) -> Probe | None:
    """The specification of a probe."""
    if kind is Kind.STARTUP:
        return container.startup_probe
    return container.liveness_probe if kind is Kind.LIVENESS else container.readiness_probe


def opening(kind: Kind, probe: Probe, moment: Moment, *, is_good: bool) -> Opening:
    """When a probe begins.

    A container that may be slow gets a whole period before failure counts. One that has run for long, because
    virtual-kubelet was restarted, is not probed at once together with all the others.

    Args:
        kind: which probe.
        probe: its specification.
        moment: the time, and when the container came how far.
        is_good: whether the container is known to have passed the probe already.
    """
    period = period_seconds(probe)
    delayed = moment.started_at + probe.initial_delay_seconds
    if kind is Kind.LIVENESS or is_good:
        regular = max(delayed, moment.started_at + period, (moment.passed_at or -NEVER) + period)
        if regular < moment.now:
            regular = moment.now + period * moment.share
        return Opening(regular, regular)
    first = max(delayed, moment.now)
    return Opening(first, first + period)


def period_seconds(probe: Probe) -> int:
    """The time from one try to the next."""
    return probe.period_seconds or 10


class Course:
    """One probe of one container instance.

    Args:
        kind: which probe.
        probe: its specification.
        value: what was known before.

    Attributes:
        due: when it is tried next; infinity if it is not.
        value: what its tries add up to; None as long as that is open.
    """

    __slots__ = ("_in_a_row", "_last", "_pause", "_regular_at", "due", "kind", "probe", "value")

    def __init__(self, kind: Kind, probe: Probe, value: bool | None = None) -> None:
        self.kind = kind
        self.probe = probe
        self.value = value
        self.due = NEVER
        self._regular_at = NEVER
        self._pause = FIRST_PAUSE_SECONDS if probe.exec is None else FIRST_PAUSE_SECONDS_OF_COMMANDS
        self._last: bool | None = None
        self._in_a_row = 0

    @property
    def is_over(self) -> bool:
        """Whether there is nothing more to find out: it has started, or it has to be stopped."""
        if self.kind is Kind.STARTUP:
            return self.value is not None
        return self.kind is Kind.LIVENESS and self.value is False

    def open(self, opening: Opening) -> None:
        """Begin, unless it is over."""
        if not self.is_over:
            self.due, self._regular_at = opening

    def stop(self) -> None:
        """Try no more."""
        self.due = NEVER

    def note(self, passed: bool | None, now: float) -> bool:
        """A try has ended, and the next one is due.

        Args:
            passed: whether the container has passed; None if nobody can tell, which counts for nothing.
            now: the time.

        Returns:
            Whether it counts; if not, it is not worth telling, either.
        """
        began, is_early = self.due, self.due < self._regular_at
        if is_early and not passed:
            self.due = min(now + self._pause, self._regular_at)
            self._pause *= 2
            return False
        self._schedule(began, now)
        if passed is not None:
            self._count(passed)
        return True

    def _schedule(self, began: float, now: float) -> None:
        """In the rhythm of its period; a try that is too late is made up for at once, several are not."""
        period = period_seconds(self.probe)
        missed = max(0, math.floor((now - began) / period) - 1)
        self.due = self._regular_at = began + period * (missed + 1)

    def _count(self, passed: bool) -> None:
        self._in_a_row = self._in_a_row + 1 if passed is self._last else 1
        self._last = passed
        threshold = self.probe.success_threshold or 1 if passed else self.probe.failure_threshold or 3
        if self._in_a_row < threshold:
            return
        self.value = passed
        if self.is_over:
            self.stop()
