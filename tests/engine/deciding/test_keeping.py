"""When a container that runs is stopped in order to start it anew, and when it gets other resources as it runs."""

from __future__ import annotations

import dataclasses

import pytest
from msgspec.structs import replace

from tests.engine.deciding.observing import (
    PROBE,
    at,
    ended,
    observing,
    pod_of,
    remembering,
    running,
    sidecar,
    starts,
)
from vk_core.api.container import ContainerResizePolicy, ResourceRequirements
from vk_core.api.podstatus import ContainerStatus, PodStatus
from vk_core.engine.deciding.actions import Stop, StopReason
from vk_core.engine.deciding.memory import PodMemory, ProbeResults
from vk_core.engine.deciding.plan import plan
from vk_core.engine.deciding.status import pod_status
from vk_core.testing import make_container

BRIEF = replace(PROBE, termination_grace_period_seconds=7)
APP = make_container("app", liveness_probe=BRIEF, startup_probe=PROBE)
SIDE = sidecar("app", liveness_probe=BRIEF, startup_probe=PROBE)


def stop_of(*, policy: str = "Always", as_sidecar: bool = False, memory: PodMemory) -> Stop | None:
    """What is done about a running container called `app`."""
    pod = pod_of(make_container("other"), init=(SIDE,), policy=policy) if as_sidecar else pod_of(APP, policy=policy)
    found = (running("app", made_of=APP), running("other")) if as_sidecar else (running("app", made_of=APP),)
    decided = plan(pod, observing(*found), memory, at(100))
    assert starts(decided) == []
    return decided.stops[0] if decided.stops else None


@pytest.mark.parametrize(
    ("results", "policy", "message", "grace", "restart"),
    [
        pytest.param(
            ProbeResults(True, False), "Always", "failed liveness probe, will be restarted", 7, True, id="liveness"
        ),
        pytest.param(
            ProbeResults(False), "OnFailure", "failed startup probe, will be restarted", 30, True, id="startup"
        ),
        pytest.param(ProbeResults(True, False), "Never", "failed liveness probe", 7, False, id="never again"),
    ],
)
def test_a_probe_that_fails_stops_its_container(
    results: ProbeResults, policy: str, message: str, grace: int, restart: bool
) -> None:
    stop = stop_of(policy=policy, memory=remembering(probes={"app-0": results}))
    assert stop is not None
    assert (stop.message, stop.restart) == (f"Container app {message}", restart)
    assert stop.deadline == at(100 + grace)


@pytest.mark.parametrize("results", [ProbeResults(), ProbeResults(True, True, False), ProbeResults(True, None)])
def test_a_probe_that_has_not_failed_and_readiness_stop_nothing(results: ProbeResults) -> None:
    assert stop_of(memory=remembering(probes={"app-0": results})) is None


@pytest.mark.parametrize(
    ("results", "probe"), [(ProbeResults(True, False), "liveness"), (ProbeResults(False, None), "startup")]
)
def test_a_sidecar_is_an_init_container_in_the_words_of_events(results: ProbeResults, probe: str) -> None:
    stop = stop_of(as_sidecar=True, memory=remembering(probes={"app-0": results}))
    assert stop is not None
    assert stop.message == f"Init container app failed {probe} probe"
    assert stop.restart


def test_the_liveness_of_a_sidecar_counts_once_it_has_started() -> None:
    assert stop_of(as_sidecar=True, memory=remembering(probes={"app-0": ProbeResults(None, False)})) is None


def test_a_stop_that_has_begun_keeps_its_deadline() -> None:
    memory = remembering(probes={"app-0": ProbeResults(True, False)})
    begun = stop_of(memory=memory)
    assert begun is not None
    memory.note_stopping(dataclasses.replace(begun, deadline=at(20)))
    again = stop_of(memory=memory)
    assert again is not None
    assert again.deadline == at(20)


