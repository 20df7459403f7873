"""OpenAPI of the served types, generated from our own object types: for `kubectl explain` and its validation.

kubectl only looks whether a PATCH knows `fieldValidation`: then it leaves the checking of fields to the server. Kinds
that have no type of their own here are described by their metadata alone.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, TypeAlias

import msgspec

from vk_core.api import auth, certificates, coordination, core, node, pod
from vk_core.api.meta import ObjectMeta
from vk_core.devcluster.resources import RESOURCES, Resource

Object: TypeAlias = dict[str, Any]


_MODULES = (pod, node, core, coordination, auth, certificates)
_EXTENSION = "x-kubernetes-group-version-kind"
_REFERENCE = "#/components/schemas/{name}"
_VALIDATING_METHODS = ("post", "put", "patch")


_TITLE, _VERSION = "Kubernetes", "virtual-kubelet dev"
V2_PROTOBUF = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"


def version_2() -> bytes:
    """The answer to `/openapi/v2`: a document without content, as protobuf, which is how kubectl reads it.

    kubectl asks for it when a type is not in version 3, and would complain of the missing document otherwise.
    """
    info = b"".join(
        bytes([number << 3 | 2, len(text)]) + text.encode() for number, text in ((1, _TITLE), (2, _VERSION))
    )
    return b"\x0a\x032.0" + bytes([2 << 3 | 2, len(info)]) + info + bytes([8 << 3 | 2, 0])


def group_versions() -> Object:
    """The answer to `/openapi/v3`: where the documents of the groups are."""
    paths = sorted({_path(resource) for resource in RESOURCES})
    return {"paths": {path: {"serverRelativeURL": f"/openapi/v3/{path}?hash=dev"} for path in paths}}


@lru_cache(maxsize=16)
def document(path: str) -> bytes | None:
    """The answer to `/openapi/v3/PATH`, or `None` if nothing is served there."""
    resources = [resource for resource in RESOURCES if _path(resource) == path]
    if not resources:
        return None
    types = [_type_of(resource) for resource in resources]
    roots, schemas = msgspec.json.schema_components(types, ref_template=_REFERENCE)
    for resource, root in zip(resources, roots, strict=True):
        schema = schemas[root["$ref"].rpartition("/")[2]]
        kind = {"group": resource.group, "version": resource.version, "kind": resource.kind}
        schema.setdefault(_EXTENSION, []).append(kind)
    paths: Object = {}
    for resource, root in zip(resources, roots, strict=True):
        paths.update(_paths(resource, root))
    info = {"title": _TITLE, "version": _VERSION}
    body = {"openapi": "3.0.0", "info": info, "paths": paths, "components": {"schemas": schemas}}
    return msgspec.json.encode(body)


def _path(resource: Resource) -> str:
    return f"apis/{resource.group}/{resource.version}" if resource.group else f"api/{resource.version}"


def _type_of(resource: Resource) -> type[msgspec.Struct]:
    for module in _MODULES:
        found: Any = getattr(module, resource.kind, None)
        if found is not None and not (resource.group and resource.kind == "Event"):
            return found  # type: ignore[no-any-return]
    return msgspec.defstruct(
        resource.kind,
        [("api_version", str, ""), ("kind", str, ""), ("metadata", ObjectMeta, ObjectMeta())],
        frozen=True,
        kw_only=True,
        rename="camel",
    )


def _paths(resource: Resource, root: Object) -> Object:
    base = f"/{_path(resource)}/" + ("namespaces/{namespace}/" if resource.namespaced else "") + resource.plural
    kind = {"group": resource.group, "version": resource.version, "kind": resource.kind}
    content = {"content": {"application/json": {"schema": root}}}

    def operation(method: str, action: str) -> Object:
        described: Object = {
            "x-kubernetes-action": action,
            _EXTENSION: kind,
            "responses": {"200": {"description": "OK", **content}},
        }
        if method in _VALIDATING_METHODS:
            described["parameters"] = [
                {"name": name, "in": "query", "schema": {"type": "string"}} for name in ("dryRun", "fieldValidation")
            ]
        return described

    paths: Object = {base: {"post": operation("post", "post")} if "create" in resource.verbs else {}}
    if "patch" in resource.verbs:
        paths[base]["get"] = operation("get", "list")
        paths[base + "/{name}"] = {
            "get": operation("get", "get"),
            "put": operation("put", "put"),
            "patch": operation("patch", "patch"),
            "delete": operation("delete", "delete"),
        }
    return paths
