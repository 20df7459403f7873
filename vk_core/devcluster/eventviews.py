"""Events in two versions: objects are kept as core/v1, and shown as events.k8s.io/v1 to those who ask for that."""

from __future__ import annotations

from typing import Any, TypeAlias

Object: TypeAlias = dict[str, Any]

_RENAMED = {
    "involvedObject": "regarding",
    "message": "note",
    "reportingComponent": "reportingController",
    "source": "deprecatedSource",
    "firstTimestamp": "deprecatedFirstTimestamp",
    "lastTimestamp": "deprecatedLastTimestamp",
    "count": "deprecatedCount",
}
_BACK = {new: old for old, new in _RENAMED.items()}


def as_new(event: Object) -> Object:
    """Returns a core/v1 event as events.k8s.io/v1."""
    renamed = {_RENAMED.get(name, name): value for name, value in event.items()}
    return {**renamed, "kind": "Event", "apiVersion": "events.k8s.io/v1"}


def as_core(event: Object) -> Object:
    """Returns an events.k8s.io/v1 event as core/v1."""
    renamed = {_BACK.get(name, name): value for name, value in event.items()}
    return {**renamed, "kind": "Event", "apiVersion": "v1"}