def test_a_container_that_was_stopped_to_restart_does_so_although_it_ended_well() -> None:
    memory = remembering(probes={"app-0": ProbeResults(True, False)})
    begun = stop_of(policy="OnFailure", memory=memory)
    assert begun is not None
    memory.note_stopping(begun)
    found = observing(ended("app", 0))
    assert starts(plan(pod_of(APP, policy="OnFailure"), found, memory, at(101))) == ["app"]
    assert pod_status(pod_of(APP, policy="OnFailure"), found, memory, at(101)).phase == "Running"
    assert plan(pod_of(APP, policy="OnFailure"), found, remembering(), at(101)).over


@pytest.mark.parametrize("policy", ["Always", "Never"])
def test_a_changed_image_restarts_a_container_whatever_its_policy(policy: str) -> None:
    pod = pod_of(make_container("app", image="busybox:1.38"), policy=policy)
    decided = plan(pod, observing(running("app", made_of=make_container("app"))), remembering(), at(0))
    (stop,) = decided.stops
    assert (stop.reason, stop.restart) == (StopReason.DEFINITION_CHANGED, True)
    assert stop.message == "Container app definition changed, will be restarted"


# Resize in place (KEP-1287).


def resources(cpu: str, memory: str) -> ResourceRequirements:
    return ResourceRequirements(requests={"cpu": cpu, "memory": memory}, limits={"cpu": cpu, "memory": memory})


def resizing(
    given: ResourceRequirements, wanted: ResourceRequirements, *restarts_for: str
) -> tuple[list[str], list[str]]:
    """Which containers are resized in place, and which stopped."""
    policies = tuple(
        ContainerResizePolicy(resource_name=one, restart_policy="RestartContainer") for one in restarts_for
    )
    pod = pod_of(make_container("app", resources=wanted, resize_policy=policies))
    decided = plan(pod, observing(running("app")), remembering(actuated={"app-0": given}), at(0))
    return [one.container.name for one in decided.resizes], [one.message for one in decided.stops]


def test_other_resources_are_given_in_place_unless_their_policy_wants_a_restart() -> None:
    small, large = resources("100m", "64Mi"), resources("200m", "64Mi")
    assert resizing(small, large) == (["app"], [])
    assert resizing(small, large, "memory") == (["app"], [])
    assert resizing(small, large, "cpu") == ([], ["Container app resize requires restart"])
    assert resizing(small, small) == ([], [])


def test_the_same_amount_in_other_words_is_no_change() -> None:
    assert resizing(resources("1", "1Gi"), resources("1000m", "1024Mi")) == ([], [])


def test_less_is_given_before_more() -> None:
    pod = pod_of(
        make_container("grows", resources=resources("2", "64Mi")),
        make_container("shrinks", resources=resources("1", "64Mi")),
    )
    memory = remembering(actuated={"grows-0": resources("1", "64Mi"), "shrinks-0": resources("2", "64Mi")})
    decided = plan(pod, observing(running("grows"), running("shrinks")), memory, at(0))
    assert [one.container.name for one in decided.resizes] == ["shrinks", "grows"]


def test_after_a_restart_the_status_tells_what_a_container_was_given() -> None:
    pod = pod_of(make_container("app", resources=resources("2", "64Mi")))
    known = ContainerStatus(name="app", container_id="sim://app-0", resources=resources("1", "64Mi"))
    memory = remembering(reported=PodStatus(container_statuses=(known,)))
    assert len(plan(pod, observing(running("app")), memory, at(0)).resizes) == 1


def test_the_status_shows_what_is_given_until_it_is_changed() -> None:
    wanted, given = resources("2", "64Mi"), resources("1", "64Mi")
    memory = remembering(actuated={"app-0": given}, resize_problem="no room")
    pod = pod_of(make_container("app", resources=wanted))
    status = pod_status(pod, observing(running("app")), memory, at(0))
    (container,) = status.container_statuses
    assert container.resources == given
    assert container.allocated_resources == wanted.requests
    condition = next(one for one in status.conditions if one.type == "PodResizeInProgress")
    assert (condition.status, condition.reason, condition.message) == ("True", "Error", "no room")
    gone = pod_status(pod, observing(ended("app", 0)), memory, at(0))
    assert gone.container_statuses[0].resources == wanted
    memory.actuated["app-0"] = wanted
    done = pod_status(pod, observing(running("app")), memory, at(0))
    assert "PodResizeInProgress" not in {one.type for one in done.conditions}
