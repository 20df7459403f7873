"""The three patches of the Kubernetes API: strategic merge, JSON merge (RFC 7386) and JSON patch (RFC 6902).

They work on plain JSON values, not on typed objects, so that fields nobody declared survive, and never change what they
are given: results share what did not change. Strategic merge needs to know which lists are merged by which key; that is
`FIELDS` below, for the kinds that a virtual kubelet deals with. The API server is not imitated in what it does around a
patch (validation, defaults, conflicts): that belongs to whoever stores the result.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

JSONObject: TypeAlias = Mapping[str, Any]


class PatchError(ValueError):
    """A patch that is malformed, or does not fit the object."""


@dataclass(frozen=True, slots=True)
class Field:
    """How the value of one field is merged; a list without a key is replaced as a whole."""

    type: str = ""
    """The type of the value or, for a list, of its elements: a key of `FIELDS`."""
    merge_key: str = ""
    """`x-kubernetes-patch-merge-key`: what identifies an element in a strategic merge patch."""
    map_keys: tuple[str, ...] = ()
    """`x-kubernetes-list-map-keys`: what identifies an element in server-side apply."""
    is_set: bool = False
    """A list of plain values without duplicates."""


def _list(merge_key: str, element: str = "", *, map_keys: tuple[str, ...] | None = None) -> Field:
    return Field(element, merge_key=merge_key, map_keys=(merge_key,) if map_keys is None else map_keys)


_SET = Field(is_set=True)
_METADATA = Field("ObjectMeta")
_CONDITIONS = _list("type")

FIELDS: dict[str, dict[str, Field]] = {
    "ObjectMeta": {"finalizers": _SET, "ownerReferences": _list("uid")},
    "Pod": {"metadata": _METADATA, "spec": Field("PodSpec"), "status": Field("PodStatus")},
    "PodSpec": {
        "containers": _list("name", "Container"),
        "initContainers": _list("name", "Container"),
        "ephemeralContainers": _list("name", "Container"),
        "volumes": _list("name"),
        "imagePullSecrets": _list("name"),
        "hostAliases": _list("ip"),
        "resourceClaims": _list("name"),
        "schedulingGates": _list("name"),
        "topologySpreadConstraints": _list("topologyKey", map_keys=("topologyKey", "whenUnsatisfiable")),
    },
    "Container": {
        "env": _list("name"),
        "ports": _list("containerPort", map_keys=("containerPort", "protocol")),
        "volumeMounts": _list("mountPath"),
        "volumeDevices": _list("devicePath"),
        "resources": Field("ResourceRequirements"),
    },
    "ResourceRequirements": {"claims": Field(map_keys=("name",))},
    "PodStatus": {
        "conditions": _CONDITIONS,
        "podIPs": _list("ip"),
        "hostIPs": _list("ip", map_keys=()),
        "resourceClaimStatuses": _list("name"),
    },
    "Node": {"metadata": _METADATA, "spec": Field("NodeSpec"), "status": Field("NodeStatus")},
    "NodeSpec": {"podCIDRs": _SET},
    "NodeStatus": {"conditions": _CONDITIONS, "addresses": _list("type")},
    "Namespace": {"metadata": _METADATA, "status": Field("NamespaceStatus")},
    "NamespaceStatus": {"conditions": _CONDITIONS},
    "Service": {"metadata": _METADATA, "spec": Field("ServiceSpec"), "status": Field("ServiceStatus")},
    "ServiceSpec": {"ports": _list("port", map_keys=("port", "protocol"))},
    "ServiceStatus": {"conditions": _CONDITIONS},
    "ServiceAccount": {"metadata": _METADATA, "secrets": _list("name")},
}
"""Which fields are merged how, from the `x-kubernetes-*` extensions of the OpenAPI document of Kubernetes 1.36.

