"""How long a container that has ended waits before it is started again (`CrashLoopBackOff`).

10 s behind the second end, doubling to 5 min, and from the beginning once an instance has run for 10 min. The wait is
counted from the end of the last instance, so nothing has to be remembered: how far it has grown follows from the
restart count, or more exactly from what was remembered when the instance was started.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import NamedTuple

from vk_core.api.meta import Time
from vk_core.api.pod import Pod
from vk_core.engine.deciding.actions import Kind
from vk_core.engine.deciding.memory import Streak
from vk_core.engine.deciding.survey import Survey
from vk_core.engine.deciding.views import View, has_ended
from vk_core.engine.observed import restart_count
from vk_core.engine.runtime import ContainerPhase, RuntimeContainer

FIRST = dt.timedelta(seconds=10)
LONGEST = dt.timedelta(minutes=5)
LONG_RUN = dt.timedelta(minutes=10)
REASON = "CrashLoopBackOff"

_MOST_DOUBLINGS = 16


class RestartDelay(NamedTuple):
    """When a container is started again.

    Attributes:
        delay: from the end that counts; zero for at once.
        until: when it is over; None for at once.
        next_streak: to remember with the next instance.
    """

    delay: dt.timedelta
    until: Time | None
    next_streak: int


AT_ONCE = RestartDelay(dt.timedelta(), None, 0)


def restart_delay(
    ended: Sequence[RuntimeContainer], remembered: Streak | None, *, newest_was_stopped: bool
) -> RestartDelay:
    """When the next instance of a container is started.

    Args:
        ended: its instances that have ended, the newest first.
        remembered: of the newest one, if it is.
        newest_was_stopped: whether the engine has stopped the newest one to start it anew, which is no crash: the wait
            is then counted from the end of the one before.
    """
    if not ended:
        return AT_ONCE
    length = streak_of(ended, remembered)
    counting = ended[1:] if newest_was_stopped else ended
    if not counting:
        return RestartDelay(dt.timedelta(), None, length)
    delay = delay_of(length)
    finished_at = counting[0].finished_at
    until = finished_at + delay if delay and finished_at is not None else None
    return RestartDelay(delay, until, length + 1)


def delay_of_view(known: Survey, view: View) -> RestartDelay:
    """When a container that is not running is started."""
    if view.kind is Kind.EPHEMERAL:
        return AT_ONCE
    ended = [one for one in view.instances if has_ended(one)]
    if view.kind in {Kind.INIT, Kind.SIDECAR}:
        sandbox = known.sandbox
        ended = [one for one in ended if sandbox is not None and one.sandbox_id == sandbox.id]
    newest_was_stopped = bool(ended) and view.newest is ended[0] and view.stopped_to_restart
    return restart_delay(ended, known.memory.streaks.get(view.name), newest_was_stopped=newest_was_stopped)


def delay_of(streak: int) -> dt.timedelta:
    """The wait behind so many restarts."""
    return min(FIRST * 2 ** min(streak - 1, _MOST_DOUBLINGS), LONGEST) if streak > 0 else dt.timedelta()


def streak_of(ended: Sequence[RuntimeContainer], remembered: Streak | None) -> int:
    """How often the newest instance was started again before, counted since the last one that ran long."""
    newest = restart_count(ended[0])
    for instance in ended:
        behind = newest - restart_count(instance)
        if _ran_long(instance):
            return behind
        if remembered is not None and remembered.attempt == restart_count(instance):
            return behind + remembered.length
    return newest


def crash_message(pod: Pod, name: str, delay: dt.timedelta) -> str:
    """What the status says meanwhile, as kubelet puts it."""
    meta = pod.metadata
    return (
        f"back-off {short_duration(delay)} restarting failed container={name} "
        f"pod={meta.name}_{meta.namespace}({meta.uid})"
    )


def short_duration(duration: dt.timedelta) -> str:
    """A duration of whole seconds as `1h2m3s`, without leading units that are zero."""
    minutes, seconds = divmod(int(duration.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h{minutes}m{seconds}s"
    return f"{minutes}m{seconds}s" if minutes else f"{seconds}s"


def _ran_long(instance: RuntimeContainer) -> bool:
    started_at, finished_at = instance.started_at, instance.finished_at
    return (
        instance.phase is ContainerPhase.EXITED
        and started_at is not None
        and finished_at is not None
        and finished_at - started_at > LONG_RUN
    )
