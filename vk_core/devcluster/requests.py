"""What a request asks for: verb, type, namespace, name and options, read from its method, path and query."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import msgspec

from vk_core.api.selectors import FieldSelector, LabelSelector, parse_field_selector, parse_label_selector
from vk_core.devcluster.fields import canonical_field, is_selectable
from vk_core.devcluster.protobuf import PROTOBUF, decode_object
from vk_core.devcluster.resources import BY_PATH, NAMESPACES, Resource, Subresource, stored_as
from vk_core.devcluster.statuses import (
    PageNotFound,
    StatusError,
    bad_request,
    forbidden_field,
    invalid_options,
    method_not_allowed,
    unknown_path,
    unsupported,
)
from vk_core.devcluster.store import Key

Object: TypeAlias = dict[str, Any]

_VERBS = {
    ("POST", False): "create",
    ("GET", False): "list",
    ("DELETE", False): "deletecollection",
    ("GET", True): "get",
    ("PUT", True): "update",
    ("PATCH", True): "patch",
    ("DELETE", True): "delete",
    ("POST", True): "create",
    ("HEAD", True): "get",
    ("HEAD", False): "list",
}
_NAMESPACE_PARTS = 3
_GROUPS = {(group, version) for group, version, _ in BY_PATH}


@dataclass(frozen=True, slots=True)
class Target:
    """The object, or the collection, that a path names."""

    served: Resource
    namespace: str = ""
    name: str = ""
    subresource: Subresource | None = None

    @property
    def resource(self) -> Resource:
        """The type that the objects are kept as."""
        return stored_as(self.served)

    @property
    def key(self) -> Key:
        """Where the object is kept."""
        return self.namespace, self.name

    @property
    def label(self) -> str:
        """The type as RBAC writes it: `pods`, `pods/status`."""
        return f"{self.served.plural}/{self.subresource.name}" if self.subresource else self.served.plural


def parse_path(path: str) -> Target:
    """Reads `/api/v1/...` and `/apis/GROUP/VERSION/...`.

    Raises:
        StatusError: 404 for a type that is not served.
    """
    parts = [part for part in path.split("/") if part]
    group, version, rest = _group_and_version(parts)
    namespace = ""
    is_namespaced = len(rest) >= _NAMESPACE_PARTS and rest[0] == NAMESPACES.plural
    if is_namespaced and not (len(rest) == _NAMESPACE_PARTS and NAMESPACES.subresource(rest[2])):
        namespace, rest = rest[1], rest[2:]
    if rest[2:3] == ["proxy"]:
        rest = rest[:_NAMESPACE_PARTS]  # the path goes on, on the kubelet
    resource = BY_PATH.get((group, version, rest[0])) if 1 <= len(rest) <= _NAMESPACE_PARTS else None
    if resource is None or (namespace and not resource.namespaced):
        raise unknown_path()
    name = rest[1] if len(rest) > 1 else ""
    if name and resource.namespaced and not namespace:
        raise unknown_path()
    if len(rest) < _NAMESPACE_PARTS:
        return Target(resource, namespace, name)
    subresource = resource.subresource(rest[2])
    if subresource is None:
        raise unknown_path()
    return Target(resource, namespace, name, subresource)


def _group_and_version(parts: list[str]) -> tuple[str, str, list[str]]:
    match parts:
        case ["api", "v1", *rest]:
            return "", "v1", rest
        case ["apis", group, version, *rest] if (group, version) in _GROUPS:
            return group, version, rest
    raise PageNotFound


def verb_of(method: str, target: Target, query: Mapping[str, str]) -> str:
    """Returns the verb of a request as RBAC names it.

    Raises:
        StatusError: 405 if the type does not have it.
    """
    verb = _VERBS.get((method, bool(target.name)), "")
    if verb == "list" and is_true(query.get("watch")):
        verb = "watch"
    if target.subresource is not None:
        allowed: tuple[str, ...] = target.subresource.verbs
    elif method == "POST" and target.name:
        allowed = ()
    else:
        allowed = target.served.verbs
    if verb not in allowed:
        raise method_not_allowed()
    return verb


@dataclass(frozen=True, slots=True)
class ListOptions:
    """The options of a list or a watch (`metav1.ListOptions`)."""

    labels: LabelSelector
    fields: FieldSelector
    resource_version: str = ""
    resource_version_match: str = ""
    limit: int = 0
    continue_: str = ""
    timeout_seconds: int | None = None
    bookmarks: bool = False
    send_initial_events: bool | None = None

    @property
    def selects(self) -> bool:
        """Whether there is any selector."""
        return bool(self.labels.requirements or self.fields.terms)

    def only(self, target: Target) -> Key | None:
        """The only object that can be wanted, or `None` if there may be several."""
        name = self.fields.required("metadata.name")
        if name is None or (target.served.namespaced and not target.namespace):
            return None
        return target.namespace, name


def parse_list_options(target: Target, query: Mapping[str, str]) -> ListOptions:
    """Reads the options of a list or watch.

    Raises:
        StatusError: 400 for what cannot be read, 422 for combinations that are not allowed.
    """
    try:
        labels = parse_label_selector(query.get("labelSelector", ""))
        fields = parse_field_selector(query.get("fieldSelector", ""))
    except ValueError as error:
        raise bad_request(str(error)) from None
    fields = FieldSelector(tuple((canonical_field(field), equal, value) for field, equal, value in fields.terms))
    for field in sorted(fields.fields):
        if not is_selectable(target.resource, field):
            raise bad_request(f"field label not supported: {field}")
    if target.name:
        fields = FieldSelector((*fields.terms, ("metadata.name", True, target.name)))
    initial = query.get("sendInitialEvents")
    options = ListOptions(
        labels,
        fields,
        query.get("resourceVersion", ""),
        query.get("resourceVersionMatch", ""),
        _number(query, "limit") or 0,
        query.get("continue", ""),
        _number(query, "timeoutSeconds"),
        is_true(query.get("allowWatchBookmarks")),
        None if initial is None else is_true(initial),
    )
    _check_versions(options, is_watch=is_true(query.get("watch")))
    return options


def _check_versions(options: ListOptions, *, is_watch: bool) -> None:
    match, version = options.resource_version_match, options.resource_version
    if version and not version.isdecimal():
        raise bad_request(f"resourceVersion: Invalid value: {version!r}: expected a number")
    if options.continue_ and version not in {"", "0"}:
        raise bad_request("specifying resource version is not allowed when using continue")
    if match and match not in {"Exact", "NotOlderThan"}:
        causes = [unsupported("resourceVersionMatch", match, ("Exact", "NotOlderThan", ""))]
        raise invalid_options("ListOptions", causes)
    field, why = _watch_problem(options) if is_watch else _list_problem(options)
    if why:
        raise invalid_options("ListOptions", [forbidden_field(field, why)])


def _watch_problem(options: ListOptions) -> tuple[str, str]:
    match = options.resource_version_match
    if options.send_initial_events is not None and match != "NotOlderThan":
        return "resourceVersionMatch", "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"
    if match and options.send_initial_events is None:
        why = "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"
        return "resourceVersionMatch", why
    return "", ""


def _list_problem(options: ListOptions) -> tuple[str, str]:
    match, version = options.resource_version_match, options.resource_version
    if options.send_initial_events is not None:
        return "sendInitialEvents", "sendInitialEvents is forbidden for list"
    if match and not version:
        return "resourceVersionMatch", "resourceVersionMatch is forbidden unless resourceVersion is provided"
    if match == "Exact" and version == "0":
        return "resourceVersionMatch", 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"'
    return "", ""


def _number(query: Mapping[str, str], name: str) -> int | None:
    text = query.get(name)
    if not text:
        return None
    if not text.isdecimal():
        raise bad_request(f"{name}: expected a number, got {text!r}")
    return int(text)


def is_true(text: str | None) -> bool:
    """Reads a boolean of a query: a parameter without value counts as true."""
    return text is not None and text.lower() not in {"0", "false", "f", "no"}


def is_dry_run(query: Mapping[str, str]) -> bool:
    """Tells whether nothing shall be written.

    Raises:
        StatusError: 422 for a value other than `All`.
    """
    value = query.get("dryRun", "")
    if value not in {"", "All"}:
        raise invalid_options("CreateOptions", [unsupported("dryRun", value, ("All",))])
    return bool(value)


def is_strict(query: Mapping[str, str]) -> bool:
    """Tells whether fields that a kind does not have are to be refused (`fieldValidation=Strict`)."""
    return query.get("fieldValidation") == "Strict"


def decode_body(body: bytes, content_type: str) -> Any:
    """Reads the body of a request: JSON, or the protobuf of the few kinds that kubectl creates that way.

    Raises:
        StatusError: 400 or 415.
    """
    media = content_type.partition(";")[0].strip()
    if media == PROTOBUF:
        return decode_object(body)
    if media not in {"", "application/json"} and not media.endswith(("+json", "+yaml")):
        raise StatusError(
            415,
            "the body of the request was in an unknown format - accepted media types include: "
            f"application/json, {PROTOBUF}",
        )
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        yaml = " (this server reads YAML only if it is JSON as well)" if media.endswith("+yaml") else ""
        raise bad_request(f"the body of the request is not JSON: {error}{yaml}") from None
    return value


def without_nulls(value: Any) -> Any:
    """Drops what is null: to the API that is the same as absent."""
    if isinstance(value, dict):
        return {name: without_nulls(inner) for name, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [without_nulls(inner) for inner in value if inner is not None]
    return value


def decode_new_object(target: Target, body: bytes, content_type: str) -> Object:
    """Reads an object that is to be created or to replace another.

    Raises:
        StatusError: 400 if it is no object, or one of another type.
    """
    object = decode_body(body, content_type)
    if b"null" in body:
        object = without_nulls(object)
    if not isinstance(object, dict):
        raise bad_request("the body of the request is not an object")
    version, kind = target.served.api_version, target.served.kind
    if target.subresource is not None:
        kind = target.subresource.kind
        if target.subresource.group:
            version = f"{target.subresource.group}/{target.subresource.version}"
    given = (object.get("apiVersion") or version, object.get("kind") or kind)
    if given != (version, kind):
        raise bad_request(
            f"the API version and kind in the data ({given[0]}, {given[1]}) "
            f"do not match the expected API version and kind ({version}, {kind})"
        )
    object["apiVersion"], object["kind"] = given
    metadata = object.setdefault("metadata", {})
    if not isinstance(metadata, dict):
        raise bad_request(f'{kind} in version "{version}" cannot be handled as a {kind}: metadata is not an object')
    return object
