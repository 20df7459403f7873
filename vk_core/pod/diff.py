"""The smallest change from the status that the API server has to the one it should have.

A strategic-merge patch: conditions are merged by type, so those of others stay; addresses are replaced as a whole;
container statuses are lists without a merge key and always sent complete.
"""

from __future__ import annotations

from typing import Any

from vk_core.api.podstatus import PodCondition, PodStatus

PLAIN = {
    "observed_generation": "observedGeneration",
    "phase": "phase",
    "message": "message",
    "reason": "reason",
    "host_ip": "hostIP",
    "pod_ip": "podIP",
    "start_time": "startTime",
    "qos_class": "qosClass",
    "resize": "resize",
    "init_container_statuses": "initContainerStatuses",
    "container_statuses": "containerStatuses",
    "ephemeral_container_statuses": "ephemeralContainerStatuses",
}
"""Fields that are set as a whole, by attribute and JSON name; an empty one is removed."""

ADDRESSES = {"host_ips": "hostIPs", "pod_ips": "podIPs"}


def diff_status(known: PodStatus, wanted: PodStatus) -> dict[str, Any]:
    """The `status` of the patch; empty when nothing differs."""
    patch: dict[str, Any] = {}
    for attribute, name in PLAIN.items():
        value = getattr(wanted, attribute)
        if value != getattr(known, attribute):
            patch[name] = value or None
    for attribute, name in ADDRESSES.items():
        value, old = getattr(wanted, attribute), getattr(known, attribute)
        if value != old:
            patch[name] = [{"$patch": "replace"}, *value] if old else value
    conditions = _conditions(known.conditions, wanted.conditions)
    if conditions:
        patch["conditions"] = conditions
    return patch


def _conditions(known: tuple[PodCondition, ...], wanted: tuple[PodCondition, ...]) -> list[Any]:
    before = {condition.type: condition for condition in known}
    changed: list[Any] = []
    for condition in wanted:
        old = before.get(condition.type)
        if old is None:
            changed.append(condition)
        elif not _same(old, condition):
            changed.append(_cleared(old, condition))
    return changed


def _same(old: PodCondition, new: PodCondition) -> bool:
    return (
        old.status == new.status
        and old.reason == new.reason
        and old.message == new.message
        and old.last_transition_time == new.last_transition_time
        and old.observed_generation == new.observed_generation
    )


def _cleared(old: PodCondition, new: PodCondition) -> dict[str, Any]:
    """A condition as JSON, with nulls where the merge would keep what the old one said."""
    fields: dict[str, Any] = {
        "type": new.type,
        "status": new.status,
        "lastTransitionTime": new.last_transition_time,
        "observedGeneration": new.observed_generation or None,
    }
    if new.reason or old.reason:
        fields["reason"] = new.reason or None
    if new.message or old.message:
        fields["message"] = new.message or None
    return fields
