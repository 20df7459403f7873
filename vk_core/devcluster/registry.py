"""Creating and updating objects: what an API server does between decoding a request and writing to etcd.

Everything is synchronous, so a read, the change and the write are one atomic step. Deletion is in `deletion`; what is
particular to pods' subresources is in `podactions`.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable
from typing import Any

import msgspec

from vk_core.devcluster.defaults import apply_defaults, normalise
from vk_core.devcluster.managedfields import track_update
from vk_core.devcluster.names import generated_name
from vk_core.devcluster.poddefaults import first_status
from vk_core.devcluster.resources import (
    CSRS,
    NAMESPACES,
    NODES,
    PODS,
    SERVICEACCOUNTS,
    SERVICES,
    Resource,
)
from vk_core.devcluster.serviceaccounts.admission import MIRROR_ANNOTATION, admit_service_account
from vk_core.devcluster.statuses import (
    StatusError,
    already_exists,
    bad_request,
    conflict,
    forbidden,
    invalid,
    not_found,
    other_uid,
    wrong,
)
from vk_core.devcluster.store import Key, Object, Store, Stored
from vk_core.devcluster.structures import check_structure
from vk_core.devcluster.validation import (
    refuse_unknown_fields,
    validate_change,
    validate_finalizers,
    validate_new,
)

_ATTEMPTS = 8
_SYSTEM_METADATA = ("uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation")
_STATUS_APART = (CSRS, NAMESPACES, NODES, PODS, SERVICES)
_FIRST_SERVICE_IP = 2


def now() -> str:
    """Returns the time as the API writes it: UTC, whole seconds."""
    return dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def fresh(object: Object) -> Object:
    """Returns a copy that shares nothing."""
    copy: Object = msgspec.json.decode(msgspec.json.encode(object))
    return copy


class Registry:
    """Writes objects to a store, by the rules.

    Args:
        store: where they go.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self._services = _FIRST_SERVICE_IP

    def get(self, resource: Resource, key: Key) -> Stored:
        """Returns an object.

        Raises:
            StatusError: 404.
        """
        stored = self.store.get(resource, key)
        if stored is None:
            raise not_found(resource, key[1])
        return stored

    def create(
        self,
        resource: Resource,
        namespace: str,
        object: Object,
        *,
        strict_fields: bool = False,
        dry_run: bool = False,
    ) -> Stored:
        """Creates an object; `object` has just been read and is altered.

        Args:
            resource: the stored type.
            namespace: where, or nothing.
            object: the object.
            strict_fields: whether fields that the kind does not have are refused.
            dry_run: whether to do everything but write.

        Raises:
            StatusError: 400, 403, 404, 409 or 422.
        """
        _check_readable(resource, object, strict_fields=strict_fields)
        metadata = self._new_metadata(resource, namespace, object)
        self._admit(resource, namespace, metadata["name"])
        apply_defaults(resource, object)
        if resource is PODS:
            self._admit_pod(namespace, object)
        elif resource is SERVICES:
            self._allocate_address(object)
        validate_new(resource, object)
        if resource is PODS:
            object["status"] = first_status(object)
        key = (namespace, metadata["name"])
        if dry_run:
            return Stored(object, self.store.revision)
        return self.store.put(resource, key, object)

    def update(
        self,
        resource: Resource,
        key: Key,
        change: Callable[[Object], Object],
        *,
        subresource: str = "",
        narrow: Callable[[Object, Object], Object] | None = None,
        manager: str = "",
        strict_fields: bool = False,
        dry_run: bool = False,
    ) -> Stored:
        """Replaces an object by what `change` makes of it, in the part that the subresource owns.

        Nothing is written if nothing changes. Removing the last finalizer of a deleted object removes the object.

        Args:
            resource: the stored type.
            key: namespace and name.
            change: makes the new version of the old one, sharing what it likes.
            subresource: the path below the object, which decides what may change.
            narrow: for a subresource other than `status`, makes of new and old version the checked one to store.
            manager: who writes, for objects whose fields have owners.
            strict_fields: whether fields that the kind does not have are refused.
            dry_run: whether to do everything but write.

        Raises:
            StatusError: 400, 404, 409 or 422, or what `change` or `narrow` raise.
        """
        old = self.get(resource, key)
        new = fresh(change(old.object))
        _check_readable(resource, new, strict_fields=strict_fields)
        self._check_identity(resource, key, new, old)
        if narrow is not None:
            new = narrow(new, old.object)
        elif subresource == "status":
            new = _with_status(resource, new, old.object)
        else:
            new = _without_status(resource, new, old.object)
            apply_defaults(resource, new)
            validate_change(resource, new, old.object)
        validate_finalizers(resource, new, old.object)
        return self.commit(resource, key, new, old, subresource=subresource, manager=manager, dry_run=dry_run)

    def commit(
        self,
        resource: Resource,
        key: Key,
        new: Object,
        old: Stored,
        *,
        subresource: str = "",
        manager: str = "",
        counted: bool = True,
        dry_run: bool = False,
    ) -> Stored:
        """Writes a checked new version: keeps what belongs to the server, and skips what changes nothing.

        `counted` says whether a change of the specification is a new generation (a binding is not).
        """
        metadata = {**new["metadata"]}
        for field in _SYSTEM_METADATA:
            metadata.pop(field, None)
            if field in old.metadata:
                metadata[field] = old.metadata[field]
        metadata["resourceVersion"] = old.metadata["resourceVersion"]
        for field in ("labels", "annotations", "finalizers", "ownerReferences", "managedFields"):
            if field in metadata and not metadata[field]:
                del metadata[field]
        new = {**new, "metadata": metadata}
        if counted and resource.generations and new.get("spec") != old.object.get("spec"):
            metadata["generation"] = metadata.get("generation", 0) + 1
        if new == old.object:
            return old
        track_update(resource, new, old.object, manager=manager, subresource=subresource, time=now())
        if dry_run:
            return Stored(new, old.revision)
        if _is_finished(resource, metadata):
            return self.store.remove(resource, key, new)
        return self.store.put(resource, key, new)

    def _new_metadata(self, resource: Resource, namespace: str, object: Object) -> dict[str, Any]:
        metadata: dict[str, Any] = object.setdefault("metadata", {})
        if metadata.pop("resourceVersion", ""):
            raise StatusError(500, "resourceVersion should not be set on objects to be created", reason="InternalError")
        if resource.namespaced and metadata.setdefault("namespace", namespace) != namespace:
            raise bad_request("the namespace of the provided object does not match the namespace sent on the request")
        if not metadata.get("name") and metadata.get("generateName"):
            metadata["name"] = self._generate(resource, namespace, metadata["generateName"])
        metadata.setdefault("name", "")
        for field in _SYSTEM_METADATA:
            metadata.pop(field, None)
        metadata["uid"] = str(uuid.uuid4())
        metadata["creationTimestamp"] = now()
        if resource.generations:
            metadata["generation"] = 1
        object.setdefault("kind", resource.kind)
        object.setdefault("apiVersion", resource.api_version)
        return metadata

    def _generate(self, resource: Resource, namespace: str, base: str) -> str:
        for _ in range(_ATTEMPTS):
            name = generated_name(base)
            if self.store.get(resource, (namespace, name)) is None:
                return name
        raise StatusError(500, f"no free name could be generated from {base!r}")

    def _admit(self, resource: Resource, namespace: str, name: str) -> None:
        if resource.namespaced:
            home = self.store.get(NAMESPACES, ("", namespace))
            if home is None:
                raise not_found(NAMESPACES, namespace)
            if "deletionTimestamp" in home.metadata:
                why = f"unable to create new content in namespace {namespace} because it is being terminated"
                error = forbidden(resource, name, why)
                error.status["details"]["causes"] = [
                    {
                        "reason": "NamespaceTerminating",
                        "message": f"namespace {namespace} is being terminated",
                        "field": "metadata.namespace",
                    }
                ]
                raise error
        present = self.store.get(resource, (namespace, name))
        if present is not None:
            raise already_exists(resource, name)

    def _admit_pod(self, namespace: str, pod: Object) -> None:
        if MIRROR_ANNOTATION in pod["metadata"].get("annotations", {}):
            return
        name = pod["spec"]["serviceAccountName"]
        account = self.store.get(SERVICEACCOUNTS, (namespace, name))
        if account is None:
            why = f'error looking up service account {namespace}/{name}: serviceaccount "{name}" not found'
            raise forbidden(PODS, pod["metadata"]["name"], why)
        admit_service_account(pod, account.object)

    def _allocate_address(self, service: Object) -> None:
        spec = service["spec"]
        if spec.get("type") == "ExternalName":
            return
        if not spec.get("clusterIP"):
            high, low = divmod(self._services, 256)
            spec["clusterIP"] = f"10.96.{high % 256}.{low}"
            self._services += 1
        spec["clusterIPs"] = [spec["clusterIP"]]

    def _check_identity(self, resource: Resource, key: Key, new: Object, old: Stored) -> None:
        metadata = new.get("metadata", {})
        name = metadata.get("name", "")
        if name != key[1]:
            raise bad_request(f"the name of the object ({name}) does not match the name on the URL ({key[1]})")
        if resource.namespaced and metadata.get("namespace", key[0]) != key[0]:
            raise bad_request("the namespace of the provided object does not match the namespace sent on the request")
        uid = metadata.get("uid")
        if uid and uid != old.metadata["uid"]:
            raise other_uid(resource, key[1], asked=uid, actual=old.metadata["uid"])
        version = metadata.get("resourceVersion")
        if version and version != old.metadata["resourceVersion"]:
            raise conflict(resource, key[1])
        if not version and resource.needs_version:
            raise invalid(resource, key[1], [wrong("metadata.resourceVersion", 0, "must be specified for an update")])


