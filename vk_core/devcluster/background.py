"""What controllers do about deletions in a real cluster: empty deleted namespaces, and collect what has lost its owner.

Both listen to the store and act on the next turn of the event loop, never inside the write that they react to, so that
everybody sees the changes in order.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from vk_core.devcluster.deletion import FOREGROUND, ORPHAN, DeleteOptions, delete
from vk_core.devcluster.registry import Registry
from vk_core.devcluster.resources import BY_KIND, NAMESPACES, STORED, Resource, stored_as
from vk_core.devcluster.store import Change, Key, Stored


class Background:
    """Namespace deletion and garbage collection."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._store = registry.store
        self._dependents: dict[str, set[tuple[Resource, Key]]] = defaultdict(set)
        self._stop: Callable[[], None] | None = None

    def start(self) -> None:
        """Begins to listen."""
        self._stop = self._store.listen(self._changed)

    def stop(self) -> None:
        """Ends listening."""
        if self._stop is not None:
            self._stop()
            self._stop = None

    def _changed(self, change: Change) -> None:
        self._index(change)
        metadata = change.new.metadata
        if change.type == "DELETED":
            if metadata["uid"] in self._dependents:
                self._later(self._collect, metadata["uid"])
            for owner in metadata.get("ownerReferences", ()):
                self._later(self._release_owner, owner, change.key[0])
            if change.resource.namespaced and self._is_terminating(change.key[0]):
                self._later(self._purge, change.key[0])
        elif "deletionTimestamp" in metadata:
            if change.resource is NAMESPACES:
                self._later(self._empty, change.key[1])
            if {FOREGROUND, ORPHAN} & set(metadata.get("finalizers", ())):
                self._later(self._finalize, change.resource, change.key)
        elif change.type == "ADDED" and "ownerReferences" in metadata:
            self._later(self._collect_one, change.resource, change.key)

    def _later(self, action: Callable[..., None], *arguments: Any) -> None:
        asyncio.get_running_loop().call_soon(action, *arguments)

    def _index(self, change: Change) -> None:
        entry = (change.resource, change.key)
        old = _owners(change.old) if change.old is not None else set()
        new = _owners(change.new) if change.type != "DELETED" else set()
        for uid in old - new:
            self._dependents[uid].discard(entry)
            if not self._dependents[uid]:
                del self._dependents[uid]
        for uid in new - old:
            self._dependents[uid].add(entry)

    def _is_terminating(self, namespace: str) -> bool:
        stored = self._store.get(NAMESPACES, ("", namespace))
        return stored is not None and "deletionTimestamp" in stored.metadata

    def _empty(self, namespace: str) -> None:
        if not self._is_terminating(namespace):
            return
        for resource in STORED:
            if resource.namespaced:
                for stored in list(self._store.items(resource, namespace)):
                    self._delete(resource, (namespace, stored.metadata["name"]), "Background")
        self._purge(namespace)

    def _purge(self, namespace: str) -> None:
        if not self._is_terminating(namespace):
            return
        empty = not any(
            next(self._store.items(resource, namespace), None) for resource in STORED if resource.namespaced
        )
        stored = self._registry.get(NAMESPACES, ("", namespace))
        if empty and not stored.metadata.get("finalizers"):
            self._store.remove(NAMESPACES, ("", namespace))

    def _collect(self, uid: str) -> None:
        for resource, key in list(self._dependents.get(uid, ())):
            self._collect_one(resource, key)

    def _collect_one(self, resource: Resource, key: Key) -> None:
        """Deletes an object whose owners are all gone, and drops references to those that are."""
        stored = self._store.get(resource, key)
        if stored is None:
            return
        owners = stored.metadata.get("ownerReferences", [])
        alive = [owner for owner in owners if self._may_exist(owner, key[0])]
        if owners and not alive:
            self._delete(resource, key, "Background")
        elif len(alive) < len(owners):
            self._write_metadata(resource, key, stored, ownerReferences=alive)

    def _may_exist(self, owner: dict[str, Any], namespace: str) -> bool:
        """Whether an owner is there, or of a type that is not served: nobody can tell then."""
        resource = BY_KIND.get((owner.get("apiVersion", ""), owner.get("kind", "")))
        if resource is None or stored_as(resource) not in STORED:
            return True
        home = namespace if resource.namespaced else ""
        stored = self._store.get(stored_as(resource), (home, owner.get("name", "")))
        return stored is not None and stored.metadata["uid"] == owner.get("uid")

    def _finalize(self, resource: Resource, key: Key) -> None:
        stored = self._store.get(resource, key)
        if stored is None:
            return
        finalizers = stored.metadata.get("finalizers", [])
        dependents = list(self._dependents.get(stored.metadata["uid"], ()))
        if ORPHAN in finalizers:
            for dependent, at in dependents:
                self._disown(dependent, at, stored.metadata["uid"])
            self._remove_finalizer(resource, key, ORPHAN)
        elif FOREGROUND in finalizers:
            for dependent, at in dependents:
                self._delete(dependent, at, "Foreground" if self._dependents_of(dependent, at) else "Background")
            self._release(resource, key)

    def _dependents_of(self, resource: Resource, key: Key) -> set[tuple[Resource, Key]]:
        stored = self._store.get(resource, key)
        return self._dependents.get(stored.metadata["uid"], set()) if stored is not None else set()

    def _release(self, resource: Resource, key: Key) -> None:
        """Lets go of an owner that is deleted in the foreground once no dependent blocks it."""
        stored = self._store.get(resource, key)
        if stored is None or FOREGROUND not in stored.metadata.get("finalizers", ()):
            return
        uid = stored.metadata["uid"]
        if not any(self._blocks(uid, *entry) for entry in self._dependents.get(uid, ())):
            self._remove_finalizer(resource, key, FOREGROUND)

    def _release_owner(self, owner: dict[str, Any], namespace: str) -> None:
        resource = BY_KIND.get((owner.get("apiVersion", ""), owner.get("kind", "")))
        if resource is not None and stored_as(resource) in STORED:
            self._release(stored_as(resource), (namespace if resource.namespaced else "", owner.get("name", "")))

    def _blocks(self, uid: str, resource: Resource, key: Key) -> bool:
        stored = self._store.get(resource, key)
        return stored is not None and any(
            owner["uid"] == uid and owner.get("blockOwnerDeletion")
            for owner in stored.metadata.get("ownerReferences", ())
        )

    def _disown(self, resource: Resource, key: Key, uid: str) -> None:
        stored = self._store.get(resource, key)
        if stored is not None:
            owners = [owner for owner in stored.metadata.get("ownerReferences", ()) if owner["uid"] != uid]
            self._write_metadata(resource, key, stored, ownerReferences=owners)

    def _remove_finalizer(self, resource: Resource, key: Key, name: str) -> None:
        stored = self._registry.get(resource, key)
        finalizers = [present for present in stored.metadata.get("finalizers", ()) if present != name]
        self._write_metadata(resource, key, stored, finalizers=finalizers)

    def _write_metadata(self, resource: Resource, key: Key, stored: Stored, **fields: Any) -> None:
        new = {**stored.object, "metadata": {**stored.metadata, **fields}}
        self._registry.commit(resource, key, new, stored)

    def _delete(self, resource: Resource, key: Key, policy: str) -> None:
        if self._store.get(resource, key) is not None:
            delete(self._registry, resource, key, DeleteOptions(propagation_policy=policy))


def _owners(stored: Stored) -> set[str]:
    return {owner.get("uid", "") for owner in stored.metadata.get("ownerReferences", ())}
