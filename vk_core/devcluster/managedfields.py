"""Who owns which field: the part of server-side apply that is kept in `metadata.managedFields` (KEP-555).

Ownership is a set of paths; a path is a tuple of steps as in `FieldsV1`: `f:spec`, `k:{"name":"a"}`, `v:"x"`. Only
objects that somebody has applied on the server are tracked: until then nobody can tell the difference, and every other
write is spared the work.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from vk_core.api.strategicmerge import FIELDS, Field, fields_of
from vk_core.devcluster.resources import Resource

Object: TypeAlias = dict[str, Any]
Path: TypeAlias = tuple[str, ...]
Paths: TypeAlias = frozenset[Path]

_UNMANAGED = frozenset({("f:apiVersion",), ("f:kind",), ("f:status",)})
_UNMANAGED_METADATA = frozenset(
    f"f:{name}"
    for name in (
        "name", "namespace", "uid", "resourceVersion", "generation", "creationTimestamp", "deletionTimestamp",
        "deletionGracePeriodSeconds", "managedFields", "selfLink", "generateName",
    )
)  # fmt: skip
_ATOMIC = Field()
_KEY_DEFAULTS = {"protocol": "TCP"}
"""Values of keys that may be left out: elements are told apart as if they were there."""
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


@dataclass(frozen=True, slots=True)
class Manager:
    """One entry of `managedFields`."""

    name: str
    operation: str
    subresource: str
    paths: Paths
    time: str

    def holds(self, name: str, operation: str, subresource: str) -> bool:
        """Tells whether this is the entry of a manager."""
        return (self.name, self.operation, self.subresource) == (name, operation, subresource)


def paths_of(resource: Resource, object: Mapping[str, Any], *, subresource: str = "") -> Paths:
    """Returns the paths of all fields that an object sets and that can be owned."""
    found = set(_walk(object, fields_of(resource.kind), ()))
    return frozenset(path for path in found if _is_managed(path, subresource))


def managers_of(object: Mapping[str, Any]) -> list[Manager]:
    """Reads `metadata.managedFields`."""
    return [
        Manager(
            entry.get("manager", ""),
            entry.get("operation", ""),
            entry.get("subresource", ""),
            frozenset(_read(entry.get("fieldsV1") or {}, ())),
            entry.get("time", ""),
        )
        for entry in object["metadata"].get("managedFields", ())
    ]


def write_managers(resource: Resource, object: Object, managers: list[Manager]) -> None:
    """Writes `metadata.managedFields`; managers that own nothing any more are left out."""
    object["metadata"]["managedFields"] = [
        {
            "manager": manager.name,
            "operation": manager.operation,
            "apiVersion": resource.api_version,
            "time": manager.time,
            "fieldsType": "FieldsV1",
            "fieldsV1": _written(manager.paths),
            **({"subresource": manager.subresource} if manager.subresource else {}),
        }
        for manager in managers
        if manager.paths
    ]


def first_managers(resource: Resource, object: Object) -> list[Manager]:
    """Returns the managers of an object, made up for one that nobody has applied on the server before."""
    managers = managers_of(object)
    if managers:
        return managers
    by_kubectl = _LAST_APPLIED in object["metadata"].get("annotations", {})
    name = "kubectl-client-side-apply" if by_kubectl else "before-first-apply"
    created = object["metadata"].get("creationTimestamp", "")
    return [Manager(name, "Update", "", paths_of(resource, object), created)]


def track_update(resource: Resource, new: Object, old: Object, *, manager: str, subresource: str, time: str) -> None:
    """Gives the fields that a write has changed to its manager, in an object that was applied on the server."""
    if "managedFields" not in old["metadata"] or "managedFields" not in new["metadata"]:
        return
    if new["metadata"]["managedFields"] != old["metadata"]["managedFields"]:
        return
    before, after = paths_of(resource, old, subresource=subresource), paths_of(resource, new, subresource=subresource)
    changed = frozenset(path for path in after if path not in before or value_at(new, path) != value_at(old, path))
    gone = before - after
    managers = [
        Manager(entry.name, entry.operation, entry.subresource, entry.paths - changed - gone, entry.time)
        for entry in managers_of(old)
    ]
    mine = next((entry for entry in managers if entry.holds(manager, "Update", subresource)), None)
    others = [entry for entry in managers if entry is not mine]
    paths = changed | (mine.paths if mine else frozenset())
    write_managers(resource, new, [*others, Manager(manager, "Update", subresource, paths, time)])


def value_at(object: Any, path: Path) -> Any:
    """Returns the value at a path, or `None`; elements of maps and lists of which only the being counts give `True`."""
    for step in path:
        object = _step(object, step)
        if object is None:
            return None
    return True if path and path[-1][:2] == "k:" else object


def element_key(item: Mapping[str, Any], keys: tuple[str, ...]) -> str:
    """Returns the step that names an element of a list that is a map."""
    values = {key: item.get(key, _KEY_DEFAULTS.get(key)) for key in sorted(keys)}
    return "k:" + json.dumps({key: value for key, value in values.items() if value is not None}, separators=(",", ":"))


def is_element(item: Any, key: Mapping[str, Any]) -> bool:
    """Tells whether an element of a list has the values of a key."""
    return isinstance(item, Mapping) and all(
        item.get(name, _KEY_DEFAULTS.get(name)) == value for name, value in key.items()
    )


def _step(object: Any, step: str) -> Any:
    kind, text = step[:2], step[2:]
    if kind == "f:":
        return object.get(text) if isinstance(object, Mapping) else None
    if not isinstance(object, list):
        return None
    wanted = json.loads(text)
    if kind == "v:":
        return wanted if wanted in object else None
    return next((item for item in object if is_element(item, wanted)), None)


def _walk(value: Any, fields: Mapping[str, Field], path: Path) -> Iterator[Path]:
    for name, inner in value.items():
        yield from _walk_field(inner, fields.get(name, _ATOMIC), (*path, f"f:{name}"))


def _walk_field(value: Any, field: Field, path: Path) -> Iterator[Path]:
    if isinstance(value, Mapping) and value:
        yield from _walk(value, FIELDS.get(field.type, {}), path)
    elif isinstance(value, list) and field.is_set:
        for item in value:
            yield (*path, f"v:{json.dumps(item)}")
    elif isinstance(value, list) and field.map_keys:
        for item in value:
            at = (*path, element_key(item, field.map_keys))
            yield at
            yield from _walk(item, FIELDS.get(field.type, {}), at)
    else:
        yield path


def _is_managed(path: Path, subresource: str) -> bool:
    if subresource:
        return path[:1] == (f"f:{subresource}",)
    return path[:1] not in _UNMANAGED and not (path[0] == "f:metadata" and path[1:2] and path[1] in _UNMANAGED_METADATA)


def _read(tree: Mapping[str, Any], path: Path) -> Iterator[Path]:
    for step, inner in tree.items():
        if step == ".":
            yield path
        elif isinstance(inner, Mapping) and inner:
            yield from _read(inner, (*path, step))
        else:
            yield (*path, step)


def _written(paths: Paths) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    parents = {path[:length] for path in paths for length in range(1, len(path))}
    for path in sorted(paths):
        node = tree
        for step in path:
            node = node.setdefault(step, {})
        if path in parents:
            node["."] = {}
    return tree
