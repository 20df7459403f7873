"""Decides what to do next about a pod, with kubelet's semantics. Pure: made anew whenever something has changed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from vk_core.api.meta import Time
from vk_core.api.pod import Pod
from vk_core.engine.deciding.actions import BackOff, Kind, MakeSandbox, Plan, Start, Stop, StopReason
from vk_core.engine.deciding.backoff import crash_message, delay_of_view
from vk_core.engine.deciding.ending import Ending, active_until, ending, endings_of_all, grace_period_seconds
from vk_core.engine.deciding.initialization import initialization
from vk_core.engine.deciding.keeping import disturbance, stop_now
from vk_core.engine.deciding.memory import PodMemory
from vk_core.engine.deciding.resizing import resizes
from vk_core.engine.deciding.survey import Survey, survey
from vk_core.engine.deciding.views import Stage, View, asks_for_restart_of_all
from vk_core.engine.observed import ObservedPod
from vk_core.engine.runtime import ContainerPhase, SandboxPhase


def plan(pod: Pod, observed: ObservedPod, memory: PodMemory, now: Time) -> Plan:
    """What to do about a pod now.

    Args:
        pod: as it is specified, with the last status that the API server has.
        observed: as the runtime has it, from a closer look (`ContainerRuntime.pod_snapshot`).
        memory: what is remembered of it; is not changed.
        now: the time.
    """
    known = survey(pod, observed, memory)
    over = ending(known, now)
    if over is not None:
        return _finish(known, over, now)
    if known.restarts_all and (anew := _restart_all(known, now)) is not None:
        return anew
    if known.sandbox is None:
        return _renew(known, now)
    return _Going(known, now).plan()


def _finish(known: Survey, over: Ending, now: Time) -> Plan:
    """Ends what runs; then the sandbox, which frees the pod's address and host ports."""
    stops = endings_of_all(known, over, StopReason.POD_ENDS, now)
    if stops or known.memory.starting:
        waits = any(not stop.its_turn for stop in stops)
        return Plan(stops=stops, wake_at=over.deadline if waits and over.deadline > now else None, over=True)
    ready = tuple(sandbox.id for sandbox in known.observed.sandboxes if sandbox.phase is SandboxPhase.READY)
    return Plan(stop_sandboxes=ready, over=True, ended=not ready)


def _renew(known: Survey, now: Time) -> Plan:
    """Makes a sandbox. What still runs in another one ends first, so that nothing ever runs twice."""
    grace = grace_period_seconds(known.pod)
    over = Ending(now + dt.timedelta(seconds=grace), grace)
    stops = endings_of_all(known, over, StopReason.SANDBOX_CHANGED, now)
    until = active_until(known)
    if stops:
        deadlines = [stop.deadline for stop in stops if not stop.its_turn]
        return Plan(stops=stops, wake_at=_earliest((*deadlines, until), now))
    if known.memory.starting:
        return Plan(wake_at=until)
    retry_at = known.memory.sandbox_retry_at
    if retry_at is not None and retry_at > now:
        return Plan(wake_at=_earliest((retry_at, until), now))
    sandboxes = known.observed.sandboxes
    attempt = max((sandbox.attempt for sandbox in sandboxes), default=-1) + 1
    replaces = tuple(
        sandbox.id for sandbox in sandboxes if sandbox is known.observed.sandbox or sandbox.phase is SandboxPhase.READY
    )
    return Plan(sandbox=MakeSandbox(attempt=attempt, replaces=replaces), wake_at=until)


def _restart_all(known: Survey, now: Time) -> Plan | None:
    """Ends and removes all containers but ephemeral ones; last those that asked for it, so that it is not forgotten."""
    views = (*known.apps, *known.inits)
    names = {view.name for view in views}
    until = active_until(known)
    stops = tuple(
        Stop(
            container_id=one.id,
            name=name,
            reason=StopReason.RESTART_ALL,
            message=f"Stopping container {name}",
            deadline=now,
            hook=False,
        )
        for name, one in known.alive
        if name in names
    )
    if stops or any(view.starting for view in views):
        return Plan(stops=stops, wake_at=until)
    asking = [view for view in views if asks_for_restart_of_all(view.container, view.newest, None)]
    if not asking:
        return None
    ordered = (*(view for view in views if view not in asking), *asking)
    return Plan(removes=tuple(one.id for view in ordered for one in view.instances), wake_at=until)


