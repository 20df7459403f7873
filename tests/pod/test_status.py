"""The status that the cluster gets: the provider's word, completed as a kubelet would."""

from __future__ import annotations

import datetime as dt
from typing import Any

import msgspec
from msgspec.structs import replace

from tests.support.pods import (
    BEFORE,
    NOW,
    deleting,
    ended,
    pod_with,
    record_of,
    running,
    status_of,
    waiting,
    with_metadata,
    with_spec,
)
from vk_core.api.container import EphemeralContainer, ResourceRequirements
from vk_core.api.pod import PodReadinessGate
from vk_core.api.podstatus import PodCondition, PodIP, PodStatus
from vk_core.pod.record import PodRecord
from vk_core.pod.status import NodeFacts, build_status
from vk_core.testing import make_container, make_pod

NODE = NodeFacts(host_ips=("192.0.2.1", "2001:db8::1"))
LATER = NOW + dt.timedelta(minutes=1)
POD = with_metadata(pod_with("main"), generation=3)


def built(record: PodRecord, now: dt.datetime = NOW) -> PodStatus:
    status = build_status(record, NODE, now)
    assert status is not None
    return status


def of(actual: PodStatus, pod: Any = POD, **fields: Any) -> PodStatus:
    return built(record_of(pod, present=True, actual=actual, **fields))


def brief(status: PodStatus) -> dict[str, str]:
    return {condition.type: f"{condition.status} {condition.reason}".strip() for condition in status.conditions}


def test_a_running_pod_gets_all_that_kubelet_reports() -> None:
    status = of(PodStatus(pod_ip="10.0.0.7", container_statuses=(running(),)))
    written = msgspec.json.decode(msgspec.json.encode(status))
    condition = {"status": "True", "lastTransitionTime": "2026-01-02T03:04:05Z", "observedGeneration": 3}
    assert written["conditions"] == [
        {"type": type, **condition}
        for type in ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled")
    ]
    del written["conditions"], written["containerStatuses"]
    assert written == {
        "observedGeneration": 3,
        "phase": "Running",
        "hostIP": "192.0.2.1",
        "hostIPs": [{"ip": "192.0.2.1"}, {"ip": "2001:db8::1"}],
        "podIP": "10.0.0.7",
        "podIPs": [{"ip": "10.0.0.7"}],
        "startTime": "2026-01-02T03:04:05Z",
        "qosClass": "BestEffort",
    }


def test_conditions_of_a_pod_whose_containers_are_not_ready_name_them() -> None:
    status = of(status_of(running("one"), waiting("two")), pod_with("one", "two"))
    ready = {condition.type: condition for condition in status.conditions}["ContainersReady"]
    assert ready.message == "containers with unready status: [two]"
    assert brief(status) == {
        "PodReadyToStartContainers": "True",
        "Initialized": "True",
        "Ready": "False ContainersNotReady",
        "ContainersReady": "False ContainersNotReady",
        "PodScheduled": "True",
    }


def test_a_pod_that_has_an_address_is_ready_to_start_containers_that_lack_something_of_their_own() -> None:
    held_up = waiting("main", "CreateContainerConfigError")
    assert brief(of(status_of(held_up, pod_ip="10.0.0.7")))["PodReadyToStartContainers"] == "True"
    assert brief(of(status_of(held_up)))["PodReadyToStartContainers"] == "False"
    assert brief(of(status_of(waiting(), pod_ip="10.0.0.7")))["PodReadyToStartContainers"] == "False"


def test_containers_that_nobody_has_told_of_yet_are_not_started() -> None:
    pod = with_spec(POD, init_containers=(make_container("first"),))
    status = built(record_of(pod, creating=True))
    assert [container.started for container in (*status.init_container_statuses, *status.container_statuses)] == [
        False,
        False,
    ]


def test_an_ephemeral_container_is_never_ready_and_does_not_say_whether_it_has_started() -> None:
    pod = with_spec(POD, ephemeral_containers=(EphemeralContainer(name="debug"), EphemeralContainer(name="next")))
    status = of(PodStatus(container_statuses=(running(),), ephemeral_container_statuses=(running("debug"),)), pod)
    assert [(one.name, one.ready, one.started) for one in status.ephemeral_container_statuses] == [
        ("debug", False, None),
        ("next", False, None),
    ]


