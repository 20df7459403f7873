"""The smallest changes that make the node in the API server what it shall be, leaving alone what others have put there.

Which labels, annotations and taints are ours is remembered in an annotation, so that one which is no longer wanted is
taken away even by the next process.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgspec

from vk_core.api.node import Node, NodeCondition, Taint
from vk_core.api.quantity import parse_quantity

MANAGED_ANNOTATION = "virtual-kubelet.io/managed"
"""JSON: the keys of labels, annotations and taints that this node's virtual kubelet has put there."""


def managed_by(node: Node) -> str:
    """The value of the annotation for a node as it shall be."""
    return json.dumps(
        {
            "labels": sorted(node.metadata.labels),
            "annotations": sorted(node.metadata.annotations),
            "taints": sorted(f"{taint.key}:{taint.effect}" for taint in node.spec.taints),
        },
        separators=(",", ":"),
    )


def diff_object(known: Node, wanted: Node, *, may_set: Callable[[str], bool] = lambda _: True) -> dict[str, Any]:
    """The patch of metadata and spec; empty when nothing differs.

    Args:
        known: the node as it is.
        wanted: the node as it shall be.
        may_set: whether a label may be touched at all.
    """
    before = _managed(known)
    before["labels"] = set(filter(may_set, before["labels"]))
    patch: dict[str, Any] = {}
    metadata: dict[str, Any] = {}
    labels = _changed(known.metadata.labels, wanted.metadata.labels, before["labels"])
    annotations = _changed(
        known.metadata.annotations,
        {**wanted.metadata.annotations, MANAGED_ANNOTATION: managed_by(wanted)},
        before["annotations"],
    )
    if labels:
        metadata["labels"] = labels
    if annotations:
        metadata["annotations"] = annotations
    taints = _taints(known.spec.taints, wanted.spec.taints, before["taints"])
    spec: dict[str, Any] = {}
    if taints is not None:
        spec["taints"] = taints
        # The list is replaced as a whole: it must still be the one that was read.
        metadata["resourceVersion"] = known.metadata.resource_version
    if wanted.spec.provider_id and not known.spec.provider_id:
        spec["providerID"] = wanted.spec.provider_id
    if metadata:
        patch["metadata"] = metadata
    if spec:
        patch["spec"] = spec
    return patch


def diff_status(known: Node, wanted: Node) -> dict[str, Any]:
    """The patch of the status; empty when nothing differs."""
    patch: dict[str, Any] = {}
    old, new = known.status, wanted.status
    for name, before, after in (
        ("capacity", old.capacity, new.capacity),
        ("allocatable", old.allocatable, new.allocatable),
    ):
        changed = _quantities(before, after)
        if changed:
            patch[name] = changed
    if new.addresses != old.addresses:
        patch["addresses"] = [{"$patch": "replace"}, *new.addresses] if old.addresses else new.addresses
    if new.daemon_endpoints != old.daemon_endpoints:
        patch["daemonEndpoints"] = new.daemon_endpoints
    if new.node_info != old.node_info:
        patch["nodeInfo"] = _complete(new.node_info)
    conditions = _conditions(old.conditions, new.conditions)
    if conditions:
        patch["conditions"] = conditions
    if new.declared_features != old.declared_features:
        patch["declaredFeatures"] = new.declared_features
    return patch


def _managed(node: Node) -> dict[str, set[str]]:
    """The keys that are ours; none when the annotation is missing or somebody has spoilt it."""
    try:
        stored = json.loads(node.metadata.annotations.get(MANAGED_ANNOTATION, "{}"))
        return {part: set(map(str, stored.get(part, ()))) for part in ("labels", "annotations", "taints")}
    except (ValueError, AttributeError, TypeError):
        return {"labels": set(), "annotations": set(), "taints": set()}


def _changed(known: dict[str, str], wanted: dict[str, str], ours: set[str]) -> dict[str, str | None]:
    changes: dict[str, str | None] = {key: value for key, value in wanted.items() if known.get(key) != value}
    changes.update({key: None for key in ours if key in known and key not in wanted})
    return changes


def _quantities(known: dict[str, str], wanted: dict[str, str]) -> dict[str, str | None]:
    """Amounts that differ in value; the API server writes them its own way (`10000` becomes `10k`)."""
    changes: dict[str, str | None] = {
        name: amount
        for name, amount in wanted.items()
        if name not in known or parse_quantity(known[name]) != parse_quantity(amount)
    }
    changes.update({name: None for name in known if name not in wanted})
    return changes


def _taints(known: tuple[Taint, ...], wanted: tuple[Taint, ...], ours: set[str]) -> list[Taint] | None:
    """The whole list to set, or None when it is right as it is."""
    identity = {f"{taint.key}:{taint.effect}": taint for taint in wanted}
    kept = [
        taint
        for taint in known
        if f"{taint.key}:{taint.effect}" not in ours and f"{taint.key}:{taint.effect}" not in identity
    ]
    present = {f"{taint.key}:{taint.effect}": taint.value for taint in known}
    right = all(present.get(key) == taint.value for key, taint in identity.items())
    gone = not any(key in present for key in ours if key not in identity)
    return None if right and gone else [*kept, *wanted]


def _conditions(known: tuple[NodeCondition, ...], wanted: tuple[NodeCondition, ...]) -> list[Any]:
    before = {condition.type: condition for condition in known}
    return [_complete(condition) for condition in wanted if before.get(condition.type) != condition]


def _complete(struct: msgspec.Struct) -> dict[str, Any]:
    """All fields, with nulls where the merge would keep what was there."""
    fields = zip(struct.__struct_fields__, struct.__struct_encode_fields__, strict=True)
    return {name: getattr(struct, attribute) or None for attribute, name in fields}
