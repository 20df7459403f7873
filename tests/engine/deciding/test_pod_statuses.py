"""The status of a pod and of its containers, as kubelet words it."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from tests.engine.deciding.observing import (
    NOTHING,
    PROBE,
    at,
    created,
    ended,
    observing,
    out_of_sight,
    pod_of,
    remembering,
    running,
    sandbox,
    sidecar,
)
from vk_core.api.container import Container, EphemeralContainer, ResourceRequirements, VolumeMount
from vk_core.api.podstatus import (
    ContainerState,
    ContainerStateRunning,
    ContainerStateTerminated,
    ContainerStatus,
    PodIP,
    PodStatus,
)
from vk_core.engine.deciding.memory import PodMemory, ProbeResults, StartFailure
from vk_core.engine.deciding.status import pod_status
from vk_core.engine.runtime import RuntimeContainer, Sandbox
from vk_core.testing import make_container

APP = make_container("app")


def app_status(
    *found: Sandbox | RuntimeContainer, app: Container = APP, policy: str = "Always", memory: PodMemory | None = None
) -> ContainerStatus:
    """The status of the one app container."""
    status = pod_status(pod_of(app, policy=policy), observing(*found), memory or remembering(), at(100))
    return status.container_statuses[0]


def waiting_reason(status: ContainerStatus) -> str:
    assert status.state.waiting is not None
    return status.state.waiting.reason


def terminated(state: ContainerState) -> ContainerStateTerminated:
    assert state.terminated is not None
    return state.terminated


@pytest.mark.parametrize(("init", "reason"), [((), "ContainerCreating"), ((make_container("one"),), "PodInitializing")])
def test_containers_of_a_new_pod_wait(init: tuple[Container, ...], reason: str) -> None:
    status = pod_status(pod_of(init=init), NOTHING, remembering(), at(0))
    for container in (*status.container_statuses, *status.init_container_statuses):
        assert waiting_reason(container) == reason
        assert (container.restart_count, container.started, container.ready) == (0, False, False)
    assert (status.phase, status.start_time) == ("Pending", at(0))


def test_a_running_container_says_what_it_is() -> None:
    app = make_container("app", resources=ResourceRequirements(requests={"cpu": "1"}))
    found = running("app", 2, since=50, image="docker.io/library/busybox:1.37", image_id="docker.io/busybox@sha256:1")
    status = app_status(found, app=app)
    assert status.state == ContainerState(running=ContainerStateRunning(started_at=at(50)))
    assert (status.container_id, status.image, status.image_id) == (
        "sim://app-2",
        "docker.io/library/busybox:1.37",
        "docker.io/busybox@sha256:1",
    )
    assert (status.restart_count, status.started, status.ready) == (2, True, True)
    assert (status.allocated_resources, status.resources) == ({"cpu": "1"}, app.resources)


@pytest.mark.parametrize(
    ("exit_code", "said", "reason"),
    [(0, "", "Completed"), (1, "", "Error"), (137, "OOMKilled", "OOMKilled"), (128, "StartError", "StartError")],
)
def test_an_ended_container_says_how(exit_code: int, said: str, reason: str) -> None:
    status = app_status(ended("app", exit_code, since=10, until=20, reason=said), policy="Never")
    assert terminated(status.state) == ContainerStateTerminated(
        exit_code=exit_code, reason=reason, started_at=at(10), finished_at=at(20), container_id="sim://app-0"
    )
    assert not status.ready


def test_the_termination_message_follows_the_runtimes_own_and_is_cut_to_its_share() -> None:
    memory = remembering(messages={"app-0": "disk is full"})
    found = ended("app", 1, message="failed to start")
    assert terminated(app_status(found, policy="Never", memory=memory).state).message == "failed to start: disk is full"
    memory.messages["app-0"] = "x" * 4096
    pod = pod_of(APP, *(make_container(f"c{index}") for index in range(5)), policy="Never")
    status = pod_status(pod, observing(ended("app", 1)), memory, at(100))
    assert len(terminated(status.container_statuses[0].state).message) == 2048


def test_the_end_before_is_the_last_state() -> None:
    found = ended("app", 0, 0), ended("app", 7, 1, since=10, until=20), running("app", 2, since=30)
    assert terminated(app_status(*found).last_state).exit_code == 7


def test_the_last_state_is_kept_when_the_runtime_no_longer_has_it() -> None:
    first = app_status(ended("app", 7))
    known = PodStatus(container_statuses=(first,))
    second = app_status(running("app", 1), memory=remembering(reported=known))
    assert terminated(second.last_state).exit_code == 7
    third = app_status(running("app", 1), memory=remembering(reported=PodStatus(container_statuses=(second,))))
    assert third.last_state == second.last_state


def test_the_end_that_was_backed_off_from_is_the_last_state_when_the_runtime_no_longer_has_it() -> None:
    known = PodStatus(container_statuses=(app_status(ended("app", 7, 1)),))
    assert waiting_reason(known.container_statuses[0]) == "CrashLoopBackOff"
    again = app_status(running("app", 2), memory=remembering(reported=known))
    assert terminated(again.last_state).exit_code == 7


def test_an_end_is_not_also_the_last_state() -> None:
    known = PodStatus(container_statuses=(app_status(ended("app", 7, 1)),))
    final = app_status(ended("app", 7, 1), policy="Never", memory=remembering(reported=known))
    assert (terminated(final.state).exit_code, final.last_state) == (7, ContainerState())


# Starts that fail.


@pytest.mark.parametrize(
    "reason",
    [
        "ErrImagePull",
        "ImagePullBackOff",
        "ErrImageNeverPull",
        "InvalidImageName",
        "CreateContainerConfigError",
        "CreateContainerError",
    ],
)
def test_a_start_that_failed_says_why(reason: str) -> None:
    memory = remembering(failures={"app": StartFailure(0, reason, "no", at(110))})
    status = app_status(memory=memory)
    assert (waiting_reason(status), status.state.waiting and status.state.waiting.message) == (reason, "no")


def test_a_restart_that_failed_keeps_the_last_end() -> None:
    memory = remembering(failures={"app": StartFailure(1, "ErrImagePull", "no", at(110))})
    status = app_status(ended("app", 7), memory=memory)
    assert waiting_reason(status) == "ErrImagePull"
    assert terminated(status.last_state).exit_code == 7


def test_a_container_that_could_not_be_run_first_says_so_and_then_that_it_backs_off() -> None:
    memory = remembering(failures={"app": StartFailure(0, "RunContainerError", "no such file", at(90))})
    status = app_status(ended("app", 128, reason="StartError"), memory=memory)
    assert waiting_reason(status) == "RunContainerError"
    assert terminated(status.last_state).reason == "StartError"
    memory = remembering(failures={"app": StartFailure(1, "RunContainerError", "no such file", at(90))})
    found = ended("app", 128, 0), ended("app", 128, 1, since=5, until=99)
    assert waiting_reason(app_status(*found, memory=memory)) == "CrashLoopBackOff"


def test_a_container_runs_only_when_its_post_start_hook_is_over() -> None:
    memory = remembering(starting={"app"})
    assert waiting_reason(app_status(running("app"), memory=memory)) == "ContainerCreating"
    again = app_status(ended("app", 7, 1, until=99), running("app", 2, since=99.5), memory=memory)
    assert waiting_reason(again) == "CrashLoopBackOff"
    assert waiting_reason(app_status(created("app"))) == "ContainerCreating"


# Probes.


@pytest.mark.parametrize(
    ("results", "started", "ready"),
    [
        pytest.param(ProbeResults(), False, False, id="nothing yet"),
        pytest.param(ProbeResults(False, None, None), False, False, id="has not started"),
        pytest.param(ProbeResults(True, None, None), True, False, id="has started"),
        pytest.param(ProbeResults(True, None, False), True, False, id="is not ready"),
        pytest.param(ProbeResults(True, None, True), True, True, id="is ready"),
        pytest.param(ProbeResults(False, None, True), False, False, id="cannot be ready before it has started"),
    ],
)
def test_probes_tell_whether_a_container_has_started_and_is_ready(
    results: ProbeResults, started: bool, ready: bool
) -> None:
    app = make_container("app", startup_probe=PROBE, readiness_probe=PROBE)
    status = app_status(running("app"), app=app, memory=remembering(probes={"app-0": results}))
    assert (status.started, status.ready) == (started, ready)


def test_after_a_restart_of_virtual_kubelet_a_container_is_as_ready_as_it_was() -> None:
    app = make_container("app", startup_probe=PROBE, readiness_probe=PROBE)
    known = ContainerStatus(name="app", container_id="sim://app-0", started=True, ready=True)
    memory = remembering(reported=PodStatus(container_statuses=(known,)))
    status = app_status(running("app"), app=app, memory=memory)
    assert (status.started, status.ready) == (True, True)
    status = app_status(running("app", 1), app=app, memory=memory)
    assert (status.started, status.ready) == (False, False), "another instance begins anew"
    unready = replace(known, ready=False)
    status = app_status(running("app"), app=app, memory=remembering(reported=PodStatus(container_statuses=(unready,))))
    assert (status.started, status.ready) == (True, False)


def test_init_containers_are_ready_when_they_are_done_and_ephemeral_ones_never() -> None:
    debugger = EphemeralContainer(name="debugger", image="busybox")
    pod = pod_of(APP, init=(make_container("one"), sidecar("side")), ephemeral_containers=(debugger,))
    found = observing(ended("one", 0), running("side"), running("debugger"))
    status = pod_status(pod, found, remembering(), at(100))
    assert [one.ready for one in status.init_container_statuses] == [True, True]
    assert [one.started for one in status.init_container_statuses] == [False, True]
    assert [(one.started, one.ready) for one in status.ephemeral_container_statuses] == [(None, False)]


# What the runtime has lost.


def test_a_container_that_is_gone_has_ended_nobody_knows_how() -> None:
    runs = ContainerState(running=ContainerStateRunning())
    known = ContainerStatus(name="app", container_id="sim://app-1", restart_count=1, state=runs)
    memory = remembering(reported=PodStatus(phase="Running", container_statuses=(known,)))
    again = app_status(memory=memory)
    assert waiting_reason(again) == "ContainerCreating"
    assert (again.container_id, again.restart_count) == ("", 1)
    assert terminated(again.last_state).reason == "ContainerStatusUnknown"
    status = pod_status(pod_of(policy="Never"), observing(sandbox(ready=False)), memory, at(100))
    assert status.phase == "Failed"
    assert terminated(status.container_statuses[0].state).exit_code == 137


def test_a_container_of_unknown_state_has_ended_nobody_knows_how() -> None:
    status = app_status(out_of_sight("app"), policy="Never")
    assert terminated(status.state).reason == "ContainerStatusUnknown"


def test_an_ended_container_keeps_its_status_when_its_remains_are_removed() -> None:
    known = app_status(ended("app", 7), policy="Never")
    memory = remembering(reported=PodStatus(phase="Failed", container_statuses=(known,)))
    assert app_status(policy="Never", memory=memory) == known


def test_an_init_container_whose_remains_were_removed_is_done_when_the_app_runs() -> None:
    pod = pod_of(APP, init=(make_container("one"),))
    status = pod_status(pod, observing(running("app")), remembering(), at(100))
    assert terminated(status.init_container_statuses[0].state).exit_code == 0
    assert status.phase == "Running"


# The pod.


@pytest.mark.parametrize(
    ("init", "found", "phase"),
    [
        pytest.param((), (), "Pending", id="nothing yet"),
        pytest.param((), (running("app"),), "Pending", id="one of two"),
        pytest.param((), (running("app"), running("other")), "Running", id="both"),
        pytest.param((), (running("app"), ended("other", 1, 3)), "Running", id="one in back-off"),
        pytest.param((), (ended("app", 1, 3), ended("other", 1, 3)), "Running", id="both in back-off"),
        pytest.param((make_container("one"),), (running("one"),), "Pending", id="initializing"),
        pytest.param((make_container("one"),), (ended("one", 1, 3),), "Pending", id="initialization in back-off"),
        pytest.param((sidecar("side"),), (running("side"),), "Pending", id="only the sidecar"),
        pytest.param(
            (sidecar("side"),), (running("app"), running("other"), ended("side", 1, 3)), "Running", id="sidecar"
        ),
    ],
)
def test_the_phase_follows_from_the_containers(
    init: tuple[Container, ...], found: tuple[RuntimeContainer, ...], phase: str
) -> None:
    pod = pod_of(APP, make_container("other"), init=init)
    assert pod_status(pod, observing(*found), remembering(), at(10)).phase == phase


def test_with_a_new_sandbox_only_a_pod_with_sidecars_is_pending_again() -> None:
    fresh, remains = sandbox("s1", attempt=1, created=5), (sandbox(ready=False), ended("app", 137))
    assert pod_status(pod_of(APP), observing(fresh, *remains), remembering(), at(10)).phase == "Running"
    with_sidecar = pod_of(APP, init=(sidecar("side", startup_probe=PROBE),))
    found = observing(fresh, *remains, running("side", sandbox="s1", since=6))
    assert pod_status(with_sidecar, found, remembering(), at(10)).phase == "Pending"


def test_a_pod_keeps_its_start_time() -> None:
    pod = replace(pod_of(), status=PodStatus(start_time=at(7)))
    assert pod_status(pod, NOTHING, remembering(), at(9)).start_time == at(7)
    pod = replace(pod_of(), status=PodStatus(start_time=at(8)))
    memory = remembering(reported=PodStatus(start_time=at(7)))
    assert pod_status(pod, NOTHING, memory, at(9)).start_time == at(7)


def test_addresses_are_those_of_the_sandbox_and_kept_at_the_end() -> None:
    status = pod_status(pod_of(), observing(running("app")), remembering(), at(0))
    assert (status.pod_ip, status.pod_ips) == ("10.0.0.1", (PodIP(ip="10.0.0.1"),))
    memory = remembering(reported=status)
    gone = observing(sandbox(ready=False), ended("app", 0))
    assert pod_status(pod_of(policy="Never"), gone, memory, at(1)).pod_ip == "10.0.0.1"
    assert pod_status(pod_of(policy="Always"), gone, memory, at(1)).pod_ip == ""


def test_a_pod_in_the_hosts_network_has_the_hosts_addresses() -> None:
    memory = remembering(host_ips=("192.0.2.1", "2001:db8::1"))
    status = pod_status(pod_of(host_network=True), observing(running("app")), memory, at(0))
    assert (status.pod_ip, len(status.pod_ips)) == ("192.0.2.1", 2)


@pytest.mark.parametrize(("found", "expected"), [(sandbox(), "True"), (sandbox(ready=False), "False")])
def test_the_sandbox_tells_whether_containers_can_start(found: Sandbox, expected: str) -> None:
    status = pod_status(pod_of(), observing(found), remembering(), at(0))
    (condition,) = status.conditions
    assert (condition.type, condition.status) == ("PodReadyToStartContainers", expected)


@pytest.mark.parametrize(
    ("mount", "able", "expected"),
    [
        (VolumeMount(name="v"), True, None),
        (VolumeMount(name="v", read_only=True), True, "Disabled"),
        (VolumeMount(name="v", read_only=True, recursive_read_only="IfPossible"), True, "Enabled"),
        (VolumeMount(name="v", read_only=True, recursive_read_only="IfPossible"), False, "Disabled"),
        (VolumeMount(name="v", read_only=True, recursive_read_only="Enabled"), True, "Enabled"),
    ],
)
def test_mounts_say_whether_they_are_read_only_all_the_way_down(
    mount: VolumeMount, able: bool, expected: str | None
) -> None:
    app = make_container("app", volume_mounts=(replace(mount, mount_path="/v"),))
    status = app_status(running("app"), app=app, memory=remembering(recursive_read_only=able))
    assert [one.recursive_read_only for one in status.volume_mounts] == [expected]
