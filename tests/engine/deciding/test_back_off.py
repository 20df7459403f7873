"""Containers that end again and again are started later and later (`CrashLoopBackOff`)."""

from __future__ import annotations

import datetime as dt

import pytest

from tests.engine.deciding.observing import UID, at, ended, observing, pod_of, remembering, starts
from vk_core.engine.deciding.actions import Stop, StopReason
from vk_core.engine.deciding.backoff import short_duration
from vk_core.engine.deciding.memory import PodMemory, Streak
from vk_core.engine.deciding.plan import plan
from vk_core.engine.deciding.status import pod_status
from vk_core.engine.runtime import RuntimeContainer


def wait_seconds(memory: PodMemory, *instances: RuntimeContainer) -> float:
    """From the end of the newest instance to its next start."""
    finished_at = instances[-1].finished_at
    assert finished_at is not None
    decided = plan(pod_of(), observing(*instances), memory, finished_at)
    if not decided.back_offs:
        assert starts(decided) == ["app"]
        return 0
    assert starts(decided) == []
    assert decided.wake_at == decided.back_offs[0].until
    return (decided.back_offs[0].until - finished_at).total_seconds()


def stopped(container_id: str) -> dict[str, Stop]:
    stop = Stop(
        container_id=container_id, name="app", reason=StopReason.LIVENESS, message="", deadline=at(0), restart=True
    )
    return {container_id: stop}


@pytest.mark.parametrize(
    ("restart_count", "seconds"), [(0, 0), (1, 10), (2, 20), (3, 40), (4, 80), (5, 160), (6, 300), (60, 300)]
)
def test_waits_double_from_ten_seconds_to_five_minutes_without_remembering_anything(
    restart_count: int, seconds: float
) -> None:
    assert wait_seconds(remembering(), ended("app", 1, restart_count)) == seconds


def test_a_run_of_more_than_ten_minutes_begins_anew() -> None:
    assert wait_seconds(remembering(), ended("app", 1, 7, since=0, until=600)) == 300
    assert wait_seconds(remembering(), ended("app", 1, 7, since=0, until=601)) == 0
    long_before = ended("app", 1, 7, since=0, until=601)
    assert wait_seconds(remembering(), long_before, ended("app", 1, 8, since=610, until=611)) == 10


def test_what_was_remembered_at_the_start_counts_more_than_the_restart_count() -> None:
    memory = remembering(streaks={"app": Streak(attempt=30, length=2)})
    assert wait_seconds(memory, ended("app", 1, 30)) == 20


def test_a_start_says_what_to_remember() -> None:
    memory = remembering(streaks={"app": Streak(attempt=30, length=2)})
    (start,) = plan(pod_of(), observing(ended("app", 1, 30)), memory, at(100)).starts
    assert (start.attempt, start.streak) == (31, 3)


def test_a_container_that_was_stopped_in_order_to_restart_waits_from_the_end_before() -> None:
    """As with kubelet, where a failed liveness probe is no crash but makes later waits longer."""
    first, second = ended("app", 137, 0, since=0, until=30), ended("app", 137, 1, since=30, until=60)
    assert wait_seconds(remembering(stops=stopped("app-0")), first) == 0
    assert wait_seconds(remembering(stops=stopped("app-1")), first, second) == 0
    quick = ended("app", 137, 2, since=31, until=33)
    assert wait_seconds(remembering(stops=stopped("app-2")), ended("app", 1, 1, since=20, until=31), quick) == 18


def test_the_status_says_how_long_the_wait_is() -> None:
    now = at(5)
    status = pod_status(pod_of(), observing(ended("app", 3, 2)), remembering(), now)
    (container,) = status.container_statuses
    assert status.phase == "Running"
    assert container.restart_count == 2
    assert container.state.waiting is not None
    assert container.state.waiting.reason == "CrashLoopBackOff"
    assert container.state.waiting.message == f"back-off 20s restarting failed container=app pod=web_default({UID})"
    assert container.last_state.terminated is not None
    assert container.last_state.terminated.exit_code == 3


def test_a_container_that_restarts_at_once_is_shown_as_terminated() -> None:
    (container,) = pod_status(pod_of(), observing(ended("app", 3)), remembering(), at(1)).container_statuses
    assert container.state.terminated is not None
    assert container.state.terminated.exit_code == 3


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0s"), (10, "10s"), (80, "1m20s"), (300, "5m0s"), (3600, "1h0m0s"), (3723, "1h2m3s")]
)
def test_durations_are_written_as_kubelet_does(seconds: int, text: str) -> None:
    assert short_duration(dt.timedelta(seconds=seconds)) == text
