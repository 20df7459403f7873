"""What is started when: sandboxes, init containers, sidecars, app containers, ephemeral containers."""

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
    starts,
    stops,
)
from vk_core.api.container import Container, EphemeralContainer
from vk_core.api.podstatus import (
    ContainerState,
    ContainerStateRunning,
    ContainerStateTerminated,
    ContainerStatus,
    PodStatus,
)
from vk_core.engine.deciding.actions import MakeSandbox, Plan, StopReason
from vk_core.engine.deciding.memory import PodMemory, ProbeResults, StartFailure
from vk_core.engine.deciding.plan import plan
from vk_core.engine.runtime import RuntimeContainer, Sandbox
from vk_core.testing import make_container

FIRST, SECOND = make_container("first"), make_container("second")
SIDE = sidecar("side")
SLOW = sidecar("slow", startup_probe=PROBE)
APP = make_container("app")


def decide(
    *found: Sandbox | RuntimeContainer,
    init: tuple[Container, ...] = (),
    policy: str = "Always",
    memory: PodMemory | None = None,
) -> Plan:
    return plan(pod_of(APP, init=init, policy=policy), observing(*found), memory or remembering(), at(100))


def test_a_new_pod_gets_a_sandbox_and_nothing_else_yet() -> None:
    decided = plan(pod_of(), NOTHING, remembering(), at(0))
    assert decided == Plan(sandbox=MakeSandbox(attempt=0))


def test_app_containers_are_started_together_in_their_order() -> None:
    pod = pod_of(make_container("b"), make_container("a"), make_container("c"))
    assert starts(plan(pod, observing(running("a")), remembering(), at(0))) == ["b", "c"]


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        pytest.param((), ["first"], id="nothing yet"),
        pytest.param((running("first"),), [], id="first runs"),
        pytest.param((ended("first", 1),), ["first"], id="first failed"),
        pytest.param((ended("first", 0),), ["second"], id="first is over"),
        pytest.param((ended("first", 0), running("second")), [], id="second runs"),
        pytest.param((ended("first", 0), ended("second", 2)), ["second"], id="second failed"),
        pytest.param((ended("first", 0), ended("second", 0)), ["app"], id="both are over"),
        pytest.param((ended("second", 0),), ["app"], id="the first one's remains were removed"),
        pytest.param((ended("app", 1),), ["app"], id="both ones' remains were removed"),
    ],
)
def test_init_containers_run_one_after_the_other(found: tuple[RuntimeContainer, ...], expected: list[str]) -> None:
    assert starts(decide(*found, init=(FIRST, SECOND), policy="OnFailure")) == expected


@pytest.mark.parametrize(
    ("found", "startup", "expected"),
    [
        pytest.param((), None, ["side"], id="nothing yet"),
        pytest.param((running("side"),), None, ["slow"], id="a sidecar that runs lets the next one start"),
        pytest.param((running("side"), running("slow")), None, [], id="its startup probe says nothing yet"),
        pytest.param((running("side"), running("slow")), True, ["app"], id="its startup probe has succeeded"),
        pytest.param(
            (ended("side", 0), running("slow")), None, ["side"], id="a sidecar restarts during initialization"
        ),
        pytest.param((running("slow"), running("app")), None, ["side"], id="a sidecar restarts beside the app"),
        pytest.param((running("side"), ended("slow", 1), running("app")), None, ["slow"], id="also the slow one"),
    ],
)
def test_sidecars_start_in_order_and_go_on(
    found: tuple[RuntimeContainer, ...], startup: bool | None, expected: list[str]
) -> None:
    memory = remembering(probes={"slow-0": ProbeResults(startup=startup)})
    assert starts(decide(*found, init=(SIDE, SLOW), memory=memory)) == expected


def test_a_sidecar_that_was_known_as_started_is_so_before_its_probe_says_anything() -> None:
    known = ContainerStatus(name="slow", container_id="sim://slow-0", started=True)
    memory = remembering(reported=PodStatus(init_container_statuses=(known,)))
    assert starts(decide(running("slow"), init=(SLOW,), memory=memory)) == ["app"]


def test_nothing_is_started_that_is_being_started() -> None:
    assert starts(decide(created("app"), memory=remembering(starting={"app"}))) == []
    assert starts(decide(init=(FIRST,), memory=remembering(starting={"first"}))) == []
    assert starts(decide(running("side"), init=(SIDE,), memory=remembering(starting={"side"}))) == []


def test_what_was_made_but_never_started_is_made_anew_under_the_same_number() -> None:
    (start,) = decide(ended("app", 1, 0, until=1), created("app", 1, created=2)).starts
    assert (start.attempt, start.removes) == (1, ("app-1",))


def test_a_start_that_failed_is_tried_again_when_its_time_comes_and_holds_up_no_other() -> None:
    memory = remembering(failures={"a": StartFailure(0, "ErrImagePull", "no", at(30))})
    pod = pod_of(make_container("a"), make_container("b"))
    early = plan(pod, observing(), memory, at(29))
    assert (starts(early), early.wake_at) == (["b"], at(30))
    assert starts(plan(pod, observing(), memory, at(30))) == ["a", "b"]


