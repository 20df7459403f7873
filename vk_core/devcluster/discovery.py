"""What the API server says about itself: its version, its groups and types, as kubectl discovers them."""

from __future__ import annotations

from typing import Any, TypeAlias

from vk_core.devcluster.resources import EMPTY_GROUPS, RESOURCES, Resource, Subresource

Object: TypeAlias = dict[str, Any]

KUBERNETES_MINOR = 36
"""The minor version of Kubernetes whose API is served."""

_AGGREGATED = "apidiscovery.k8s.io"
_AGGREGATED_VERSIONS = ("v2", "v2beta1")


def version() -> Object:
    """The answer to `/version`; the build says that this is no real Kubernetes."""
    return {
        "major": "1",
        "minor": str(KUBERNETES_MINOR),
        "gitVersion": f"v1.{KUBERNETES_MINOR}.0+virtual-kubelet-dev",
        "gitCommit": "",
        "gitTreeState": "",
        "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": "",
        "compiler": "",
        "platform": "",
    }


def discover(path: str, accept: str, address: str) -> tuple[Object, str] | None:
    """Returns the document at a discovery path and its content type, or `None` if the path is none.

    Args:
        path: such as `/api`, `/apis`, `/apis/GROUP` or `/apis/GROUP/VERSION`.
        accept: the `Accept` header; with the aggregated form in it, `/api` and `/apis` answer everything at once.
        address: host and port of this server.
    """
    match [part for part in path.split("/") if part]:
        case ["api" | "apis" as root]:
            wanted = _aggregated_version(accept)
            if wanted:
                return _aggregated(wanted, core=root == "api"), _content_type(wanted)
            plain = _core_versions(address) if root == "api" else _group_list()
            return plain, "application/json"
        case ["api", "v1"]:
            return _resource_list("", "v1"), "application/json"
        case ["apis", group] if group in dict(_groups()):
            return {"kind": "APIGroup", "apiVersion": "v1", **_group(group)}, "application/json"
        case ["apis", group, version] if (group, version) in _groups():
            return _resource_list(group, version), "application/json"
    return None


def _groups() -> list[tuple[str, str]]:
    """Groups and versions beside the core, in the order of `kubectl api-resources`."""
    return sorted({(resource.group, resource.version) for resource in RESOURCES if resource.group} | {*EMPTY_GROUPS})


def _resources(group: str, version: str) -> list[Resource]:
    found = (resource for resource in RESOURCES if (resource.group, resource.version) == (group, version))
    return sorted(found, key=lambda resource: resource.plural)


def _core_versions(address: str) -> Object:
    addresses = [{"clientCIDR": "0.0.0.0/0", "serverAddress": address}]
    return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": addresses}


def _group_list() -> Object:
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": [_group(group) for group in dict(_groups())]}


def _group(group: str) -> Object:
    versions = [
        {"groupVersion": f"{name}/{version}", "version": version} for name, version in _groups() if name == group
    ]
    return {"name": group, "versions": versions, "preferredVersion": versions[0]}


def _resource_list(group: str, version: str) -> Object:
    listed: list[Object] = []
    for resource in _resources(group, version):
        listed.append(_resource(resource))
        listed.extend(_subresource(resource, subresource) for subresource in resource.subresources)
    name = f"{group}/{version}" if group else version
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": name, "resources": listed}


def _resource(resource: Resource) -> Object:
    return {
        "name": resource.plural,
        "singularName": resource.singular,
        "namespaced": resource.namespaced,
        "kind": resource.kind,
        "verbs": list(resource.verbs),
        **({"shortNames": list(resource.short_names)} if resource.short_names else {}),
        **({"categories": list(resource.categories)} if resource.categories else {}),
    }


def _subresource(resource: Resource, subresource: Subresource) -> Object:
    return {
        "name": f"{resource.plural}/{subresource.name}",
        "singularName": "",
        "namespaced": resource.namespaced,
        "kind": subresource.kind,
        "verbs": list(subresource.verbs),
        **({"group": subresource.group, "version": subresource.version} if subresource.group else {}),
    }


def _aggregated_version(accept: str) -> str | None:
    for media in accept.split(","):
        parameters = [part.strip() for part in media.split(";")]
        if f"g={_AGGREGATED}" in parameters and "as=APIGroupDiscoveryList" in parameters:
            for version in _AGGREGATED_VERSIONS:
                if f"v={version}" in parameters:
                    return version
    return None


def _content_type(version: str) -> str:
    return f"application/json;g={_AGGREGATED};v={version};as=APIGroupDiscoveryList"


def _aggregated(version: str, *, core: bool) -> Object:
    groups = [("", "v1")] if core else _groups()
    items = [
        {
            "metadata": {"name": group} if group else {},
            "versions": [
                {
                    "version": group_version,
                    "resources": [_aggregated_resource(resource) for resource in _resources(group, group_version)],
                    "freshness": "Current",
                }
                for name, group_version in groups
                if name == group
            ],
        }
        for group in dict(groups)
    ]
    return {
        "kind": "APIGroupDiscoveryList",
        "apiVersion": f"{_AGGREGATED}/{version}",
        "metadata": {},
        "items": items,
    }


def _aggregated_resource(resource: Resource) -> Object:
    return {
        "resource": resource.plural,
        "responseKind": {"group": resource.group, "version": resource.version, "kind": resource.kind},
        "scope": "Namespaced" if resource.namespaced else "Cluster",
        "singularResource": resource.singular,
        "verbs": list(resource.verbs),
        **({"shortNames": list(resource.short_names)} if resource.short_names else {}),
        **({"categories": list(resource.categories)} if resource.categories else {}),
        **(
            {
                "subresources": [
                    {
                        "subresource": subresource.name,
                        "responseKind": {
                            "group": subresource.group or resource.group,
                            "version": subresource.version or resource.version,
                            "kind": subresource.kind,
                        },
                        "verbs": list(subresource.verbs),
                    }
                    for subresource in resource.subresources
                ]
            }
            if resource.subresources
            else {}
        ),
    }
