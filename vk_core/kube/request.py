"""Requests to the API server as plain data, built without any input or output."""

from __future__ import annotations

import urllib.parse
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import msgspec

from vk_core.kube.resources import Resource

JSON = "application/json"
METADATA_ONLY = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json"
"""Has the server answer with the metadata alone: less to encode there and to decode here."""

PATCH_TYPES = {
    "strategic": "application/strategic-merge-patch+json",
    "merge": "application/merge-patch+json",
    "json": "application/json-patch+json",
}
PatchType = Literal["strategic", "merge", "json"]


class Request(NamedTuple):
    """One request; `what` and `grant` are for its error messages, `verb` and `resource` for metrics.

    `busy` is whether an answer that goes on is to have a connection for itself, which costs least CPU for each piece.
    """

    method: str
    target: str
    what: str
    grant: str
    body: bytes | None = None
    content_type: str = JSON
    accept: str = JSON
    verb: str = ""
    resource: str = ""
    busy: bool = False


def build(
    verb: str,
    resource: Resource[Any],
    *,
    namespace: str = "",
    name: str = "",
    subresource: str = "",
    query: Mapping[str, str] | None = None,
    body: Any = None,
    content_type: str = JSON,
    accept: str = JSON,
) -> Request:
    """A request by Kubernetes verb (get, list, watch, create, patch, update, delete)."""
    target = resource.path(namespace, name, subresource)
    if query:
        target = f"{target}?{urllib.parse.urlencode(query)}"
    plural = f"{resource.plural}/{subresource}" if subresource else resource.plural
    place = f"{namespace}/{name}" if namespace and name else name or namespace
    return Request(
        METHODS[verb],
        target,
        f"{verb} {plural} {place}".rstrip(),
        f'{{"apiGroups": ["{resource.group}"], "resources": ["{plural}"], "verbs": ["{verb}"]}}',
        None if body is None else msgspec.json.encode(body),
        content_type,
        accept,
        verb,
        plural,
    )


METHODS = {
    "get": "GET",
    "list": "GET",
    "watch": "GET",
    "create": "POST",
    "update": "PUT",
    "patch": "PATCH",
    "delete": "DELETE",
}


def list_query(*, field_selector: str = "", label_selector: str = "", limit: int = 0, more: str = "") -> dict[str, str]:
    """The query of one page of a list."""
    query = {"fieldSelector": field_selector, "labelSelector": label_selector, "continue": more}
    if limit:
        query["limit"] = str(limit)
    return {key: value for key, value in query.items() if value}


def watch_query(
    *, resource_version: str, timeout_seconds: int, field_selector: str = "", label_selector: str = ""
) -> dict[str, str]:
    """The query of a watch that continues behind a version and is kept fresh by bookmarks."""
    return {
        "watch": "1",
        "allowWatchBookmarks": "true",
        "resourceVersion": resource_version,
        "timeoutSeconds": str(timeout_seconds),
        **list_query(field_selector=field_selector, label_selector=label_selector),
    }


def delete_options(*, grace_period_seconds: int | None = None, uid: str = "") -> dict[str, Any]:
    """The body of a DELETE; with a UID only the very object is deleted that was meant."""
    options: dict[str, Any] = {"apiVersion": "v1", "kind": "DeleteOptions"}
    if grace_period_seconds is not None:
        options["gracePeriodSeconds"] = grace_period_seconds
    if uid:
        options["preconditions"] = {"uid": uid}
    return options
