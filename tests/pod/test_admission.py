"""Pods that the node cannot take are rejected with kubelet's reasons."""

from __future__ import annotations

import pytest

from tests.support.pods import pod_with
from vk_core.api.affinity import Affinity, NodeAffinity, NodeSelector, NodeSelectorRequirement, NodeSelectorTerm
from vk_core.api.container import ResourceRequirements
from vk_core.api.meta import ObjectMeta
from vk_core.api.node import Node, NodeSpec, NodeStatus, Taint
from vk_core.api.pod import Pod, PodOS, Toleration
from vk_core.pod.admission import Usage, admit
from vk_core.testing import make_container, make_pod

NODE = Node(
    metadata=ObjectMeta(name="virtual", labels={"kubernetes.io/os": "linux", "zone": "a"}),
    spec=NodeSpec(
        taints=(
            Taint(key="virtual-kubelet.io/provider", value="mock", effect="NoSchedule"),
            Taint(key="maintenance", value="now", effect="NoExecute"),
        )
    ),
    status=NodeStatus(allocatable={"cpu": "2", "memory": "1Gi", "pods": "3"}),
)
TOLERANT = (Toleration(key="maintenance", operator="Exists"),)


def asking(cpu: str = "100m", **requests: str) -> Pod:
    resources = ResourceRequirements(requests={"cpu": cpu, **requests})
    return make_pod(containers=(make_container(resources=resources),), tolerations=TOLERANT)


def in_zone(zone: str) -> Affinity:
    term = NodeSelectorTerm(match_expressions=(NodeSelectorRequirement(key="zone", operator="In", values=(zone,)),))
    required = NodeSelector(node_selector_terms=(term,))
    return Affinity(node_affinity=NodeAffinity(required_during_scheduling_ignored_during_execution=required))


@pytest.mark.parametrize(
    ("pod", "reason"),
    [
        pytest.param(asking(), "", id="fits"),
        pytest.param(asking("2001m"), "OutOfcpu", id="cpu"),
        pytest.param(asking(memory="2Gi"), "OutOfmemory", id="memory"),
        pytest.param(asking(**{"example.com/gpu": "1"}), "", id="what the node does not declare is not judged"),
        pytest.param(pod_with("a", os=PodOS(name="windows"), tolerations=TOLERANT), "PodOSNotSupported", id="os"),
        pytest.param(pod_with("a", os=PodOS(name="linux"), tolerations=TOLERANT), "", id="right os"),
        pytest.param(
            pod_with("a", node_selector={"kubernetes.io/os": "windows"}, tolerations=TOLERANT),
            "PodOSSelectorNodeLabelDoesNotMatch",
            id="os selector",
        ),
        pytest.param(pod_with("a", node_selector={"zone": "b"}, tolerations=TOLERANT), "NodeAffinity", id="selector"),
        pytest.param(pod_with("a", affinity=in_zone("b"), tolerations=TOLERANT), "NodeAffinity", id="affinity"),
        pytest.param(pod_with("a", affinity=in_zone("a"), tolerations=TOLERANT), "", id="right affinity"),
        pytest.param(pod_with("a"), "TaintToleration", id="NoExecute taint; NoSchedule is the scheduler's business"),
    ],
)
def test_a_pod_is_taken_or_rejected_with_kubelets_reason(pod: Pod, reason: str) -> None:
    rejection = admit(pod, NODE, Usage())
    assert (rejection.reason if rejection else "") == reason


def test_the_pods_of_the_node_share_what_it_has() -> None:
    usage = Usage()
    first, second = asking("1500m"), asking("600m")
    usage.add(first)
    usage.add(first)
    rejection = admit(second, NODE, usage)
    assert rejection is not None
    assert rejection.message == "Node didn't have enough resource: cpu, requested: 600, used: 1500, capacity: 2000"
    assert rejection.status().phase == "Failed"
    assert rejection.status().message.startswith("Pod was rejected: Node didn't have enough resource: cpu")
    assert admit(first, NODE, usage) is None, "a pod that is counted already is not counted against itself"
    usage.remove(first.metadata.uid)
    assert admit(second, NODE, usage) is None


def test_a_node_takes_as_many_pods_as_it_says() -> None:
    usage = Usage()
    for _ in range(3):
        usage.add(asking())
    rejection = admit(asking("0"), NODE, usage)
    assert rejection is not None
    assert rejection.reason == "OutOfpods"
    assert rejection.message == "Node didn't have enough resource: pods, requested: 1, used: 3, capacity: 3"
