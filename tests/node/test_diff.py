"""The node is changed by the smallest patches, and what others have put there stays."""

from __future__ import annotations

import datetime as dt
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from vk_core.api.meta import ObjectMeta
from vk_core.api.node import (
    DaemonEndpoint,
    Node,
    NodeAddress,
    NodeCondition,
    NodeDaemonEndpoints,
    NodeSpec,
    NodeStatus,
    NodeSystemInfo,
    Taint,
)
from vk_core.api.strategicmerge import strategic_merge
from vk_core.node.diff import MANAGED_ANNOTATION, diff_object, diff_status, managed_by

OURS = Taint(key="virtual-kubelet.io/provider", value="mock", effect="NoSchedule")
THEIRS = Taint(key="maintenance", value="soon", effect="NoExecute")
CORDON = Taint(key="node.kubernetes.io/unschedulable", effect="NoSchedule")


def node(
    labels: dict[str, str] | None = None,
    taints: tuple[Taint, ...] = (),
    annotations: dict[str, str] | None = None,
    **status: Any,
) -> Node:
    return Node(
        metadata=ObjectMeta(name="n", labels=labels or {}, annotations=annotations or {}),
        spec=NodeSpec(taints=taints),
        status=NodeStatus(**status),
    )


def stored(wanted: Node) -> Node:
    """The node as the API server has it after its registration."""
    annotations = {**wanted.metadata.annotations, MANAGED_ANNOTATION: managed_by(wanted)}
    return replace(wanted, metadata=replace(wanted.metadata, annotations=annotations, resource_version="1"))


def patched(known: Node, wanted: Node) -> Node:
    """What the API server makes of both patches."""
    after: Any = msgspec.json.decode(msgspec.json.encode(known))
    for patch in (diff_object(known, wanted), {"status": diff_status(known, wanted)}):
        after = strategic_merge(after, msgspec.json.decode(msgspec.json.encode(patch)), "Node")
    return msgspec.convert(after, Node)


def with_others(known: Node) -> Node:
    """The node after a user and a controller were at it."""
    metadata = replace(
        known.metadata,
        labels={**known.metadata.labels, "team": "a"},
        annotations={**known.metadata.annotations, "note": "mine"},
    )
    condition = NodeCondition(type="KernelDeadlock", status="False")
    return replace(
        known,
        metadata=metadata,
        spec=replace(known.spec, taints=(*known.spec.taints, THEIRS, CORDON)),
        status=replace(known.status, conditions=(*known.status.conditions, condition)),
    )


WANTED = node(
    {"type": "virtual-kubelet", "zone": "a"},
    (OURS,),
    {"hook": "x"},
    conditions=(NodeCondition(type="Ready", status="True", reason="KubeletReady"),),
    capacity={"cpu": "4", "pods": "10"},
    allocatable={"cpu": "4", "pods": "10"},
    addresses=(NodeAddress(type="InternalIP", address="10.0.0.1"), NodeAddress(type="Hostname", address="n")),
)


def test_a_node_that_is_right_needs_no_patch() -> None:
    known = with_others(stored(WANTED))
    assert diff_object(known, WANTED) == {}
    assert diff_status(known, WANTED) == {}


def test_what_others_have_put_there_survives_every_change_of_ours() -> None:
    known = with_others(stored(WANTED))
    changed = node(
        {"type": "virtual-kubelet", "zone": "b"},
        (replace(OURS, value="vic"),),
        {"hook": "y"},
        conditions=(NodeCondition(type="Ready", status="False", reason="Down"),),
        capacity={"cpu": "8"},
    )
    after = patched(known, changed)
    assert after.metadata.labels == {"type": "virtual-kubelet", "zone": "b", "team": "a"}
    assert after.metadata.annotations["note"] == "mine"
    assert after.metadata.annotations["hook"] == "y"
    assert set(after.spec.taints) == {replace(OURS, value="vic"), THEIRS, CORDON}
    assert {condition.type: condition.status for condition in after.status.conditions} == {
        "Ready": "False",
        "KernelDeadlock": "False",
    }


def test_what_is_ours_is_taken_away_when_it_is_no_longer_wanted_even_by_the_next_process() -> None:
    """B14: the taints of an existing node were never updated."""
    known = with_others(stored(WANTED))
    after = patched(known, node({"type": "virtual-kubelet"}, capacity={"cpu": "4"}))
    assert after.metadata.labels == {"type": "virtual-kubelet", "team": "a"}
    assert "hook" not in after.metadata.annotations
    assert after.spec.taints == (THEIRS, CORDON)
    assert after.status.capacity == {"cpu": "4"}
    assert diff_object(after, node({"type": "virtual-kubelet"})) == {}


def test_a_taint_that_somebody_else_had_put_there_before_us_is_not_taken_away() -> None:
    foreign = replace(stored(node()), spec=NodeSpec(taints=(THEIRS,)))
    assert patched(foreign, node(taints=(OURS,))).spec.taints == (THEIRS, OURS)
    assert patched(foreign, node()).spec.taints == (THEIRS,)


def test_a_taint_of_ours_that_somebody_has_changed_is_mended_and_not_doubled() -> None:
    for known in (stored(WANTED), stored(node())):
        changed = replace(known, spec=NodeSpec(taints=(replace(OURS, value="x"), THEIRS)))
        assert patched(changed, WANTED).spec.taints == (THEIRS, OURS)


def test_the_list_of_taints_is_replaced_only_if_nobody_has_changed_it_meanwhile() -> None:
    known = stored(WANTED)
    assert diff_object(known, node(WANTED.metadata.labels))["metadata"]["resourceVersion"] == "1"
    assert "resourceVersion" not in diff_object(known, node({"a": "b"}, (OURS,)))["metadata"]


@pytest.mark.parametrize("spoilt", ["", "[]", "{", '{"labels": 7}', "null", '{"labels": null}'])
def test_an_annotation_that_somebody_has_spoilt_takes_nothing_away(spoilt: str) -> None:
    known = replace(stored(WANTED), metadata=replace(stored(WANTED).metadata, annotations={MANAGED_ANNOTATION: spoilt}))
    after = patched(known, node({"new": "x"}))
    assert after.metadata.labels == {"type": "virtual-kubelet", "zone": "a", "new": "x"}
    assert after.spec.taints == (OURS,)


def test_the_status_follows_addresses_endpoint_and_system_info() -> None:
    changed = replace(
        WANTED,
        status=replace(
            WANTED.status,
            addresses=(NodeAddress(type="InternalIP", address="10.0.0.2"),),
            daemon_endpoints=NodeDaemonEndpoints(kubelet_endpoint=DaemonEndpoint(port=10250)),
            node_info=NodeSystemInfo(kubelet_version="v1.36.3", operating_system="linux"),
        ),
    )
    after = patched(stored(WANTED), changed).status
    assert after.addresses == changed.status.addresses
    assert after.daemon_endpoints.kubelet_endpoint.port == 10250
    assert after.node_info == changed.status.node_info
    assert msgspec.json.decode(msgspec.json.encode(diff_status(stored(WANTED), changed)))["daemonEndpoints"] == {
        "kubeletEndpoint": {"Port": 10250}
    }


def test_a_condition_loses_the_reason_that_it_no_longer_has() -> None:
    known = stored(node(conditions=(NodeCondition(type="Ready", status="False", reason="Down", message="m"),)))
    wanted = node(conditions=(NodeCondition(type="Ready", status="True", last_heartbeat_time=dt.datetime(2026, 1, 1)),))
    [condition] = patched(known, wanted).status.conditions
    assert (condition.status, condition.reason, condition.message) == ("True", "", "")
