"""A resource reference is the amount in units of the divisor, rounded up; limits default to the pod's, the node's."""

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vk_core.api.container import Container, EphemeralContainer, ResourceRequirements
from vk_core.api.pod import Pod, PodSpec
from vk_core.api.volumes import ResourceFieldSelector
from vk_core.materials.environment.resources import resource_value
from vk_core.materials.objects import PodFacts

LIMITED = ResourceRequirements(
    limits={"cpu": "1500m", "memory": "300Mi", "ephemeral-storage": "1G", "hugepages-2Mi": "6Mi"},
    requests={"cpu": "250m", "memory": "64Mi", "ephemeral-storage": "1k", "hugepages-2Mi": "4Mi"},
)
ALLOCATABLE = {"cpu": "7910m", "memory": "16Gi", "ephemeral-storage": "100G", "hugepages-2Mi": "64Mi"}


def facts_of(pod: ResourceRequirements | None = None) -> PodFacts:
    return PodFacts(
        Pod(
            spec=PodSpec(
                containers=(Container(name="app", resources=LIMITED), Container(name="free")),
                init_containers=(Container(name="init", resources=ResourceRequirements(limits={"cpu": "3"})),),
                ephemeral_containers=(EphemeralContainer(name="debug"),),
                resources=pod,
            )
        ),
        allocatable=ALLOCATABLE,
    )


def value(resource: str, divisor: str = "", *, of: str = "", by: str = "app", facts: PodFacts | None = None) -> str:
    selector = ResourceFieldSelector(container_name=of, resource=resource, divisor=divisor)
    return resource_value(selector, facts or facts_of(), by)


@pytest.mark.parametrize(
    ("resource", "divisor", "expected"),
    [
        ("limits.cpu", "", "2"),
        ("limits.cpu", "0", "2"),
        ("limits.cpu", "1m", "1500"),
        ("requests.cpu", "1", "1"),
        ("limits.memory", "1Mi", "300"),
        ("limits.memory", "1Gi", "1"),
        ("requests.memory", "", str(64 * 2**20)),
        ("limits.ephemeral-storage", "1M", "1000"),
        ("requests.ephemeral-storage", "1Ki", "1"),
        ("limits.hugepages-2Mi", "1Mi", "6"),
        ("requests.hugepages-2Mi", "1Mi", "4"),
        ("limits.hugepages-1Gi", "1Gi", "0"),
    ],
)
def test_an_amount_is_counted_in_units_of_the_divisor(resource: str, divisor: str, expected: str) -> None:
    assert value(resource, divisor) == expected


def test_a_limit_that_is_not_set_is_what_the_node_has_for_pods() -> None:
    assert value("limits.cpu", by="free") == "8"
    assert value("limits.memory", "1Gi", by="free") == "16"
    assert value("limits.ephemeral-storage", "1G", by="free") == "100"
    assert value("limits.hugepages-2Mi", by="free") == "0"
    assert value("limits.cpu", by="debug") == "8"


def test_a_limit_of_the_whole_pod_comes_before_that_of_the_node() -> None:
    facts = facts_of(ResourceRequirements(limits={"cpu": "4", "memory": "0", "hugepages-2Mi": "8Mi"}))
    assert value("limits.cpu", by="free", facts=facts) == "4"
    assert value("limits.cpu", by="app", facts=facts) == "2"
    assert value("limits.memory", "1Gi", by="free", facts=facts) == "16"
    assert value("limits.hugepages-2Mi", by="free", facts=facts) == "0"


def test_a_request_that_is_not_set_is_nothing() -> None:
    assert value("requests.cpu", by="free") == "0"
    assert value("requests.memory", of="init") == "0"


def test_another_container_may_be_named() -> None:
    assert value("limits.cpu", of="init") == "3"
    assert value("limits.cpu", of="app", by="free") == "2"
    with pytest.raises(ValueError, match="container none not found"):
        value("limits.cpu", of="none")


@pytest.mark.parametrize(
    "resource", ["cpu", "limits", "limits.gpu", "limits.nvidia.com/gpu", "claims.cpu", "", "limits."]
)
def test_a_resource_that_the_downward_api_does_not_have_is_refused_by_name(resource: str) -> None:
    with pytest.raises(ValueError, match=f"unsupported container resource: {resource}$"):
        value(resource)


def test_what_is_no_quantity_is_refused() -> None:
    with pytest.raises(ValueError, match="'much' is not a quantity"):
        value("limits.cpu", "much")


UNITS: dict[str, int | Fraction] = {
    "m": Fraction(1, 1000),
    "": 1,
    "k": 10**3,
    "M": 10**6,
    "Ki": 2**10,
    "Mi": 2**20,
    "Gi": 2**30,
}


@given(
    st.sampled_from(["cpu", "memory"]),
    st.integers(0, 10**6),
    st.sampled_from(sorted(UNITS)),
    st.sampled_from(["1" + unit for unit in sorted(UNITS)]),
)
def test_the_result_is_the_exact_quotient_rounded_up(resource: str, number: int, unit: str, divisor: str) -> None:
    container = Container(name="app", resources=ResourceRequirements(limits={resource: f"{number}{unit}"}))
    facts = PodFacts(Pod(spec=PodSpec(containers=(container,))))
    expected = math.ceil(Fraction(number) * UNITS[unit] / UNITS[divisor[1:]])
    assert value(f"limits.{resource}", divisor, facts=facts) == str(expected)
