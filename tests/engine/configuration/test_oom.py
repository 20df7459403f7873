"""How soon containers are ended when memory runs out, from the tables of the documentation."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from tests.engine.configuration.making import GIB, pod, resources
from vk_core.api.container import ResourceRequirements
from vk_core.api.podstatus import PodStatus
from vk_core.engine.configuration.oom import oom_score_adj
from vk_core.testing import make_container

FULL = resources(cpu="1", memory="1Gi", limits={"cpu": "1", "memory": "1Gi"})


def score(own: ResourceRequirements, memory: int = 4 * GIB, **fields: Any) -> int:
    made = pod(make_container(resources=own), **fields)
    return oom_score_adj(made, made.spec.containers[0], memory)


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        pytest.param(resources(), 1000, id="best-effort"),
        pytest.param(FULL, -997, id="guaranteed"),
        pytest.param(resources(memory="1Gi"), 750, id="a-quarter-of-the-machine"),
        pytest.param(resources(memory="400Mi"), 903, id="a-tenth"),
        pytest.param(resources(memory="4Gi"), 3, id="all-of-it-is-still-above-guaranteed"),
        pytest.param(resources(memory="8Gi"), 3, id="more-than-there-is"),
        pytest.param(resources(memory="1"), 999, id="next-to-nothing-is-below-best-effort"),
        pytest.param(resources(cpu="1"), 999, id="burstable-without-memory"),
    ],
)
def test_score_by_quality_of_service(own: ResourceRequirements, expected: int) -> None:
    assert score(own) == expected


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({"priority_class_name": "system-node-critical", "priority": 2_000_001_000}, -997, id="critical"),
        pytest.param({"priority_class_name": "system-node-critical", "priority": 5}, 1000, id="a-class-of-that-name"),
        pytest.param({"priority_class_name": "system-cluster-critical", "priority": 2_000_000_000}, 1000, id="cluster"),
    ],
)
def test_what_the_node_cannot_do_without_is_ended_last(fields: dict[str, Any], expected: int) -> None:
    assert score(resources(), **fields) == expected


@pytest.mark.parametrize(("known", "expected"), [("Guaranteed", -997), ("BestEffort", 1000), ("Burstable", 750)])
def test_the_class_that_a_pod_was_created_with_stays(known: str, expected: int) -> None:
    made = replace(pod(make_container(resources=resources(memory="1Gi"))), status=PodStatus(qos_class=known))

    assert oom_score_adj(made, made.spec.containers[0], 4 * GIB) == expected


def test_memory_that_is_requested_for_no_container_is_shared_by_all() -> None:
    made = pod(
        make_container("a", resources=resources(memory="1Gi")),
        make_container("b"),
        resources=resources(memory="3Gi"),
    )

    scores = [oom_score_adj(made, one, 8 * GIB) for one in made.spec.containers]

    assert scores == [1000 - 1000 * 2 // 8, 1000 - 1000 * 1 // 8]


@pytest.mark.parametrize(("own", "expected"), [("64Mi", 750), ("2Gi", 500)])
def test_a_sidecar_is_ended_no_sooner_than_the_containers_it_serves(own: str, expected: int) -> None:
    made = pod(
        make_container("small", resources=resources(memory="1Gi")),
        make_container("large", resources=resources(memory="2Gi")),
        init_containers=(make_container("side", restart_policy="Always", resources=resources(memory=own)),),
    )

    assert oom_score_adj(made, made.spec.init_containers[0], 4 * GIB) == expected
