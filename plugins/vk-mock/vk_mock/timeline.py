"""What happens to the containers of a pod, and when: the part of the mock that stands for a real back end.

A container has at most one thing ahead of it, and its present state says which: what waits will start, and what runs
may end. `Timeline.advance` does everything that is due. Times are seconds on the event loop's clock.
"""

from __future__ import annotations

import math
import random

from msgspec.structs import replace

from vk_core.api.container import Container
from vk_core.api.pod import Pod
from vk_core.api.podstatus import ContainerStatus
from vk_mock import containers
from vk_mock.endings import annotated_ending, ending_of
from vk_mock.pods import MockPod
from vk_mock.settings import Delay, Ending, MockSettings

_FIRST_BACK_OFF, _LAST_BACK_OFF = 10, 300


class Timeline:
    """Lets time pass for pods, by the rules of the settings."""

    def __init__(self, settings: MockSettings) -> None:
        self._delays = settings.delays
        self._endings = settings.endings
        self._random = random.Random(settings.seed)

    def happens(self, rate: float) -> bool:
        """Whether something that happens at this rate happens now."""
        return rate > 0 and self._random.random() < rate

    def advance(self, mock: MockPod, now: float) -> float:
        """Do everything that is due; returns when the next thing is due, infinity for never."""
        if mock.stop_at < math.inf:
            return self._stop(mock, now)
        deadline = mock.born + (mock.pod.spec.active_deadline_seconds or math.inf)
        if now < deadline:
            self._run(mock, now)
        elif not mock.is_finished:
            mock.reason = "DeadlineExceeded"
            mock.end_all(containers.KILLED)
        if mock.is_finished:
            mock.end_all(0)
            return math.inf
        return min(deadline, min(mock.due.values())[0] if mock.due else math.inf)

    def update(self, mock: MockPod, pod: Pod, now: float) -> None:
        """Take over a changed pod: containers with another image are replaced, ephemeral containers added."""
        mock.pod = replace(pod, status=mock.pod.status)
        for container in (*filter(containers.is_sidecar, pod.spec.init_containers), *pod.spec.containers):
            status = mock.statuses[container.name]
            if status.state.terminated:
                continue
            if status.image == container.image:
                mock.statuses[container.name] = containers.resized(container, status)
            else:
                mock.statuses[container.name] = containers.replaced(container, status)
                mock.due.pop(container.name, None)
        for container in pod.spec.ephemeral_containers:
            mock.statuses.setdefault(container.name, containers.created(container))

    def begin_stop(self, mock: MockPod, grace_period_seconds: int, now: float) -> None:
        """Send the signal to stop; when it was sent already, the grace period can only become shorter."""
        if mock.stop_at == math.inf:
            mock.stop_at = now + (self._draw(self._delays.stop) if mock.is_running else 0)
        mock.kill_at = min(mock.kill_at, now + grace_period_seconds)

    def _stop(self, mock: MockPod, now: float) -> float:
        end_at = min(mock.stop_at, mock.kill_at)
        if now < end_at:
            return end_at
        mock.end_all(0 if mock.stop_at <= mock.kill_at else containers.KILLED)
        return math.inf

    def _run(self, mock: MockPod, now: float) -> None:
        spec = mock.pod.spec
        for container in spec.init_containers:
            if containers.is_sidecar(container):
                self._drive(mock, container, now, policy="Always")
            else:
                policy = "Never" if spec.restart_policy == "Never" else "OnFailure"
                self._drive(mock, container, now, policy=policy, ending=Ending())
            if not containers.is_init_done(container, mock.statuses[container.name]):
                return
        annotated = annotated_ending(mock.pod)
        for container in spec.containers:
            self._drive(mock, container, now, policy=container.restart_policy or spec.restart_policy, ending=annotated)
        for container in spec.ephemeral_containers:
            self._drive(mock, container, now, policy="Never")

    def _drive(
        self, mock: MockPod, container: Container, now: float, *, policy: str, ending: Ending | None = None
    ) -> None:
        """Take one container as far as it gets until `now`; `ending` holds if no rule of the settings matches."""
        name = container.name
        while True:
            if name not in mock.due:
                ahead = self._ahead(mock, container, ending)
                if ahead is None:
                    return
                mock.due[name] = (now + ahead[0], ahead[1])
            when, exit_code = mock.due[name]
            if when > now:
                return
            del mock.due[name]
            mock.statuses[name] = _next(mock, container, exit_code, policy)

    def _ahead(self, mock: MockPod, container: Container, ending: Ending | None) -> tuple[float, int] | None:
        """In how many seconds the container changes its state, and the exit code if it ends then."""
        status = mock.statuses[container.name]
        if status.state.waiting:
            return self._draw(self._delays.start) + self._wait(status), 0
        ending = ending_of(container, mock.pod, self._endings) or ending
        if status.state.terminated or ending is None:
            return None
        return self._draw(ending.after), ending.exit_code

    def _wait(self, status: ContainerStatus) -> float:
        """What comes before a start: back-off after an end, otherwise the image."""
        if not containers.is_backing_off(status):
            return self._draw(self._delays.pull)
        return min(_FIRST_BACK_OFF * 2 ** (status.restart_count - 1), _LAST_BACK_OFF) if status.restart_count else 0

    def _draw(self, delay: Delay) -> float:
        if isinstance(delay, tuple):
            return self._random.uniform(delay[0].total_seconds(), delay[1].total_seconds())
        return delay.total_seconds()


def _next(mock: MockPod, container: Container, exit_code: int, policy: str) -> ContainerStatus:
    """The state after the present one."""
    status = mock.statuses[container.name]
    if status.state.waiting:
        return containers.started(container, status, mock.pod.metadata.uid)
    status = containers.ended(status, exit_code)
    return containers.restarting(status) if policy == "Always" or (policy == "OnFailure" and exit_code) else status
