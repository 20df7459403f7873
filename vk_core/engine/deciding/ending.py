"""Whether a pod is over, and in which order its containers end.

App containers, init containers and ephemeral containers are asked at once. A sidecar has to wait until the app
containers and the sidecars behind it have ended (KEP-753); its `preStop` hook does not. All of them share one grace
period; a sidecar whose turn comes too late gets two more seconds.
"""

from __future__ import annotations

import datetime as dt
from typing import NamedTuple

from vk_core.api.meta import Time
from vk_core.api.pod import Pod
from vk_core.engine.deciding.actions import Kind, Stop, StopReason
from vk_core.engine.deciding.survey import Survey
from vk_core.engine.deciding.views import Stage, View

DEADLINE_EXCEEDED = "DeadlineExceeded"
DEADLINE_MESSAGE = "Pod was active on the node longer than the specified deadline"
DEFAULT_GRACE_SECONDS = 30
EXTENSION_SECONDS = 2
"""What a container gets when its hook, or waiting for its turn, has taken its whole grace period, as with kubelet."""

_TERMINAL = frozenset({"Succeeded", "Failed"})


class Ending(NamedTuple):
    """The pod is over: nothing is started any more, and what runs has to end.

    Attributes:
        deadline: when the grace period is over.
        grace_period_seconds: how long it is.
        reason: of the pod's status, if the pod fails whatever its containers do.
        message: likewise.
        fails: whether that is so.
        by_itself: whether all containers have come to their ends.
    """

    deadline: Time
    grace_period_seconds: int
    reason: str = ""
    message: str = ""
    fails: bool = False
    by_itself: bool = False


def ending(known: Survey, now: Time) -> Ending | None:
    """Whether the pod is over; None while it goes on.

    If there are several reasons, the first of these gives the status: it has come to its end by itself, it was given a
    verdict, its `activeDeadlineSeconds` have passed. Deletion changes only how much time is left.
    """
    found = _completion(known, now) or _verdict(known) or _overdue(known, now)
    deletion = _deletion(known, now)
    if found is None or deletion is None:
        return found or deletion
    if deletion.deadline >= found.deadline:
        return found
    return found._replace(deadline=deletion.deadline, grace_period_seconds=deletion.grace_period_seconds)


def active_until(known: Survey) -> Time | None:
    """When the pod's `activeDeadlineSeconds` are over."""
    seconds = known.pod.spec.active_deadline_seconds
    start = known.known.start_time or known.pod.status.start_time or known.memory.accepted_at
    return None if seconds is None or start is None else start + dt.timedelta(seconds=seconds)


def grace_period_seconds(pod: Pod) -> int:
    """What a pod's containers get to end, unless something else is asked for."""
    given = pod.spec.termination_grace_period_seconds
    return DEFAULT_GRACE_SECONDS if given is None else given


def endings_of_all(known: Survey, over: Ending, reason: StopReason, now: Time) -> tuple[Stop, ...]:
    """The stops of everything that runs, in order."""
    views = {view.name: view for view in known.views}
    waits_for = _waited_for(known)
    changes_sandbox = reason is StopReason.SANDBOX_CHANGED
    extension = EXTENSION_SECONDS if over.grace_period_seconds else 0
    stops = []
    for name, instance in known.alive:
        begun = known.memory.stops.get(instance.id)
        deadline = over.deadline if begun is None else min(begun.deadline, over.deadline)
        view = views.get(name)
        stops.append(
            Stop(
                container_id=instance.id,
                name=name,
                reason=reason,
                message=f"Stopping container {name}",
                deadline=deadline,
                its_turn=not waits_for.get(name) or now >= deadline,
                restart=changes_sandbox and view is not None and view.may_restart,
                hook=view is not None and over.grace_period_seconds > 0,
                extension_seconds=extension,
            )
        )
    return tuple(stops)


def _waited_for(known: Survey) -> dict[str, bool]:
    """Which sidecars have to wait for others that run or are being started."""
    busy = {name for name, _ in known.alive} | known.memory.starting
    waits = any(view.name in busy for view in known.apps)
    result = {}
    for view in reversed(known.inits):
        if view.kind is Kind.SIDECAR:
            result[view.name] = waits
            waits = waits or view.name in busy
    return result


def _completion(known: Survey, now: Time) -> Ending | None:
    """The pod has come to its end: initialization has failed for good, or all app containers are done."""
    is_done = known.known.phase in _TERMINAL or known.pod.status.phase in _TERMINAL
    if not is_done:
        is_done = any(view.kind is Kind.INIT and view.failed_for_good for view in known.inits)
    if not is_done:
        is_done = bool(known.apps) and all(_is_done(view) for view in known.apps)
    if not is_done:
        return None
    grace = grace_period_seconds(known.pod)
    return Ending(_last_end(known, now) + dt.timedelta(seconds=grace), grace, by_itself=True)


def _is_done(view: View) -> bool:
    return view.stage is Stage.ENDED and not view.starting and not view.restarts


def _last_end(known: Survey, now: Time) -> Time:
    """When the last app or init container ended: since then sidecars have to end too."""
    ends = [
        view.newest.finished_at
        for view in (*known.inits, *known.apps)
        if view.kind is not Kind.SIDECAR and view.newest is not None and view.newest.finished_at is not None
    ]
    return min(max(ends, default=now), now)


def _verdict(known: Survey) -> Ending | None:
    verdict = known.memory.verdict
    if verdict is None:
        return None
    given = verdict.grace_period_seconds
    grace = grace_period_seconds(known.pod) if given is None else given
    return Ending(verdict.at + dt.timedelta(seconds=grace), grace, verdict.reason, verdict.message, fails=True)


def _overdue(known: Survey, now: Time) -> Ending | None:
    until = active_until(known)
    if until is None or now < until:
        return None
    grace = grace_period_seconds(known.pod)
    return Ending(until + dt.timedelta(seconds=grace), grace, DEADLINE_EXCEEDED, DEADLINE_MESSAGE, fails=True)


def _deletion(known: Survey, now: Time) -> Ending | None:
    termination = known.memory.termination
    if termination is not None:
        grace = termination.grace_period_seconds
        return Ending(termination.began_at + dt.timedelta(seconds=grace), grace)
    meta = known.pod.metadata
    if meta.deletion_timestamp is None:
        return None
    given = meta.deletion_grace_period_seconds
    grace = grace_period_seconds(known.pod) if given is None else given
    # The API server's clock may differ from this machine's: never more than the grace period from now on.
    return Ending(min(meta.deletion_timestamp, now + dt.timedelta(seconds=grace)), grace)
