"""Probes the containers of all pods, with one timer for all that waits: no task sleeps for each probe."""

from __future__ import annotations

import asyncio
import datetime as dt
import heapq
import itertools
import logging
import random
from collections.abc import Callable

from vk_core.api.container import Container
from vk_core.api.pod import Pod
from vk_core.engine.deciding.memory import ProbeResults
from vk_core.engine.probing.attempts import Subject, attempt
from vk_core.engine.probing.course import NEVER, Course, Kind, Moment, opening, probe_of
from vk_core.engine.probing.outcomes import Outcome, errored, notice
from vk_core.engine.runtime import ContainerRuntime
from vk_core.provider.events import PodEvents

Changed = Callable[[str, str, ProbeResults], None]
"""Is told a pod's UID, a container's ID, and what its probes have found by now; must be quick."""

log = logging.getLogger("virtual_kubelet.probes")


class _Followed:
    """A container that is probed.

    Attributes:
        courses: its probes, without those that it does not have.
        tries: those under way.
        passed_at: when its startup probe succeeded; None if it has none, or had succeeded before.
    """

    __slots__ = (
        "container",
        "container_id",
        "courses",
        "passed_at",
        "pod",
        "pod_ip",
        "results",
        "started_at",
        "tries",
    )

    def __init__(self, container: Container, container_id: str, started_at: float, was: ProbeResults) -> None:
        self.container = container
        self.container_id = container_id
        self.started_at = started_at
        self.pod = Pod()
        self.pod_ip = ""
        self.passed_at: float | None = None
        self.tries: dict[Kind, asyncio.Task[None]] = {}
        self.courses = {
            kind: Course(kind, probe, value)
            for kind, value in zip(_KINDS, was, strict=True)
            if (probe := probe_of(kind, container)) is not None
        }
        self.results = self.found()

    @property
    def has_started(self) -> bool:
        startup = self.courses.get(Kind.STARTUP)
        return startup is None or bool(startup.value)

    def found(self) -> ProbeResults:
        values = (self.courses[kind].value if kind in self.courses else None for kind in _KINDS)
        return ProbeResults(*values)


_KINDS = (Kind.STARTUP, Kind.LIVENESS, Kind.READINESS)
"""In the order of `ProbeResults`."""


