"""Deleting: grace periods, preconditions, finalizers, and what an object takes with it.

Pods are deleted gracefully: they stay, with a deletion timestamp, until their kubelet deletes them with grace 0. A pod
that no kubelet knows, or that has finished, goes at once. Objects with finalizers stay until the last one is removed.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from vk_core.devcluster.registry import Registry
from vk_core.devcluster.resources import NAMESPACES, PODS, Resource
from vk_core.devcluster.statuses import bad_request, conflict, forbidden, invalid_options, unsupported
from vk_core.devcluster.store import Key, Object, Stored

FOREGROUND, ORPHAN = "foregroundDeletion", "orphan"
"""Finalizers that the garbage collector removes."""

_PROTECTED_NAMESPACES = ("default", "kube-public", "kube-system")
_POLICIES = ("Foreground", "Background", "Orphan")
_DEFAULT_GRACE_SECONDS = 30


@dataclass(frozen=True, slots=True)
class DeleteOptions:
    """How to delete (`metav1.DeleteOptions`)."""

    grace_period_seconds: int | None = None
    propagation_policy: str = ""
    uid: str = ""
    resource_version: str = ""
    dry_run: bool = False

    @classmethod
    def of(cls, body: Object, *, dry_run: bool = False) -> DeleteOptions:
        """Reads options from JSON.

        Raises:
            StatusError: 400 for values that make no sense.
        """
        grace = body.get("gracePeriodSeconds")
        if grace is not None and (not isinstance(grace, int) or isinstance(grace, bool)):
            raise bad_request(f"gracePeriodSeconds: expected seconds, got {grace!r}")
        policy = body.get("propagationPolicy") or ("Orphan" if body.get("orphanDependents") else "")
        if policy and policy not in _POLICIES:
            raise invalid_options("DeleteOptions", [unsupported("propagationPolicy", policy, (*_POLICIES, "nil"))])
        preconditions = body.get("preconditions") or {}
        return cls(
            grace,
            policy,
            preconditions.get("uid") or "",
            preconditions.get("resourceVersion") or "",
            dry_run or bool(body.get("dryRun")),
        )


def delete(registry: Registry, resource: Resource, key: Key, options: DeleteOptions) -> tuple[Stored, bool]:
    """Deletes an object; returns its state and whether it is gone.

    Raises:
        StatusError: 403, 404 or 409.
    """
    old = registry.get(resource, key)
    _check_preconditions(resource, old, options)
    if resource is NAMESPACES:
        return _delete_namespace(registry, key, old, options)
    finalizers = _finalizers(old, options.propagation_policy)
    grace = _grace_seconds(resource, old.object, options)
    metadata = old.metadata
    if "deletionTimestamp" in metadata:
        current = metadata.get("deletionGracePeriodSeconds", 0)
        if options.grace_period_seconds is None or grace >= current:
            grace = current
            if (current or finalizers) and finalizers == metadata.get("finalizers", []):
                return old, False
    if not grace and not finalizers:
        if options.dry_run:
            return old, True
        return registry.store.remove(resource, key, _marked(old.object, 0, finalizers, resource)), True
    new = _marked(old.object, grace, finalizers, resource)
    if options.dry_run:
        return Stored(new, old.revision), False
    return registry.store.put(resource, key, new), False


def _check_preconditions(resource: Resource, old: Stored, options: DeleteOptions) -> None:
    metadata = old.metadata
    for field, asked, actual, happened in (
        ("UID", options.uid, metadata["uid"], "deleted and then recreated"),
        ("ResourceVersion", options.resource_version, metadata["resourceVersion"], "modified"),
    ):
        if asked and asked != actual:
            why = f"the {field} in the precondition ({asked}) does not match the {field} in record ({actual}). "
            why += f"The object might have been {happened}"
            raise conflict(resource, metadata["name"], why, kind=resource.kind)


def _grace_seconds(resource: Resource, object: Object, options: DeleteOptions) -> int:
    if resource is not PODS:
        return 0
    spec = object["spec"]
    if not spec.get("nodeName") or object.get("status", {}).get("phase") in {"Failed", "Succeeded"}:
        return 0
    grace = options.grace_period_seconds
    if grace is None:
        grace = spec.get("terminationGracePeriodSeconds", _DEFAULT_GRACE_SECONDS)
    return 1 if grace < 0 else grace


def _finalizers(old: Stored, policy: str) -> list[str]:
    present = list(old.metadata.get("finalizers", ()))
    wanted = {"Foreground": FOREGROUND, "Orphan": ORPHAN}.get(policy)
    if policy:
        present = [name for name in present if name not in {FOREGROUND, ORPHAN}]
    return [*present, wanted] if wanted else present


def _marked(object: Object, grace: int, finalizers: list[str], resource: Resource) -> Object:
    """The object with its deletion written into it; a grace period can only get shorter."""
    metadata: dict[str, Any] = {**object["metadata"]}
    asked = dt.datetime.now(dt.UTC)
    if "deletionTimestamp" in metadata:
        before = dt.datetime.fromisoformat(metadata["deletionTimestamp"])
        asked = before - dt.timedelta(seconds=metadata.get("deletionGracePeriodSeconds", 0))
    elif resource.generations:
        metadata["generation"] = metadata.get("generation", 0) + 1
    moment = asked + dt.timedelta(seconds=grace)
    metadata["deletionTimestamp"] = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
    metadata["deletionGracePeriodSeconds"] = grace
    metadata.pop("finalizers", None)
    if finalizers:
        metadata["finalizers"] = finalizers
    return {**object, "metadata": metadata}


def _delete_namespace(registry: Registry, key: Key, old: Stored, options: DeleteOptions) -> tuple[Stored, bool]:
    name = key[1]
    if name in _PROTECTED_NAMESPACES:
        raise forbidden(NAMESPACES, name, "this namespace may not be deleted")
    if "deletionTimestamp" in old.metadata:
        return old, False
    new = _marked(old.object, 0, _finalizers(old, ""), NAMESPACES)
    del new["metadata"]["deletionGracePeriodSeconds"]
    new["status"] = {**new.get("status", {}), "phase": "Terminating"}
    if options.dry_run:
        return Stored(new, old.revision), False
    return registry.store.put(NAMESPACES, key, new), False