def test_conditions_of_a_pod_that_initializes() -> None:
    pod = with_spec(POD, init_containers=(make_container("first"), make_container("second")))
    status = of(PodStatus(init_container_statuses=(ended("first"), running("second", ready=False))), pod)
    assert status.phase == "Pending"
    initialized = {condition.type: condition for condition in status.conditions}["Initialized"]
    assert (initialized.reason, initialized.message) == (
        "ContainersNotInitialized",
        "containers with incomplete status: [second]",
    )
    [container] = status.container_statuses
    assert container.state.waiting is not None
    assert container.state.waiting.reason == "PodInitializing"


def test_a_pod_that_was_initialized_remains_so_while_a_sidecar_is_started_again() -> None:
    sidecar = make_container("side", restart_policy="Always")
    pod = make_pod(init_containers=(sidecar,), containers=(make_container("main"),))
    actual = status_of(running("main"), init_container_statuses=(waiting("side", "CrashLoopBackOff", started=False),))
    found = {condition.type: condition.status for condition in built(record_of(pod, actual=actual)).conditions}
    assert found["Initialized"] == "True"


def test_conditions_of_a_pod_that_has_ended() -> None:
    pod = with_spec(POD, restart_policy="Never")
    assert brief(of(status_of(ended()), pod)) == {
        "PodReadyToStartContainers": "False",
        "Initialized": "True PodCompleted",
        "Ready": "False PodCompleted",
        "ContainersReady": "False PodCompleted",
        "PodScheduled": "True",
    }
    assert brief(of(status_of(ended(code=2)), pod))["Ready"] == "False PodFailed"


def test_a_readiness_gate_holds_the_pod_back_until_others_open_it() -> None:
    pod = with_spec(POD, readiness_gates=(PodReadinessGate(condition_type="example.com/gate"),))
    assert brief(of(status_of(running()), pod))["Ready"] == "False ReadinessGatesNotReady"
    opened = replace(pod, status=PodStatus(conditions=(PodCondition(type="example.com/gate", status="True"),)))
    status = of(status_of(running()), opened)
    assert brief(status)["Ready"] == "True"
    assert "example.com/gate" not in brief(status), "conditions of others are not ours to write"


def test_a_condition_is_dated_by_its_last_real_change() -> None:
    known = of(status_of(waiting()))
    later = built(record_of(POD, status=known, present=True, actual=status_of(running())), LATER)
    since = {condition.type: condition.last_transition_time for condition in later.conditions}
    assert since == {
        "PodReadyToStartContainers": LATER,
        "Initialized": NOW,
        "Ready": LATER,
        "ContainersReady": LATER,
        "PodScheduled": NOW,
    }
    assert later.start_time == NOW


def test_conditions_that_a_provider_gives_win_and_its_own_are_kept() -> None:
    given = (
        PodCondition(type="Ready", status="False", reason="WarmingUp"),
        PodCondition(type="example.com/own", status="True"),
    )
    status = of(status_of(running(), conditions=given))
    assert brief(status)["Ready"] == "False WarmingUp"
    assert brief(status)["example.com/own"] == "True"


def test_every_container_has_a_status_in_the_order_of_the_specification() -> None:
    status = of(status_of(running("c"), running("a"), running("unknown")), pod_with("a", "b", "c"))
    assert [container.name for container in status.container_statuses] == ["a", "b", "c"]
    missing = status.container_statuses[1]
    assert missing.state.waiting is not None
    assert (missing.image, missing.state.waiting.reason) == ("busybox:1.37", "ContainerCreating")


def test_a_terminal_phase_is_final_but_late_container_statuses_are_kept() -> None:
    """B7: a terminal phase in the cluster blocked every later status, so final exit codes were lost."""
    known = status_of(running(), phase="Failed", reason="Evicted", message="node was low on memory")
    status = of(status_of(ended(code=143), phase="Succeeded"), replace(POD, status=known))
    assert (status.phase, status.reason, status.message) == ("Failed", "Evicted", "node was low on memory")
    terminated = status.container_statuses[0].state.terminated
    assert terminated is not None
    assert terminated.exit_code == 143


