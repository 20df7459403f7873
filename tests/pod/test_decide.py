"""What is done about a pod next follows from what is known about it, and from nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from tests.support.pods import (
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
from vk_core.api.container import ResourceRequirements
from vk_core.api.pod import Pod, Toleration
from vk_core.api.podstatus import PodStatus
from vk_core.pod.decide import Action, Decision, decide, grace_period_seconds, is_static, may_remove, needs_update
from vk_core.pod.record import PodRecord
from vk_core.provider import OWNER_ANNOTATION
from vk_core.testing import make_container, make_pod

POD = pod_with("main")
NEVER = with_spec(POD, restart_policy="Never")
RUNS = status_of(running(), phase="Running")
SUCCEEDED = status_of(ended(), phase="Succeeded")
FAILED = status_of(ended(code=1), phase="Failed")


def present(pod: Pod = POD, actual: PodStatus | None = RUNS, **fields: Any) -> PodRecord:
    return record_of(pod, present=True, actual=actual, **{"handed": pod, **fields})


@pytest.mark.parametrize(
    ("record", "action"),
    [
        pytest.param(record_of(POD), Action.CREATE, id="new"),
        pytest.param(record_of(POD, trouble="no"), Action.CREATE, id="failed before"),
        pytest.param(record_of(POD, status=status_of(waiting(), phase="Pending")), Action.CREATE, id="never started"),
        pytest.param(present(), Action.NOTHING, id="as wanted"),
        pytest.param(present(actual=None), Action.NOTHING, id="accepted, nothing heard yet"),
        pytest.param(present(handed=pod_with("other")), Action.UPDATE, id="changed"),
        pytest.param(record_of(POD, status=RUNS), Action.RECREATE, id="lost by the provider"),
        pytest.param(record_of(POD, actual=RUNS), Action.RECREATE, id="lost before it was written"),
        pytest.param(record_of(NEVER, status=RUNS), Action.GIVE_UP, id="lost, restart policy Never"),
        pytest.param(record_of(NEVER), Action.CREATE, id="new, restart policy Never"),
        pytest.param(record_of(POD, wanted=False), Action.FORGET, id="gone everywhere"),
        pytest.param(present(wanted=False), Action.STOP, id="orphan"),
        pytest.param(
            present(wanted=False, actual=SUCCEEDED, stop_grace_seconds=0), Action.FORGET, id="orphan that has ended"
        ),
        pytest.param(present(deleting(POD)), Action.STOP, id="deleted"),
        pytest.param(record_of(deleting(POD)), Action.NOTHING, id="deleted before it was created"),
        pytest.param(present(deleting(POD), stop_grace_seconds=30), Action.NOTHING, id="stop asked for"),
        pytest.param(present(deleting(POD), stop_grace_seconds=5), Action.NOTHING, id="a longer grace changes nothing"),
        pytest.param(
            record_of(POD, verdict=PodStatus(phase="Failed", reason="OutOfpods")), Action.NOTHING, id="rejected"
        ),
    ],
)
def test_the_next_action(record: PodRecord, action: Action) -> None:
    assert decide(record).action is action


@pytest.mark.parametrize("finished", [SUCCEEDED, FAILED], ids=["Succeeded", "Failed"])
@pytest.mark.parametrize("policy", ["Always", "OnFailure", "Never"])
def test_a_finished_pod_is_never_run_again(finished: PodStatus, policy: str) -> None:
    """B8: a restart created pods again that had finished meanwhile."""
    pod = with_spec(POD, restart_policy=policy)
    assert decide(record_of(pod, status=finished)).action is Action.NOTHING
    assert decide(record_of(pod, actual=finished)).action is Action.NOTHING
    assert decide(record_of(pod, status=RUNS, actual=finished)).action is Action.NOTHING
    assert decide(present(pod, finished)).action is Action.NOTHING


def test_what_still_runs_of_a_pod_that_is_failed_in_the_cluster_is_stopped() -> None:
    """B6: a pod could run on in the provider while the cluster had it as Failed."""
    evicted = replace(POD, status=PodStatus(phase="Failed", reason="Evicted"))
    assert decide(present(evicted)).action is Action.STOP


def test_a_shorter_grace_period_is_passed_on_and_a_pod_that_has_ended_is_only_cleared_away() -> None:
    assert decide(present(deleting(POD, 30))) == Decision(Action.STOP, 30)
    assert decide(present(deleting(POD, 0), stop_grace_seconds=30)) == Decision(Action.STOP, 0)
    assert decide(present(deleting(POD, 30), SUCCEEDED)) == Decision(Action.STOP, 0)
    assert decide(present(deleting(POD, 0), SUCCEEDED, stop_grace_seconds=30)).action is Action.NOTHING


def test_a_missing_grace_period_is_taken_from_the_specification_or_the_default() -> None:
    """B29: `deletionGracePeriodSeconds` may be null."""
    assert grace_period_seconds(deleting(POD, None)) == 30
    assert grace_period_seconds(deleting(with_spec(POD, termination_grace_period_seconds=7), None)) == 7
    assert grace_period_seconds(deleting(with_spec(POD, termination_grace_period_seconds=None), None)) == 30
    assert grace_period_seconds(deleting(with_spec(POD, termination_grace_period_seconds=7), 0)) == 0


@pytest.mark.parametrize(
    ("annotations", "static"),
    [
        pytest.param({"kubernetes.io/config.mirror": "x"}, True, id="mirror"),
        pytest.param({"kubernetes.io/config.source": "file"}, True, id="file"),
        pytest.param({"kubernetes.io/config.source": "api"}, False, id="api"),
        pytest.param({}, False, id="ordinary"),
    ],
)
def test_static_and_mirror_pods_are_never_started(annotations: dict[str, str], static: bool) -> None:
    pod = make_pod(annotations=annotations)
    assert is_static(pod) is static
    assert decide(record_of(pod)).action is (Action.NOTHING if static else Action.CREATE)


@pytest.mark.parametrize(
    ("record", "removable"),
    [
        pytest.param(record_of(deleting(POD)), True, id="never created"),
        pytest.param(record_of(deleting(POD), calling=True), False, id="being created right now"),
        pytest.param(present(deleting(POD), SUCCEEDED, stop_grace_seconds=30), True, id="ended"),
        pytest.param(present(deleting(POD), SUCCEEDED), False, id="ended, provider not told yet"),
        pytest.param(present(deleting(POD), stop_grace_seconds=30), False, id="still runs"),
        pytest.param(present(deleting(POD), None, stop_grace_seconds=30), False, id="nothing heard yet"),
        pytest.param(present(POD, SUCCEEDED, stop_grace_seconds=30), False, id="not deleted"),
        pytest.param(record_of(deleting(POD), removed=True), False, id="removed already"),
        pytest.param(record_of(deleting(POD), wanted=False), False, id="gone from the cluster"),
    ],
)
def test_a_deleted_pod_is_let_go_of_only_when_nothing_of_it_runs(record: PodRecord, removable: bool) -> None:
    assert may_remove(record) is removable


def test_a_pod_with_one_container_still_running_has_not_ended() -> None:
    pod = deleting(pod_with("one", "two"))
    half = status_of(ended("one"), running("two"), phase="Running")
    assert not may_remove(present(pod, half, stop_grace_seconds=30))
    whole = status_of(ended("one"), ended("two", 137), phase="Running")
    assert may_remove(present(pod, whole, stop_grace_seconds=30))


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param(with_spec(POD, containers=(make_container("main", image="busybox:2"),)), id="image"),
        pytest.param(
            with_spec(
                POD,
                containers=(make_container("main", resources=ResourceRequirements(requests={"cpu": "2"})),),
            ),
            id="resize",
        ),
        pytest.param(with_spec(POD, active_deadline_seconds=5), id="deadline"),
        pytest.param(with_spec(POD, tolerations=(Toleration(operator="Exists"),)), id="tolerations"),
        pytest.param(with_metadata(POD, labels={"a": "b"}), id="labels"),
        pytest.param(with_metadata(POD, annotations={"a": "b"}), id="annotations"),
    ],
)
def test_a_change_that_a_running_pod_can_take_over_is_an_update(changed: Pod) -> None:
    assert needs_update(present(changed, handed=POD))


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param(replace(POD, status=SUCCEEDED), id="status"),
        pytest.param(with_metadata(POD, resource_version="99", generation=9), id="version"),
        pytest.param(with_metadata(POD, finalizers=("a/b",)), id="finalizers"),
        pytest.param(with_metadata(POD, annotations={OWNER_ANNOTATION: "ours"}), id="our own mark"),
    ],
)
def test_nothing_else_is_an_update(changed: Pod) -> None:
    """B24: providers were stormed with updates because of fields that had not really changed."""
    assert not needs_update(present(changed, handed=POD))


def test_a_pod_that_is_being_stopped_is_not_updated() -> None:
    changed = with_metadata(deleting(POD), labels={"a": "b"})
    assert not needs_update(present(changed, handed=POD, stop_grace_seconds=30))
