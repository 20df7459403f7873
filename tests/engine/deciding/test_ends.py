"""How a pod ends: by itself, by its deadline, by deletion or eviction; in which order, and with how much time."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from tests.engine.deciding.observing import (
    NOTHING,
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
    stops,
)
from vk_core.api.container import EphemeralContainer
from vk_core.api.pod import Pod
from vk_core.api.podstatus import PodCondition, PodStatus
from vk_core.engine.deciding.actions import Plan, Stop, StopReason
from vk_core.engine.deciding.memory import PodMemory, Termination, Verdict
from vk_core.engine.deciding.plan import plan
from vk_core.engine.deciding.status import pod_status
from vk_core.engine.runtime import RuntimeContainer, Sandbox
from vk_core.testing import make_container

APP, OTHER = make_container("app"), make_container("other")
FIRST, LAST = sidecar("first"), sidecar("last")
WHOLE = pod_of(APP, OTHER, init=(FIRST, LAST))


def deleted(grace: int = 30) -> PodMemory:
    return remembering(termination=Termination(at(100), grace))


def outcome(status: PodStatus) -> tuple[str, str, str]:
    return status.phase, status.reason, status.message


# The order.


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        pytest.param(("app", "other", "first", "last"), ["app", "other"], id="apps first"),
        pytest.param(("other", "first", "last"), ["other"], id="an app is left"),
        pytest.param(("first", "last"), ["last"], id="then the last sidecar"),
        pytest.param(("first",), ["first"], id="then the first one"),
    ],
)
def test_sidecars_end_behind_the_apps_in_reverse_order(found: tuple[str, ...], expected: list[str]) -> None:
    decided = plan(WHOLE, observing(*(running(name) for name in found)), deleted(), at(100))
    assert stops(decided) == expected
    assert {stop.name for stop in decided.stops} == set(found), "the hooks of all of them run at once"


def test_at_the_end_of_the_grace_period_sidecars_wait_no_longer_and_get_two_seconds() -> None:
    found = observing(running("app"), running("first"))
    assert plan(WHOLE, found, deleted(), at(129)).wake_at == at(130)
    late = plan(WHOLE, found, deleted(), at(130))
    assert stops(late) == ["app", "first"]
    assert late.stops[-1].seconds_left(at(130)) == 2


@pytest.mark.parametrize(
    ("grace", "asked_at", "left"), [(30, 100, 30), (30, 112.5, 18), (1, 100, 1), (30, 131, 2), (0, 100, 0)]
)
def test_what_is_left_of_the_grace_period_is_what_a_container_gets(grace: int, asked_at: float, left: int) -> None:
    (stop,) = plan(pod_of(), observing(running("app")), deleted(grace), at(asked_at)).stops
    assert stop.seconds_left(at(asked_at)) == left
    assert stop.hook is (grace > 0)


def test_a_shorter_grace_period_hurries_a_stop_and_a_longer_one_does_not_delay_it() -> None:
    begun = Stop(container_id="app-0", name="app", reason=StopReason.POD_ENDS, message="", deadline=at(110))
    for grace, deadline in ((30, 110), (5, 105)):
        memory = deleted(grace)
        memory.note_stopping(begun)
        (stop,) = plan(pod_of(), observing(running("app")), memory, at(102)).stops
        assert stop.deadline == at(deadline)


def test_what_the_specification_does_not_name_ends_too() -> None:
    (stop,) = plan(pod_of(), observing(running("stranger")), deleted(), at(100)).stops
    assert (stop.name, stop.its_turn, stop.hook) == ("stranger", True, False)


def test_the_sandbox_ends_when_nothing_runs_and_no_start_is_under_way() -> None:
    memory = deleted()
    assert plan(pod_of(), observing(running("app")), memory, at(100)).stop_sandboxes == ()
    memory.starting.add("app")
    assert plan(pod_of(), observing(created("app")), memory, at(100)) == Plan(over=True)
    memory.starting.clear()
    assert plan(pod_of(), observing(created("app")), memory, at(100)) == Plan(stop_sandboxes=("s0",), over=True)
    gone = observing(sandbox(ready=False), created("app"))
    assert plan(pod_of(), gone, memory, at(100)) == Plan(over=True, ended=True)


def test_an_unknown_state_counts_as_running_until_it_was_stopped() -> None:
    memory = deleted()
    assert stops(plan(pod_of(), observing(out_of_sight("app")), memory, at(100))) == ["app"]
    memory.stopped.add("app-0")
    assert plan(pod_of(), observing(out_of_sight("app")), memory, at(100)).stop_sandboxes == ("s0",)


# Deletion.


def test_after_a_restart_deletion_goes_on_with_what_is_left_of_its_time() -> None:
    meta = replace(pod_of().metadata, deletion_timestamp=at(130), deletion_grace_period_seconds=20)
    pod = replace(pod_of(), metadata=meta)
    (stop,) = plan(pod, observing(running("app")), remembering(), at(120)).stops
    assert stop.deadline == at(130)
    (stop,) = plan(pod, observing(running("app")), remembering(), at(0)).stops
    assert stop.deadline == at(20), "the clock of the API server is ahead"


@pytest.mark.parametrize(("codes", "phase"), [((0, 0), "Succeeded"), ((0, 143), "Failed"), ((137, 137), "Failed")])
def test_a_deleted_pod_succeeds_only_if_all_containers_do(codes: tuple[int, int], phase: str) -> None:
    found = observing(ended("app", codes[0]), ended("other", codes[1]))
    assert pod_status(pod_of(APP, OTHER), found, deleted(), at(101)).phase == phase


def test_a_pod_that_never_started_ends_as_failed() -> None:
    status = pod_status(pod_of(), NOTHING, deleted(), at(101))
    ended_state = status.container_statuses[0].state.terminated
    assert status.phase == "Failed"
    assert ended_state is not None
    assert (ended_state.exit_code, ended_state.reason) == (137, "ContainerStatusUnknown")
    assert ended_state.message == "The container could not be located when the pod was terminated"


def test_a_container_in_back_off_is_shown_as_it_ended_once_its_pod_ends() -> None:
    status = pod_status(pod_of(), observing(ended("app", 3, 5)), deleted(), at(2))
    assert status.container_statuses[0].state.terminated is not None
    assert status.container_statuses[0].state.terminated.exit_code == 3


def test_app_containers_that_never_came_to_their_start_still_wait() -> None:
    pod = pod_of(APP, init=(make_container("one"), make_container("two")))
    status = pod_status(pod, observing(ended("one", 1)), deleted(), at(2))
    assert [one.state.terminated is not None for one in status.init_container_statuses] == [True, False]
    assert status.container_statuses[0].state.waiting is not None


def test_an_app_container_that_was_yet_to_start_beside_another_has_failed() -> None:
    pod = pod_of(APP, OTHER, init=(make_container("one"),))
    status = pod_status(pod, observing(ended("one", 0), ended("app", 0)), deleted(), at(2))
    assert [one.state.terminated and one.state.terminated.exit_code for one in status.container_statuses] == [0, 137]
    assert status.phase == "Failed"


# The end that comes by itself.


@pytest.mark.parametrize(
    ("policy", "codes", "phase"),
    [
        ("Never", (0, 0), "Succeeded"),
        ("Never", (0, 1), "Failed"),
        ("OnFailure", (0, 0), "Succeeded"),
        ("OnFailure", (0, 1), "Running"),
        ("Always", (0, 0), "Running"),
    ],
)
def test_a_pod_is_over_when_nothing_is_to_be_restarted(policy: str, codes: tuple[int, int], phase: str) -> None:
    pod, found = pod_of(APP, OTHER, policy=policy), observing(ended("app", codes[0]), ended("other", codes[1]))
    assert pod_status(pod, found, remembering(), at(2)).phase == phase
    assert plan(pod, found, remembering(), at(2)).over is (phase != "Running")


def test_sidecars_and_debuggers_end_with_the_apps_and_only_then_the_phase_is_final() -> None:
    debugger = EphemeralContainer(name="debugger", image="busybox")
    pod = pod_of(APP, init=(FIRST,), policy="Never", ephemeral_containers=(debugger,))
    found = observing(ended("app", 0, until=50), running("first"), running("debugger"))
    decided = plan(pod, found, remembering(), at(60))
    assert stops(decided) == ["first", "debugger"]
    assert {stop.deadline for stop in decided.stops} == {at(80)}
    assert pod_status(pod, found, remembering(), at(60)).phase == "Running"
    done = observing(ended("app", 0, until=50), ended("first", 143), ended("debugger", 137))
    assert pod_status(pod, done, remembering(), at(60)).phase == "Succeeded"


@pytest.mark.parametrize(("policy", "over"), [("Never", True), ("OnFailure", False), ("Always", False)])
def test_an_init_container_that_fails_for_good_ends_the_pod(policy: str, over: bool) -> None:
    pod, found = pod_of(APP, init=(make_container("one"),), policy=policy), observing(ended("one", 1))
    status = pod_status(pod, found, remembering(), at(2))
    assert plan(pod, found, remembering(), at(2)).over is over
    assert status.phase == ("Failed" if over else "Pending")


def test_an_init_container_of_unknown_state_has_failed_once_it_was_stopped() -> None:
    pod, found = pod_of(APP, init=(make_container("one"),), policy="Never"), observing(out_of_sight("one"))
    assert stops(plan(pod, found, remembering(), at(2))) == ["one"]
    assert plan(pod, found, remembering(), at(2)).over is False
    assert plan(pod, found, remembering(stopped={"one-0"}), at(2)).over


# Deadline and eviction.


def overdue(*found: Sandbox | RuntimeContainer, seconds: float, policy: str = "Always") -> tuple[Plan, PodStatus]:
    pod = pod_of(policy=policy, active_deadline_seconds=60)
    decided = plan(pod, observing(*found), remembering(), at(seconds))
    return decided, pod_status(pod, observing(*found), remembering(), at(seconds))


def test_a_pod_fails_when_its_deadline_has_passed() -> None:
    early, _ = overdue(running("app"), seconds=59)
    assert (early.stops, early.wake_at) == ((), at(60))
    decided, status = overdue(running("app"), seconds=60)
    assert [stop.deadline for stop in decided.stops] == [at(90)]
    assert outcome(status) == ("Running", "", ""), "a phase is final only when nothing runs any more"
    _, status = overdue(ended("app", 143), seconds=61)
    message = "Pod was active on the node longer than the specified deadline"
    assert outcome(status) == ("Failed", "DeadlineExceeded", message)


def test_a_pod_that_was_over_before_its_deadline_keeps_its_phase() -> None:
    _, status = overdue(ended("app", 0), seconds=61, policy="Never")
    assert outcome(status) == ("Succeeded", "", "")


def test_an_evicted_pod_fails_with_the_reason_and_keeps_it() -> None:
    condition = PodCondition(type="DisruptionTarget", status="True", reason="TerminationByKubelet")
    verdict = Verdict(at(10), "Evicted", "The node was low on resource: memory.", 0, condition)
    memory = remembering(verdict=verdict)
    (stop,) = plan(pod_of(), observing(running("app")), memory, at(10)).stops
    assert stop.seconds_left(at(10)) == 0
    status = pod_status(pod_of(), observing(ended("app", 137)), memory, at(11))
    assert outcome(status) == ("Failed", "Evicted", "The node was low on resource: memory.")
    assert condition in status.conditions
    later: Pod = replace(pod_of(), status=status)
    again = pod_status(later, observing(ended("app", 137)), remembering(), at(12))
    assert outcome(again) == outcome(status)
