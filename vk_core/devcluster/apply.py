"""Server-side apply: merges what a manager wants into an object, and takes away what it no longer wants (KEP-555)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from vk_core.api.strategicmerge import FIELDS, Field, fields_of
from vk_core.devcluster.managedfields import (
    Manager,
    Object,
    Path,
    Paths,
    element_key,
    first_managers,
    is_element,
    paths_of,
    value_at,
    write_managers,
)
from vk_core.devcluster.registry import fresh, now
from vk_core.devcluster.resources import Resource
from vk_core.devcluster.statuses import StatusError

_ATOMIC = Field()


def apply_configuration(
    resource: Resource, live: Object | None, wanted: Object, *, manager: str, subresource: str = "", force: bool = False
) -> Object:
    """Returns the object after a manager has applied its configuration; `live` is `None` if it does not exist yet.

    Raises:
        StatusError: 409 with the conflicting fields, when another manager set them to other values.
    """
    paths = paths_of(resource, wanted, subresource=subresource)
    managers = first_managers(resource, live) if live is not None else []
    mine = next((entry for entry in managers if entry.holds(manager, "Apply", subresource)), None)
    others = [entry for entry in managers if entry is not mine]
    taken = {path: owner for owner in others for path in owner.paths & paths if _differs(live, wanted, path)}
    if taken and not force:
        raise _conflicts(taken)
    others = [
        Manager(entry.name, entry.operation, entry.subresource, entry.paths - taken.keys(), entry.time)
        for entry in others
    ]
    merged = fresh(_merge(live or {}, wanted, fields_of(resource.kind)))
    if mine is not None:
        kept = paths.union(*(entry.paths for entry in others))
        _remove_all(merged, mine.paths - kept)
    merged.setdefault("metadata", {})
    time = mine.time if mine is not None and mine.paths == paths else now()
    write_managers(resource, merged, [*others, Manager(manager, "Apply", subresource, paths, time)])
    return merged


def _differs(live: Object | None, wanted: Object, path: Path) -> bool:
    return bool(value_at(live, path) != value_at(wanted, path))


def _conflicts(taken: Mapping[Path, Manager]) -> StatusError:
    causes = [
        {
            "reason": "FieldManagerConflict",
            "message": f'conflict with "{owner.name}"' + (" using v1" if owner.operation == "Update" else ""),
            "field": _described(path),
        }
        for path, owner in sorted(taken.items())
    ]
    shown = "; ".join(f"{cause['message']}: {cause['field']}" for cause in causes)
    count = f"{len(causes)} conflict{'s' if len(causes) > 1 else ''}"
    return StatusError(409, f"Apply failed with {count}: {shown}", details={"causes": causes})


def _described(path: Path) -> str:
    """The path as people read it: `.spec.containers[name="a"].image`."""
    text = ""
    for step in path:
        kind, rest = step[:2], step[2:]
        if kind == "f:":
            text += f".{rest}"
        elif kind == "v:":
            text += f"[={rest}]"
        else:
            text += "[" + ",".join(f"{key}={json.dumps(value)}" for key, value in json.loads(rest).items()) + "]"
    return text


def _merge(live: Any, wanted: Mapping[str, Any], fields: Mapping[str, Field]) -> Object:
    result = dict(live) if isinstance(live, Mapping) else {}
    for name, value in wanted.items():
        result[name] = _merge_field(result.get(name), value, fields.get(name, _ATOMIC))
    return result


def _merge_field(live: Any, wanted: Any, field: Field) -> Any:
    if isinstance(wanted, Mapping):
        return _merge(live, wanted, FIELDS.get(field.type, {}))
    if not isinstance(wanted, list) or not isinstance(live, list):
        return wanted
    if field.is_set:
        return live + [item for item in wanted if item not in live]
    if field.map_keys:
        return _merge_elements(live, wanted, field)
    return wanted


def _merge_elements(live: list[Any], wanted: list[Any], field: Field) -> list[Any]:
    result = list(live)
    at = {element_key(item, field.map_keys): index for index, item in enumerate(result)}
    fields = FIELDS.get(field.type, {})
    for item in wanted:
        key = element_key(item, field.map_keys)
        if key in at:
            result[at[key]] = _merge(result[at[key]], item, fields)
        else:
            result.append(item)
    return result


def _remove_all(object: Object, paths: Paths) -> None:
    """Removes what is at the paths, the deepest first, and the maps and lists that are empty then."""
    for path in sorted(paths, key=len, reverse=True):
        _remove(object, path)


def _remove(container: Any, path: Path) -> None:
    step, rest = path[0], path[1:]
    name: Any = step[2:] if step.startswith("f:") else _index(container, step)
    if name is None or (isinstance(container, Mapping) and name not in container):
        return
    if not rest:
        del container[name]
        return
    _remove(container[name], rest)
    if container[name] in ({}, []) and step.startswith("f:"):
        del container[name]


def _index(items: Any, step: str) -> int | None:
    if not isinstance(items, list):
        return None
    wanted = json.loads(step[2:])
    if step.startswith("v:"):
        return items.index(wanted) if wanted in items else None
    return next((index for index, item in enumerate(items) if is_element(item, wanted)), None)
