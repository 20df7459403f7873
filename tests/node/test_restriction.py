"""What a node may say about itself when it acts as a node (NodeRestriction)."""

from __future__ import annotations

import pytest

from vk_core.api.meta import ObjectMeta
from vk_core.api.node import Node, NodeSpec, Taint
from vk_core.node.diff import MANAGED_ANNOTATION, diff_object, managed_by
from vk_core.node.restriction import Restriction, may_set


@pytest.mark.parametrize(
    ("label", "allowed"),
    [
        ("kubernetes.io/hostname", True),
        ("topology.kubernetes.io/zone", True),
        ("topology.kubernetes.io/other", False),
        ("node.kubernetes.io/exclude-from-external-load-balancers", True),
        ("sub.kubelet.kubernetes.io/x", True),
        ("kubernetes.io/role", False),
        ("node-role.kubernetes.io/control-plane", False),
        ("node-restriction.kubernetes.io/tenant", False),
        ("k8s.io/x", False),
        ("a.k8s.io/x", False),
        ("fakekubernetes.io/x", True),
        ("example.com/x", True),
        ("type", True),
    ],
)
def test_labels_of_kubernetes_itself_are_for_administrators(label: str, allowed: bool) -> None:
    assert may_set(label) is allowed


def node(labels: dict[str, str], *taints: Taint) -> Node:
    return Node(metadata=ObjectMeta(name="virtual", labels=labels), spec=NodeSpec(taints=taints))


def test_what_is_left_out_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    restriction = Restriction()
    wanted = node({"kubernetes.io/role": "agent", "a": "b"}, Taint(key="k", effect="NoSchedule"))
    for _ in range(3):
        restricted = restriction.apply(wanted)
        assert restricted.metadata.labels == {"a": "b"}
        assert restricted.spec.taints == wanted.spec.taints, "taints can be given at registration"
        assert restriction.keep_taints(node({}), restricted).spec.taints == ()
    assert [record.getMessage().partition(": ")[2] for record in caplog.records] == [
        "label kubernetes.io/role=agent",
        "taint k=:NoSchedule",
    ]


def test_labels_from_a_time_of_more_rights_are_left_alone() -> None:
    before = node({"kubernetes.io/role": "agent", "old": "x"})
    known = Node(
        metadata=ObjectMeta(
            name="virtual", labels=before.metadata.labels, annotations={MANAGED_ANNOTATION: managed_by(before)}
        )
    )
    wanted = Restriction().apply(node({"kubernetes.io/role": "agent"}))
    assert diff_object(known, wanted, may_set=may_set)["metadata"]["labels"] == {"old": None}