class Prober:
    """Follows running containers and says what their probes find.

    Args:
        runtime: runs the commands of `exec` probes.
        events: where to tell about probes that fail.
        changed: is told whenever a result changes, in the thread of the event loop.
        now: the wall clock, which times of the runtime are compared with.
    """

    def __init__(
        self,
        runtime: ContainerRuntime,
        events: PodEvents,
        *,
        changed: Changed,
        now: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC),
    ) -> None:
        self._runtime = runtime
        self._events = events
        self._changed = changed
        self._now = now
        self._followed: dict[str, _Followed] = {}
        self._agenda: list[tuple[float, int, _Followed, Course]] = []
        self._numbers = itertools.count()
        self._wake = asyncio.Event()
        self._closed = False
        self._running: asyncio.Task[None] | None = None

    def follow(
        self,
        pod: Pod,
        container: Container,
        container_id: str,
        *,
        pod_ip: str,
        started_at: dt.datetime,
        was: ProbeResults | None = None,
    ) -> None:
        """Probe a running container; may be called again at any time, such as with a pod that is being deleted now.

        Args:
            pod: as it is specified; once it has a deletion timestamp, its containers are not probed for being alive.
            container: as it is specified.
            container_id: the runtime's name for it.
            pod_ip: where to probe it; the node's address in the host's network.
            started_at: when its process began.
            was: for a container that was followed before virtual-kubelet was restarted: what was known of it then.
        """
        followed = self._followed.get(container_id)
        if followed is None:
            started = _time() - (self._now() - started_at).total_seconds()
            followed = _Followed(container, container_id, started, was or ProbeResults())
            if not followed.courses:
                return
            self._followed[container_id] = followed
            self._open(followed, *followed.courses)
        followed.pod, followed.pod_ip = pod, pod_ip
        if pod.metadata.deletion_timestamp is not None:
            self._stop_killing(followed)

    def results(self, container_id: str) -> ProbeResults | None:
        """What is known of a container; None if it is not followed, such as when it has no probes."""
        followed = self._followed.get(container_id)
        return followed.results if followed is not None else None

    def stop_killing(self, uid: str) -> None:
        """A pod ends: what its containers are probed for from now on is only whether they are ready, as with kubelet.

        A container that was yet to start counts as started.
        """
        for followed in self._of_pod(uid):
            self._stop_killing(followed)

    def forget(self, container_id: str) -> None:
        """A container runs no more; nothing is told about it from now on. It may be forgotten already."""
        followed = self._followed.pop(container_id, None)
        if followed is not None:
            for course in followed.courses.values():
                self._stop(followed, course)

    def forget_pod(self, uid: str) -> None:
        """The same for all containers of a pod."""
        for followed in self._of_pod(uid):
            self.forget(followed.container_id)

    async def run(self) -> None:
        """Probe what is followed until `close` is called, or this is cancelled."""
        self._running = asyncio.current_task()
        try:
            async with asyncio.TaskGroup() as tries:
                while not self._closed:
                    self._begin_due(tries)
                    await self._wait()
                for container_id in list(self._followed):
                    self.forget(container_id)
        finally:
            self._running = None

    async def close(self) -> None:
        """End `run` and the probes under way; returns when they have ended."""
        self._closed = True
        self._wake.set()
        if self._running is not None:
            await asyncio.wait([self._running])

    # What is due.

    def _open(self, followed: _Followed, *kinds: Kind) -> None:
        """Begin with probes, but for those that have to wait until the container has started."""
        for kind in kinds:
            course = followed.courses.get(kind)
            if course is None or (kind is not Kind.STARTUP and not followed.has_started):
                continue
            moment = Moment(_time(), followed.started_at, followed.passed_at, random.random())
            course.open(opening(kind, course.probe, moment, is_good=bool(course.value)))
            self._enter(followed, course)

    def _enter(self, followed: _Followed, course: Course) -> None:
        if course.due < NEVER:
            if not self._agenda or course.due < self._agenda[0][0]:
                self._wake.set()
            heapq.heappush(self._agenda, (course.due, next(self._numbers), followed, course))

    def _begin_due(self, tries: asyncio.TaskGroup) -> None:
        now = _time()
        while self._agenda and self._agenda[0][0] <= now:
            due, _, followed, course = heapq.heappop(self._agenda)
            if course.due == due and course.kind not in followed.tries:
                name = f"{course.kind.value.lower()}-probe-{followed.pod.metadata.name}"
                followed.tries[course.kind] = tries.create_task(self._try(followed, course), name=name)

    async def _wait(self) -> None:
        """Until something is due, or something has changed."""
        timer = None
        if self._agenda:
            timer = asyncio.get_running_loop().call_at(self._agenda[0][0], self._wake.set)
        try:
            await self._wake.wait()
        finally:
            if timer is not None:
                timer.cancel()
        self._wake.clear()

    # What comes of it.

    async def _try(self, followed: _Followed, course: Course) -> None:
        try:
            outcome = await self._attempt(followed, course)
        finally:
            followed.tries.pop(course.kind, None)
        if course.due < NEVER:
            self._note(followed, course, outcome)
            self._enter(followed, course)

    async def _attempt(self, followed: _Followed, course: Course) -> Outcome:
        try:
            subject = Subject(followed.container_id, followed.container, followed.pod, followed.pod_ip)
            return await attempt(course.probe, subject, self._runtime)
        except Exception as error:
            log.exception("A %s probe has met a bug", course.kind.value.lower())
            return errored(f"{type(error).__name__}: {error}")

    def _note(self, followed: _Followed, course: Course, outcome: Outcome) -> None:
        if not course.note(outcome.verdict, _time()):
            return
        event = notice(course.kind.value, outcome)
        if event is not None:
            name = followed.container.name
            self._events.record(followed.pod, event.reason, event.message, warning=True, container_name=name)
        if course.kind is Kind.STARTUP and course.value:
            self._pass(followed)
        self._tell(followed)

    def _pass(self, followed: _Followed) -> None:
        followed.passed_at = _time()
        self._open(followed, Kind.LIVENESS, Kind.READINESS)

    def _tell(self, followed: _Followed) -> None:
        found = followed.found()
        if found != followed.results:
            followed.results = found
            self._changed(followed.pod.metadata.uid, followed.container_id, found)

    # Ends.

    def _of_pod(self, uid: str) -> list[_Followed]:
        return [followed for followed in self._followed.values() if followed.pod.metadata.uid == uid]

    def _stop_killing(self, followed: _Followed) -> None:
        startup = followed.courses.get(Kind.STARTUP)
        for kind in (Kind.STARTUP, Kind.LIVENESS):
            if kind in followed.courses:
                self._stop(followed, followed.courses[kind])
        if startup is not None and startup.value is None:
            startup.value = True
            self._open(followed, Kind.READINESS)
            self._tell(followed)

    def _stop(self, followed: _Followed, course: Course) -> None:
        course.stop()
        running = followed.tries.get(course.kind)
        if running is not None:
            running.cancel()


def _time() -> float:
    return asyncio.get_running_loop().time()