Kinds and fields that are missing have no lists that are merged.
"""

_NO_FIELDS: dict[str, Field] = {}
_ATOMIC = Field()


def fields_of(kind: str) -> Mapping[str, Field]:
    """Returns the fields of a kind whose lists, or lists further down, are merged."""
    return FIELDS.get(kind, {"metadata": _METADATA})


def strategic_merge(original: JSONObject, patch: JSONObject, kind: str) -> dict[str, Any]:
    """Applies a strategic merge patch (`application/strategic-merge-patch+json`) to an object of a kind.

    The directives `$patch: replace|delete|merge`, `$retainKeys`, `$setElementOrder/LIST` and
    `$deleteFromPrimitiveList/LIST` are understood.

    Raises:
        PatchError: an unknown directive, or an element without the key that its list is merged by.
    """
    return _merge_object(original, patch, fields_of(kind))


def merge_patch(original: Any, patch: Any) -> Any:
    """Applies a JSON merge patch (`application/merge-patch+json`): maps are merged, null deletes, the rest replaces."""
    if not isinstance(patch, dict):
        return patch
    result = dict(original) if isinstance(original, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merge_patch(result.get(name), value)
    return result


def json_patch(original: Any, operations: Any) -> Any:
    """Applies the operations of a JSON patch (`application/json-patch+json`), all of them or none.

    Raises:
        PatchError: an operation is malformed, its path does not exist or its test fails.
    """
    if not isinstance(operations, Sequence) or isinstance(operations, str):
        raise PatchError("a JSON patch is a list of operations")
    result = original
    for operation in operations:
        result = _operate(result, operation)
    return result


def _merge_object(original: JSONObject, patch: JSONObject, fields: Mapping[str, Field]) -> dict[str, Any]:
    directive = patch.get("$patch")
    if directive == "delete":
        return {}
    if directive == "replace":
        return {name: value for name, value in patch.items() if name != "$patch"}
    if directive is not None and directive != "merge":
        raise PatchError(f"unknown directive $patch: {directive!r}")
    result = dict(original)
    if "$retainKeys" in patch:
        retained = _directive_list(patch, "$retainKeys")
        result = {name: value for name, value in result.items() if name in retained}
    for name, value in patch.items():
        if name.startswith("$deleteFromPrimitiveList/"):
            target, deleted = name.partition("/")[2], _directive_list(patch, name)
            result[target] = [item for item in result.get(target) or () if item not in deleted]
        elif not name.startswith("$"):
            order = _directive_list(patch, key) if (key := f"$setElementOrder/{name}") in patch else None
            _merge_field(result, name, value, fields.get(name, _ATOMIC), order)
    for name in patch:
        target = name.removeprefix("$setElementOrder/")
        if target != name and target not in patch and isinstance(result.get(target), list):
            order = _directive_list(patch, name)
            result[target] = _ordered(result[target], result[target], order, fields.get(target, _ATOMIC))
    return result


def _directive_list(patch: JSONObject, name: str) -> list[Any]:
    value = patch[name]
    if not isinstance(value, list):
        raise PatchError(f"directive {name} needs a list")
    return value


def _merge_field(result: dict[str, Any], name: str, value: Any, field: Field, order: list[Any] | None) -> None:
    current = result.get(name)
    if value is None:
        result.pop(name, None)
    elif isinstance(value, dict):
        base = current if isinstance(current, dict) else {}
        result[name] = _merge_object(base, value, FIELDS.get(field.type, _NO_FIELDS))
    elif isinstance(value, list) and (field.merge_key or field.is_set):
        base_list = current if isinstance(current, list) else []
        merge = _merge_values if field.is_set else _merge_elements
        # Without a directive the patch gives the order of its own elements.
        result[name] = _ordered(merge(base_list, value, field), base_list, value if order is None else order, field)
    else:
        result[name] = value


def _merge_values(original: list[Any], patch: list[Any], _field: Field) -> list[Any]:
    return original + [item for item in patch if item not in original]


def _merge_elements(original: list[Any], patch: list[Any], field: Field) -> list[Any]:
    if any(_directive(item) == "replace" for item in patch):
        return [item for item in patch if _directive(item) != "replace"]
    fields = FIELDS.get(field.type, _NO_FIELDS)
    result = list(original)
    for item in patch:
        key = _key_of(item, field)
        at = next((at for at, present in enumerate(result) if _key_of(present, field) == key), None)
        if _directive(item) == "delete":
            result = [present for present in result if _key_of(present, field) != key]
        elif at is None:
            result.append(_merge_object({}, item, fields))
        else:
            result[at] = _merge_object(result[at], item, fields)
    return result


def _directive(item: Any) -> Any:
    return item.get("$patch") if isinstance(item, dict) else None


def _key_of(item: Any, field: Field) -> Any:
    if not field.is_set:
        if not isinstance(item, dict) or field.merge_key not in item:
            raise PatchError(f"element {item!r} does not contain the declared merge key {field.merge_key!r}")
        item = item[field.merge_key]
    if isinstance(item, dict | list):
        raise PatchError(f"{item!r} cannot identify an element of a list")
    return item


def _ordered(merged: list[Any], original: list[Any], order: list[Any], field: Field) -> list[Any]:
    """Puts the listed elements in the given order; others stay before the element that they were before."""
    if not field.merge_key and not field.is_set:
        return merged
    ranks = {_key_of(item, field): rank for rank, item in enumerate(order) if _directive(item) != "replace"}
    places = {_key_of(item, field): place for place, item in enumerate(original)}
    listed = sorted((item for item in merged if _key_of(item, field) in ranks), key=lambda i: ranks[_key_of(i, field)])
    others = [item for item in merged if _key_of(item, field) not in ranks]
    result: list[Any] = []
    for item in listed:
        place = places.get(_key_of(item, field), -1)
        while others and places.get(_key_of(others[0], field), len(places)) < place:
            result.append(others.pop(0))
        result.append(item)
    return result + others


def _operate(document: Any, operation: Any) -> Any:
    if not isinstance(operation, dict) or not isinstance(operation.get("path"), str):
        raise PatchError(f"{operation!r} is not an operation: expected op, path and what the op needs")
    path = _pointer(operation["path"])
    match operation.get("op"):
        case "add":
            return _add(document, path, _value(operation))
        case "remove":
            return _remove(document, path)
        case "replace":
            return _add(_remove(document, path), path, _value(operation)) if path else _value(operation)
        case "test":
            if _get(document, path) != _value(operation):
                raise PatchError(f"testing value {operation['path']} failed")
            return document
        case "copy" | "move" as name if isinstance(operation.get("from"), str):
            source = _pointer(operation["from"])
            value = _get(document, source)
            return _add(_remove(document, source) if name == "move" else document, path, value)
    raise PatchError(f"{operation!r} is not an operation: expected op add, remove, replace, move, copy or test")


def _value(operation: Mapping[str, Any]) -> Any:
    if "value" not in operation:
        raise PatchError(f"operation {operation['op']} at {operation['path']} needs a value")
    return operation["value"]


def _pointer(text: str) -> list[str]:
    if text and not text.startswith("/"):
        raise PatchError(f"{text!r} is not a JSON pointer: expected it to begin with /")
    return [part.replace("~1", "/").replace("~0", "~") for part in text.split("/")[1:]]


def _get(document: Any, path: list[str]) -> Any:
    for token in path:
        document = _child(document, token)
    return document


def _child(container: Any, token: str) -> Any:
    if isinstance(container, list):
        return container[_index(container, token, len(container) - 1)]
    if not isinstance(container, dict) or token not in container:
        raise PatchError(f"path does not exist: {token!r}")
    return container[token]


def _index(container: list[Any], token: str, last: int) -> int:
    if token == "-" and last == len(container):
        return last
    if not (token.isascii() and token.isdigit() and int(token[:10]) <= last):
        raise PatchError(f"{token!r} is not an index of a list of {len(container)}")
    return int(token)


def _edit(document: Any, path: list[str], change: Callable[[Any, str], None]) -> Any:
    """Copies the containers along a path and lets `change` alter the last one."""
    if not isinstance(document, dict | list):
        raise PatchError(f"path does not exist: {path[0]!r}")
    copy: Any = list(document) if isinstance(document, list) else dict(document)
    if len(path) == 1:
        change(copy, path[0])
    else:
        token: Any = _index(copy, path[0], len(copy) - 1) if isinstance(copy, list) else path[0]
        copy[token] = _edit(_child(document, path[0]), path[1:], change)
    return copy


def _add(document: Any, path: list[str], value: Any) -> Any:
    def insert(container: Any, token: str) -> None:
        if isinstance(container, list):
            container.insert(_index(container, token, len(container)), value)
        else:
            container[token] = value

    return _edit(document, path, insert) if path else value


def _remove(document: Any, path: list[str]) -> Any:
    def delete(container: Any, token: str) -> None:
        _child(container, token)
        del container[_index(container, token, len(container) - 1) if isinstance(container, list) else token]

    if not path:
        raise PatchError("the whole document cannot be removed")
    return _edit(document, path, delete)