def test_a_deleted_pod_that_has_stopped_is_over_whatever_its_restart_policy() -> None:
    assert of(status_of(ended(code=0), phase="Running"), deleting(POD)).phase == "Succeeded"
    assert of(status_of(ended(code=137), phase="Running"), deleting(POD)).phase == "Failed"
    assert of(status_of(running(), phase="Running"), deleting(POD)).phase == "Running"


def test_a_deleted_pod_that_the_provider_no_longer_has_is_ended_in_an_unknown_way() -> None:
    record = record_of(deleting(POD), present=False, actual=status_of(running(), phase="Running"))
    [container] = built(record).container_statuses
    assert container.state.terminated is not None
    assert (container.state.terminated.exit_code, container.state.terminated.reason) == (137, "ContainerStatusUnknown")
    assert container.state.terminated.started_at == BEFORE
    assert built(record).phase == "Failed"


def test_restart_counts_go_on_where_they_were_before_the_provider_lost_the_pod() -> None:
    [container] = of(status_of(running(restart_count=1)), restarts={"main": 4}).container_statuses
    assert container.restart_count == 5


def test_times_are_whole_seconds_so_that_what_is_read_back_equals_what_was_written() -> None:
    precise = running()
    assert precise.state.running is not None
    state = replace(
        precise.state, running=replace(precise.state.running, started_at=BEFORE + dt.timedelta(microseconds=7))
    )
    status = of(status_of(replace(precise, state=state), start_time=BEFORE + dt.timedelta(microseconds=9)))
    running_state = status.container_statuses[0].state.running
    assert running_state is not None
    assert (running_state.started_at, status.start_time) == (BEFORE, BEFORE)


def test_a_pod_that_the_provider_cannot_take_says_why_and_nothing_is_said_before_there_is_news() -> None:
    assert build_status(record_of(POD), NODE, NOW) is None
    status = built(record_of(POD, trouble="no quota left"))
    assert (status.phase, status.reason, status.message) == ("Pending", "ProviderFailed", "no quota left")
    creating = built(record_of(POD, creating=True))
    assert (creating.phase, creating.reason) == ("Pending", "")


def test_what_the_provider_leaves_empty_is_filled_in_and_what_it_says_is_kept() -> None:
    resources = ResourceRequirements(requests={"cpu": "1", "memory": "1Gi"}, limits={"cpu": "1", "memory": "1Gi"})
    pod = make_pod(containers=(make_container(resources=resources),))
    status = of(status_of(running(), host_ip="198.51.100.9", pod_ips=(PodIP(ip="10.0.0.1"), PodIP(ip="fd00::1"))), pod)
    assert (status.host_ip, [host.ip for host in status.host_ips]) == ("198.51.100.9", ["198.51.100.9"])
    assert (status.pod_ip, len(status.pod_ips)) == ("10.0.0.1", 2)
    assert status.qos_class == "Guaranteed"


def test_what_was_written_counts_as_known_until_the_watch_has_brought_it_back() -> None:
    record = record_of(with_metadata(POD, resource_version="5"), status=status_of(phase="Pending"))
    record.written, record.written_version = status_of(phase="Running"), "7"
    assert record.known_status.phase == "Running"
    record.pod = with_metadata(replace(record.pod, status=status_of(phase="Failed")), resource_version="8")
    assert record.known_status.phase == "Failed"


def test_a_rejected_pod_has_no_container_that_seems_to_be_on_its_way() -> None:
    status = built(record_of(POD, verdict=PodStatus(phase="Failed", reason="OutOfcpu")))
    assert (status.phase, status.reason, status.container_statuses) == ("Failed", "OutOfcpu", ())


def test_an_init_container_that_has_done_its_work_counts_as_ready() -> None:
    sidecar = replace(make_container("sidecar"), restart_policy="Always")
    pod = with_spec(POD, init_containers=(make_container("first"), make_container("second"), sidecar))
    status = of(PodStatus(init_container_statuses=(ended("first"), ended("second", 1), ended("sidecar"))), pod)
    assert [init.ready for init in status.init_container_statuses] == [True, False, False]
