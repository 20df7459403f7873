"""The phase follows from the containers' states as kubelet computes it."""

from __future__ import annotations

import pytest

from tests.support.pods import ended, pod_with, running, status_of, waiting, with_spec
from vk_core.api.podstatus import ContainerStatus, PodStatus
from vk_core.pod.phase import has_stopped, phase_of
from vk_core.testing import make_container

SIDECAR = make_container("sidecar", restart_policy="Always")


@pytest.mark.parametrize(
    ("policy", "statuses", "phase"),
    [
        pytest.param("Always", (running("a"), running("b")), "Running", id="all run"),
        pytest.param("Always", (), "Pending", id="nothing known"),
        pytest.param("Always", (waiting("a"), waiting("b")), "Pending", id="all wait for their first start"),
        pytest.param("Always", (running("a"), waiting("b")), "Pending", id="one runs, one waits for its first start"),
        pytest.param("Always", (running("a"), waiting("b", restart_count=1)), "Running", id="one waits between two"),
        pytest.param("Always", (running("a"),), "Pending", id="one is not known"),
        pytest.param("Always", (ended("a"), ended("b")), "Running", id="Always: all ended, will restart"),
        pytest.param("OnFailure", (ended("a"), ended("b", 1)), "Running", id="OnFailure: one failed"),
        pytest.param("OnFailure", (ended("a"), ended("b")), "Succeeded", id="OnFailure: all succeeded"),
        pytest.param("Never", (ended("a"), ended("b", 3)), "Failed", id="Never: one failed"),
        pytest.param("Never", (ended("a"), ended("b")), "Succeeded", id="Never: all succeeded"),
        pytest.param("Never", (ended("a", 1), running("b")), "Running", id="Never: one failed, one runs"),
        pytest.param("Always", (waiting("a", "CrashLoopBackOff", restart_count=2),) * 2, "Running", id="loop"),
    ],
)
def test_the_phase_of_containers(policy: str, statuses: tuple[ContainerStatus, ...], phase: str) -> None:
    pod = pod_with("a", "b", restart_policy=policy)
    assert phase_of(pod, status_of(*statuses)) == phase


@pytest.mark.parametrize(
    ("policy", "init", "phase"),
    [
        pytest.param("Always", (running("init"), waiting("sidecar")), "Pending", id="runs"),
        pytest.param("Always", (ended("init", 1), waiting("sidecar")), "Pending", id="failed, tried again"),
        pytest.param("Never", (ended("init", 1), waiting("sidecar")), "Failed", id="failed for good"),
        pytest.param("Always", (ended("init"), running("sidecar")), "Running", id="done; a sidecar need not end"),
        pytest.param("Always", (running("sidecar"),), "Pending", id="not known yet"),
    ],
)
def test_containers_come_after_init_containers(policy: str, init: tuple[ContainerStatus, ...], phase: str) -> None:
    pod = with_spec(pod_with("a", restart_policy=policy), init_containers=(make_container("init"), SIDECAR))
    status = PodStatus(init_container_statuses=init, container_statuses=(running("a"),))
    assert phase_of(pod, status) == phase


@pytest.mark.parametrize(
    ("status", "stopped"),
    [
        pytest.param(status_of(ended("a"), ended("b", 137)), True, id="all ended"),
        pytest.param(status_of(ended("a"), waiting("b")), False, id="one may still start"),
        pytest.param(status_of(ended("a"), waiting("b"), phase="Failed"), True, id="failed as a whole"),
        pytest.param(status_of(phase="Running"), False, id="no container known"),
        pytest.param(status_of(running("a"), phase="Failed"), False, id="said to be failed, but runs"),
        pytest.param(
            PodStatus(container_statuses=(ended("a"),), ephemeral_container_statuses=(running("debug"),)),
            False,
            id="a debug container runs",
        ),
    ],
)
def test_a_pod_has_stopped_when_nothing_of_it_runs_or_will(status: PodStatus, stopped: bool) -> None:
    assert has_stopped(status) is stopped
