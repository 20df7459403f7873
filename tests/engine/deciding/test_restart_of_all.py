"""A rule may start all containers of a pod anew when one ends with a certain exit code (KEP-5532)."""

from __future__ import annotations

from tests.engine.deciding.observing import at, ended, observing, pod_of, remembering, running, starts, stops
from tests.engine.deciding.simulation import World
from vk_core.api.container import ContainerRestartRule, ContainerRestartRuleOnExitCodes
from vk_core.engine.deciding.plan import plan
from vk_core.engine.deciding.status import pod_status
from vk_core.testing import make_container

CODES = ContainerRestartRuleOnExitCodes(operator="In", values=(42,))
ASKS = make_container(
    "asks",
    restart_policy="Never",
    restart_policy_rules=(ContainerRestartRule(action="RestartAllContainers", exit_codes=CODES),),
)
POD = pod_of(ASKS, make_container("other"), init=(make_container("init"),), policy="Never")


def test_everything_is_stopped_then_removed_and_last_what_asked_for_it() -> None:
    found = observing(ended("init", 0), ended("asks", 42), running("other"))
    decided = plan(POD, found, remembering(), at(10))
    assert (stops(decided), decided.removes, starts(decided)) == (["other"], (), [])
    assert decided.stops[0].seconds_left(at(10)) == 0
    found = observing(ended("init", 0), ended("asks", 42), ended("other", 137))
    assert plan(POD, found, remembering(), at(10)).removes == ("other-0", "init-0", "asks-0")


def test_the_status_says_so_meanwhile() -> None:
    memory = remembering()
    whole = observing(ended("init", 0), ended("asks", 42), ended("other", 137))
    memory.reported = pod_status(POD, whole, memory, at(10))
    status = pod_status(POD, observing(ended("asks", 42)), memory, at(10))
    other = status.container_statuses[1]
    assert status.phase != "Failed"
    assert other.state.waiting is not None
    assert other.state.waiting.reason == "RestartingAllContainers"
    assert other.last_state.terminated is not None
    assert (other.last_state.terminated.reason, other.restart_count) == ("RestartingAllContainers", 1)
    condition = next(one for one in status.conditions if one.type == "AllContainersRestarting")
    assert (condition.status, condition.reason) == ("True", "RestartAllContainersStarted")


def test_a_pod_whose_containers_are_all_removed_has_not_failed() -> None:
    memory = remembering()
    whole = observing(ended("init", 0), ended("asks", 42), ended("other", 137))
    memory.reported = pod_status(POD, whole, memory, at(10))
    memory.reported = pod_status(POD, observing(), memory, at(10))
    again = pod_status(POD, observing(), memory, at(10))
    for status in (memory.reported, again):
        assert status.phase == "Running"
        assert [one.restart_count for one in status.container_statuses] == [1, 1]
    assert starts(plan(POD, observing(), memory, at(10))) == ["init"]


def test_another_exit_code_ends_the_pod() -> None:
    found = observing(ended("init", 0), ended("asks", 1), ended("other", 0))
    assert pod_status(POD, found, remembering(), at(10)).phase == "Failed"


def test_all_of_it_begins_again_with_the_init_containers() -> None:
    world = World(POD)
    world.settle()
    (asks,) = world.alive("asks")
    world.end(asks.id, 42)
    world.settle()
    assert world.runs == {"init": 2, "asks": 2, "other": 2}
    assert world.memory.reported is not None
    assert world.memory.reported.phase == "Running"
    assert [one.restart_count for one in world.memory.reported.container_statuses] == [1, 1]
