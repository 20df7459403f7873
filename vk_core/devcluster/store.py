"""The objects, their history, and who is told of changes: what etcd and the watch cache are to a real API server.

Everything is synchronous, so a change is atomic on the event loop. Objects are plain JSON and are never altered once
they are here: a write puts a new one, which may share parts with the old. Whether a write is allowed is not decided
here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import msgspec

from vk_core.devcluster.resources import STORED, Resource

Object: TypeAlias = dict[str, Any]
ChangeType: TypeAlias = Literal["ADDED", "MODIFIED", "DELETED"]
Key: TypeAlias = tuple[str, str]
"""Namespace (empty for what has none) and name."""


class Stored:
    """One version of one object, encoded at most once."""

    __slots__ = ("_encoded", "object", "revision")

    def __init__(self, object: Object, revision: int) -> None:
        self.object = object
        self.revision = revision
        self._encoded: bytes | None = None

    @property
    def encoded(self) -> bytes:
        """The object as JSON."""
        if self._encoded is None:
            self._encoded = msgspec.json.encode(self.object)
        return self._encoded

    @property
    def metadata(self) -> dict[str, Any]:
        """The object's metadata."""
        metadata: dict[str, Any] = self.object["metadata"]
        return metadata


@dataclass(slots=True, eq=False)
class Change:
    """One write: an object before and after. Of a deleted one `new` is the last state, at the deletion's revision."""

    type: ChangeType
    resource: Resource
    key: Key
    new: Stored
    old: Stored | None = None
    lines: dict[tuple[str, str], bytes] = field(default_factory=dict)
    """The change as watchers get it, by event type and representation; filled by the first that needs it."""

    @property
    def revision(self) -> int:
        """The resource version that this write made."""
        return self.new.revision


Listener: TypeAlias = Callable[[Change], None]


class _Table:
    """The objects of one type, and the recent changes to them."""

    def __init__(self, history: int) -> None:
        self.namespaces: dict[str, dict[str, Stored]] = {}
        self.changes: deque[Change] = deque(maxlen=history)
        self.forgotten = 0
        self.listeners: list[Listener] = []
        self.listeners_of: dict[Key, list[Listener]] = {}

    def remember(self, change: Change) -> None:
        if len(self.changes) == self.changes.maxlen:
            self.forgotten = self.changes[0].revision
        self.changes.append(change)


class Store:
    """All objects under one counter of resource versions.

    Args:
        history: how many changes of each type are kept for watchers that resume.
    """

    def __init__(self, *, history: int = 8192) -> None:
        self.revision = 1
        self._tables = {resource: _Table(history) for resource in STORED}
        self._listeners: list[Listener] = []

    def get(self, resource: Resource, key: Key) -> Stored | None:
        """Returns an object, or `None`."""
        return self._tables[resource].namespaces.get(key[0], {}).get(key[1])

    def items(self, resource: Resource, namespace: str | None = None) -> Iterator[Stored]:
        """Yields the objects of a type in order of namespace and name, of one namespace or (`None`) of all."""
        namespaces = self._tables[resource].namespaces
        for name in sorted(namespaces) if namespace is None else (namespace,):
            objects = namespaces.get(name, {})
            for key in sorted(objects):
                yield objects[key]

    def count(self, resource: Resource) -> int:
        """Returns how many objects of a type there are."""
        return sum(len(objects) for objects in self._tables[resource].namespaces.values())

    def put(self, resource: Resource, key: Key, object: Object) -> Stored:
        """Stores a new version of an object under the next resource version and tells everybody."""
        table = self._tables[resource]
        old = table.namespaces.get(key[0], {}).get(key[1])
        stored = self._next(object)
        table.namespaces.setdefault(key[0], {})[key[1]] = stored
        self._tell(Change("MODIFIED" if old else "ADDED", resource, key, stored, old))
        return stored

    def remove(self, resource: Resource, key: Key, object: Object | None = None) -> Stored:
        """Removes an object; its last state, which may be given, gets the next resource version."""
        namespace = self._tables[resource].namespaces[key[0]]
        old = namespace.pop(key[1])
        if not namespace:
            del self._tables[resource].namespaces[key[0]]
        stored = self._next(old.object if object is None else object)
        self._tell(Change("DELETED", resource, key, stored, old))
        return stored

    def changes_since(self, resource: Resource, revision: int) -> list[Change] | None:
        """Returns the changes of a type after a revision, or `None` if some of them are forgotten."""
        table = self._tables[resource]
        if revision < table.forgotten:
            return None
        recent: list[Change] = []
        for change in reversed(table.changes):
            if change.revision <= revision:
                break
            recent.append(change)
        recent.reverse()
        return recent

    def compact(self) -> None:
        """Forgets all history: who resumes from an older resource version is told that it is gone."""
        self.revision += 1
        for table in self._tables.values():
            table.changes.clear()
            table.forgotten = self.revision

    def listen(self, listener: Listener, resource: Resource | None = None) -> Callable[[], None]:
        """Calls `listener` on every change, of one type or of all; returns what ends that."""
        listeners = self._listeners if resource is None else self._tables[resource].listeners
        listeners.append(listener)
        return lambda: listeners.remove(listener)

    def listen_to(self, listener: Listener, resource: Resource, key: Key) -> Callable[[], None]:
        """Calls `listener` on every change of one object, there or not; returns what ends that.

        Those of other objects cost nothing: nodes watch each config map and secret of their pods by itself.
        """
        by_key = self._tables[resource].listeners_of
        by_key.setdefault(key, []).append(listener)

        def stop() -> None:
            by_key[key].remove(listener)
            if not by_key[key]:
                del by_key[key]

        return stop

    def _next(self, object: Object) -> Stored:
        self.revision += 1
        metadata = {**object["metadata"], "resourceVersion": str(self.revision)}
        return Stored({**object, "metadata": metadata}, self.revision)

    def _tell(self, change: Change) -> None:
        table = self._tables[change.resource]
        table.remember(change)
        for listener in (*table.listeners, *table.listeners_of.get(change.key, ()), *self._listeners):
            listener(change)
