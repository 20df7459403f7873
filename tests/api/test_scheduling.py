"""Requests are added up, taints tolerated and nodes selected as kube-scheduler and kubelet do it."""

import pytest

from vk_core.api.affinity import Affinity, NodeAffinity, NodeSelector, NodeSelectorRequirement, NodeSelectorTerm
from vk_core.api.container import Container, ResourceRequirements
from vk_core.api.meta import ObjectMeta
from vk_core.api.node import Node, Taint
from vk_core.api.pod import Pod, PodSpec, Toleration
from vk_core.api.scheduling import insufficient, pod_requests, qos_class, selects_node, tolerates, untolerated_taint


def container(
    cpu: str = "", memory: str = "", *, limits: dict[str, str] | None = None, restart_policy: str | None = None
) -> Container:
    requests = {name: value for name, value in {"cpu": cpu, "memory": memory}.items() if value}
    return Container(
        name="c", restart_policy=restart_policy, resources=ResourceRequirements(requests=requests, limits=limits or {})
    )


def pod(*containers: Container, init: tuple[Container, ...] = (), **spec: object) -> Pod:
    return Pod(spec=PodSpec(containers=containers, init_containers=init, **spec))  # type: ignore[arg-type]


def test_containers_are_added_up_and_only_the_largest_init_container_counts() -> None:
    subject = pod(container("100m", "1Gi"), container("200m"), init=(container("250m"), container("1", "1Mi")))
    assert pod_requests(subject) == {"cpu": 1000, "memory": 2**30}


def test_sidecars_count_beside_the_containers_and_beside_the_init_containers_after_them() -> None:
    sidecar = container("100m", restart_policy="Always")
    assert pod_requests(pod(container("500m"), init=(container("550m"), sidecar))) == {"cpu": 600}
    assert pod_requests(pod(container("500m"), init=(sidecar, container("550m")))) == {"cpu": 650}
    assert pod_requests(pod(init=(sidecar, sidecar))) == {"cpu": 200}


def test_pod_level_requests_replace_the_sum_and_overhead_comes_on_top() -> None:
    level = ResourceRequirements(requests={"cpu": "2"})
    subject = pod(container("500m", "1Ki"), resources=level, overhead={"cpu": "10m", "memory": "1"})
    assert pod_requests(subject) == {"cpu": 2010, "memory": 1025}


def test_a_node_lacks_what_it_cannot_give_to_one_more_pod() -> None:
    allocatable = {"cpu": 1000, "memory": 100, "pods": 2}
    used = {"cpu": 600, "pods": 1}
    assert insufficient({"cpu": 400}, used=used, allocatable=allocatable) == []
    assert insufficient({"cpu": 401, "example.com/gpu": 1}, used=used, allocatable=allocatable) == [
        "cpu",
        "example.com/gpu",
    ]
    assert insufficient({"example.com/gpu": 0}, used={"pods": 2}, allocatable=allocatable) == ["pods"]


TAINT = Taint(key="k", value="v", effect="NoSchedule")


@pytest.mark.parametrize(
    ("toleration", "accepted"),
    [
        (Toleration(operator="Exists"), True),
        (Toleration(operator="Exists", effect="NoExecute"), False),
        (Toleration(key="k", operator="Exists"), True),
        (Toleration(key="k", value="v", effect="NoSchedule"), True),
        (Toleration(key="k", operator="Equal", value="w"), False),
        (Toleration(key="other", operator="Exists"), False),
        (Toleration(value="v"), False),
        (Toleration(key="k", operator="Sometimes", value="v"), False),
    ],
)
def test_a_toleration_accepts_a_taint(toleration: Toleration, accepted: bool) -> None:
    assert tolerates(toleration, TAINT) is accepted


def test_only_taints_that_forbid_need_a_toleration() -> None:
    prefer = Taint(key="p", effect="PreferNoSchedule")
    assert untolerated_taint((), (prefer,)) is None
    assert untolerated_taint((), (prefer, TAINT)) == TAINT
    assert untolerated_taint((Toleration(key="k", operator="Exists"),), (prefer, TAINT)) is None


def affinity(*terms: NodeSelectorTerm) -> Affinity:
    required = NodeSelector(node_selector_terms=terms)
    return Affinity(node_affinity=NodeAffinity(required_during_scheduling_ignored_during_execution=required))


def test_a_node_has_to_satisfy_both_the_node_selector_and_the_required_affinity() -> None:
    node = Node(metadata=ObjectMeta(name="n1", labels={"zone": "a"}))
    in_zone = NodeSelectorTerm(match_expressions=(NodeSelectorRequirement(key="zone", operator="In", values=("a",)),))
    named = NodeSelectorTerm(match_fields=(NodeSelectorRequirement(key="metadata.name", operator="In", values=("x",)),))
    assert selects_node(pod(), node)
    assert selects_node(pod(node_selector={"zone": "a"}, affinity=affinity(named, in_zone)), node)
    assert not selects_node(pod(node_selector={"zone": "b"}, affinity=affinity(in_zone)), node)
    assert not selects_node(pod(node_selector={"zone": "a"}, affinity=affinity(named)), node)
    assert not selects_node(pod(affinity=affinity()), node)


FULL = {"cpu": "1", "memory": "1Gi"}


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        (pod(container()), "BestEffort"),
        (pod(Container(resources=ResourceRequirements(requests={"example.com/gpu": "1"}))), "BestEffort"),
        (pod(container("1")), "Burstable"),
        (pod(container(limits=FULL)), "Guaranteed"),
        (pod(container("1000m", "1024Mi", limits=FULL)), "Guaranteed"),
        (pod(container("500m", "1Gi", limits=FULL)), "Burstable"),
        (pod(container(limits=FULL), container()), "Burstable"),
        (pod(container(limits=FULL), init=(container(),)), "Burstable"),
        (pod(container(), resources=ResourceRequirements(limits=FULL)), "Guaranteed"),
    ],
)
def test_the_qos_class_follows_from_requests_and_limits(subject: Pod, expected: str) -> None:
    assert qos_class(subject) == expected