class _Going:
    """Plans for a pod that goes on in its sandbox."""

    def __init__(self, known: Survey, now: Time) -> None:
        self._known = known
        self._now = now
        self._stops: dict[str, Stop] = {}
        self._starts: list[Start] = []
        self._back_offs: list[BackOff] = []
        self._wake_ups: list[Time | None] = [active_until(known)]

    def plan(self) -> Plan:
        known = self._known
        self._stop_strays()
        for view in known.ephemeral:
            if view.stage in {Stage.ABSENT, Stage.CREATED}:
                self._start(view)
        progress = initialization(known)
        for view in progress.wanted:
            self._keep(view)
        if progress.is_done:
            for view in known.apps:
                self._keep(view)
        return Plan(
            stops=tuple(self._stops.values()),
            starts=tuple(self._starts),
            resizes=tuple(one for one in resizes(known) if one.container_id not in self._stops),
            back_offs=tuple(self._back_offs),
            wake_at=_earliest(self._wake_ups, self._now),
        )

    def _stop_strays(self) -> None:
        """Ends what runs in another sandbox, or beside a newer instance, or in a state that nobody knows."""
        known = self._known
        views = {view.name: view for view in known.views}
        for name, instance in known.alive:
            view = views.get(name)
            if view is None or (instance is view.current and instance.phase is ContainerPhase.RUNNING):
                continue
            unknown = instance.phase is ContainerPhase.UNKNOWN
            sort = "Init container" if view.kind in {Kind.INIT, Kind.SIDECAR} else "Container"
            self._stops[instance.id] = stop_now(
                known,
                view,
                StopReason.UNKNOWN_STATE if unknown else StopReason.SANDBOX_CHANGED,
                f'{sort} is in "unknown" state, try killing it before restart'
                if unknown
                else f"Stopping container {name}",
                self._now,
                restart=not unknown and view.may_restart,
                instance_id=instance.id,
            )

    def _keep(self, view: View) -> None:
        """Leaves a container alone, ends it, or starts it."""
        if view.starting:
            return
        if view.stage is Stage.RUNNING:
            stop = disturbance(self._known, view, self._now) if view.kind is not Kind.INIT else None
            if stop is not None:
                self._stops[stop.container_id] = stop
        elif view.stage is not Stage.UNKNOWN and (view.stage is not Stage.ENDED or view.restarts):
            self._start(view)

    def _start(self, view: View) -> None:
        known, sandbox = self._known, self._known.sandbox
        alive = {name for name, _ in known.alive}
        if sandbox is None or view.starting or view.name in alive:
            return
        delay = delay_of_view(known, view)
        if delay.until is not None and delay.until > self._now:
            message = crash_message(known.pod, view.name, delay.delay)
            self._back_offs.append(BackOff(name=view.name, until=delay.until, message=message))
            self._wake_ups.append(delay.until)
            return
        failure = known.memory.failures.get(view.name)
        if failure is not None and failure.retry_at > self._now:
            self._wake_ups.append(failure.retry_at)
            return
        self._starts.append(
            Start(
                container=view.container,
                kind=view.kind,
                sandbox_id=sandbox.id,
                attempt=view.next_attempt,
                streak=delay.next_streak,
                removes=tuple(
                    one.id for one in view.instances if one.phase in {ContainerPhase.CREATED, ContainerPhase.UNKNOWN}
                ),
            )
        )


def _earliest(moments: Iterable[Time | None], now: Time) -> Time | None:
    return min((moment for moment in moments if moment is not None and moment > now), default=None)