def _check_readable(resource: Resource, object: Object, *, strict_fields: bool) -> None:
    normalise(resource, object)
    check_structure(resource, object)
    if strict_fields:
        refuse_unknown_fields(resource, object)


def _without_status(resource: Resource, new: Object, old: Object) -> Object:
    """The new version with the parts of the old one that only subresources can change."""
    new = _named_alike(resource, new, old)
    if resource in _STATUS_APART:
        new.pop("status", None)
        if "status" in old:
            new["status"] = old["status"]
    if resource in {CSRS, NAMESPACES}:
        new["spec"] = old["spec"]
    return new


def _with_status(resource: Resource, new: Object, old: Object) -> Object:
    """The old version with the status and the metadata of the new one."""
    metadata = _named_alike(resource, new, old)["metadata"]
    metadata.pop("ownerReferences", None)
    if "ownerReferences" in old["metadata"]:
        metadata["ownerReferences"] = old["metadata"]["ownerReferences"]
    status = new.get("status") or {}
    if resource is PODS:
        before = old.get("status", {})
        for field in ("qosClass", "observedGeneration"):
            if not status.get(field) and field in before:
                status = {**status, field: before[field]}
    return {**old, "metadata": metadata, "status": status}


def _named_alike(resource: Resource, new: Object, old: Object) -> Object:
    metadata = {**new["metadata"], "name": old["metadata"]["name"]}
    if resource.namespaced:
        metadata["namespace"] = old["metadata"]["namespace"]
    return {**new, "kind": old["kind"], "apiVersion": old["apiVersion"], "metadata": metadata}


def _is_finished(resource: Resource, metadata: dict[str, Any]) -> bool:
    """Whether nothing holds a deleted object any more; namespaces are removed when they are empty."""
    return (
        "deletionTimestamp" in metadata
        and not metadata.get("finalizers")
        and not metadata.get("deletionGracePeriodSeconds")
        and resource is not NAMESPACES
    )
