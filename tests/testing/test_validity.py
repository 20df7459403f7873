from __future__ import annotations

import datetime as dt

import pytest

from vk_core.api.podstatus import (
    ContainerState,
    ContainerStateRunning,
    ContainerStateTerminated,
    ContainerStateWaiting,
    ContainerStatus,
    PodStatus,
)
from vk_core.testing import make_pod, status_problems

NOON = dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC)
RUNNING = ContainerState(running=ContainerStateRunning(started_at=NOON))
WAITING = ContainerState(waiting=ContainerStateWaiting(reason="ContainerCreating"))


def ended(exit_code: int, *, after: int = 1) -> ContainerState:
    finished_at = NOON + dt.timedelta(seconds=after)
    return ContainerState(
        terminated=ContainerStateTerminated(exit_code=exit_code, started_at=NOON, finished_at=finished_at)
    )


def status(phase: str, *states: ContainerState, name: str = "main", pod_ip: str = "") -> PodStatus:
    containers = tuple(ContainerStatus(name=name, state=state) for state in states)
    return PodStatus(phase=phase, container_statuses=containers, pod_ip=pod_ip)


@pytest.mark.parametrize(
    "valid",
    [
        pytest.param(status("Pending"), id="nothing known yet"),
        pytest.param(status("Pending", WAITING), id="waiting"),
        pytest.param(status("Running", RUNNING, pod_ip="fd00::1"), id="running"),
        pytest.param(status("Succeeded", ended(0)), id="succeeded"),
        pytest.param(status("Failed", ended(255, after=0)), id="failed"),
    ],
)
def test_a_status_as_kubelet_would_report_it_is_valid(valid: PodStatus) -> None:
    assert status_problems(make_pod(), valid) == []


@pytest.mark.parametrize(
    ("invalid", "problem"),
    [
        pytest.param(status("Started"), "phase is 'Started', expected one of Pending", id="unknown phase"),
        pytest.param(
            status("Running", RUNNING, name="web"), "containerStatuses has web, which", id="unknown container"
        ),
        pytest.param(status("Running", RUNNING, RUNNING), "containerStatuses has a container twice", id="twice"),
        pytest.param(status("Pending", ContainerState()), "container main: expected exactly one of", id="no state"),
        pytest.param(
            status("Failed", ended(-137)), "container main: exitCode is -137, expected 0 to 255", id="exit code"
        ),
        pytest.param(status("Failed", ended(1, after=-1)), "container main: finishedAt", id="ended before it started"),
        pytest.param(status("Succeeded", RUNNING), "phase is Succeeded, but main is running", id="over but running"),
        pytest.param(status("Succeeded", ended(1)), "phase is Succeeded, but a container has failed", id="a success?"),
        pytest.param(status("Pending", RUNNING), "phase is Pending, but main is running", id="pending but running"),
        pytest.param(status("Running", WAITING), "phase is Running, but no container", id="running but waiting"),
        pytest.param(status("Running", RUNNING, pod_ip="here"), "'here' is not an IP address", id="address"),
    ],
)
def test_what_no_kubelet_would_report_is_a_problem(invalid: PodStatus, problem: str) -> None:
    found = status_problems(make_pod(), invalid)
    assert len(found) == 1
    assert found[0].startswith(problem)