def test_a_sandbox_that_could_not_be_made_is_tried_again_when_its_time_comes() -> None:
    memory = remembering(sandbox_retry_at=at(10))
    assert plan(pod_of(), NOTHING, memory, at(9)) == Plan(wake_at=at(10))
    assert plan(pod_of(), NOTHING, memory, at(10)).sandbox is not None


def test_ephemeral_containers_start_whatever_the_others_do_and_only_once() -> None:
    debugger = (EphemeralContainer(name="debugger", image="busybox"),)
    pod = pod_of(init=(FIRST,), ephemeral_containers=debugger)
    assert starts(plan(pod, observing(running("first")), remembering(), at(0))) == ["debugger"]
    assert starts(plan(pod, observing(running("first"), ended("debugger", 1)), remembering(), at(0))) == []
    gone = ContainerStatus(name="debugger", state=ContainerState(terminated=ContainerStateTerminated(exit_code=1)))
    memory = remembering(reported=PodStatus(ephemeral_container_statuses=(gone,)))
    assert starts(plan(pod, observing(running("first")), memory, at(0))) == []


@pytest.mark.parametrize(
    ("policy", "exit_code", "expected"),
    [("Never", 1, []), ("OnFailure", 0, []), ("OnFailure", 1, ["app"]), ("Always", 0, ["app"])],
)
def test_a_container_that_is_done_is_not_started_again_while_another_runs(
    policy: str, exit_code: int, expected: list[str]
) -> None:
    pod = pod_of(APP, make_container("other"), policy=policy)
    found = observing(ended("app", exit_code), running("other"))
    assert starts(plan(pod, found, remembering(), at(100))) == expected


# A sandbox that has died.


def test_a_dead_sandbox_is_replaced_once_nothing_runs_and_init_containers_run_again() -> None:
    dead = sandbox(ready=False)
    remains = (dead, ended("first", 0), ended("app", 137))
    decided = decide(*remains, init=(FIRST,))
    assert decided.sandbox == MakeSandbox(attempt=1, replaces=("s0",))
    fresh = sandbox("s1", attempt=1, created=2)
    assert starts(decide(fresh, *remains, init=(FIRST,))) == ["first"]
    again = ended("first", 0, 1, sandbox="s1", since=3, until=4)
    assert starts(decide(fresh, *remains, again, init=(FIRST,))) == ["app"]


def test_what_runs_without_its_sandbox_ends_before_there_is_a_new_one() -> None:
    decided = decide(sandbox(ready=False), running("app"))
    assert decided.sandbox is None
    (stop,) = decided.stops
    assert (stop.reason, stop.restart, stop.deadline) == (StopReason.SANDBOX_CHANGED, True, at(130))


@pytest.mark.parametrize(("policy", "restart"), [("Always", True), ("Never", False)])
def test_what_runs_in_an_old_sandbox_ends_before_it_is_started_in_the_new_one(policy: str, restart: bool) -> None:
    old, new = sandbox("s0", ready=False), sandbox("s1", attempt=1, created=1)
    decided = decide(old, new, running("app"), policy=policy)
    assert (starts(decided), [stop.restart for stop in decided.stops]) == ([], [restart])


def test_of_two_ready_sandboxes_none_is_kept() -> None:
    decided = decide(sandbox("s0"), sandbox("s1", attempt=1, created=1))
    assert decided.sandbox == MakeSandbox(attempt=2, replaces=("s1", "s0"))


@pytest.mark.parametrize(
    ("policy", "exit_code", "goes_on"),
    [
        ("Always", 0, True),
        ("OnFailure", 0, False),
        ("OnFailure", 137, True),
        ("Never", 0, False),
        ("Never", 137, False),
    ],
)
def test_a_pod_gets_a_new_sandbox_only_if_something_is_left_to_run(policy: str, exit_code: int, goes_on: bool) -> None:
    decided = decide(sandbox(ready=False), ended("app", exit_code), policy=policy)
    assert (decided.sandbox is not None) is goes_on
    assert decided.ended is not goes_on


# What the runtime has lost.


@pytest.mark.parametrize(("policy", "expected"), [("Always", ["app"]), ("Never", [])])
def test_a_container_of_which_nothing_is_left_has_run_if_its_status_says_so(policy: str, expected: list[str]) -> None:
    known = ContainerStatus(name="app", restart_count=4, state=ContainerState(running=ContainerStateRunning()))
    memory = remembering(reported=PodStatus(phase="Running", container_statuses=(known,)))
    decided = decide(policy=policy, memory=memory)
    assert starts(decided) == expected
    assert [start.attempt for start in decided.starts] == [5] * len(expected)


def test_a_container_that_nobody_knows_the_state_of_is_stopped_before_it_is_started_anew() -> None:
    decided = decide(out_of_sight("app"))
    assert (stops(decided), starts(decided)) == (["app"], [])
    assert decided.stops[0].message == 'Container is in "unknown" state, try killing it before restart'
    (start,) = decide(out_of_sight("app"), memory=remembering(stopped={"app-0"})).starts
    assert (start.attempt, start.removes) == (1, ("app-0",))


def test_a_pod_that_has_ended_is_left_alone_whatever_the_runtime_has_lost() -> None:
    pod = replace(pod_of(), status=PodStatus(phase="Succeeded"))
    assert plan(pod, NOTHING, remembering(), at(0)) == Plan(over=True, ended=True)
