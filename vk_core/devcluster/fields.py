"""Which fields of which kind a field selector can ask for, and their values as text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from vk_core.devcluster.resources import (
    CLUSTERTRUSTBUNDLES,
    CSRS,
    EVENTS,
    NAMESPACES,
    NODES,
    PODS,
    SECRETS,
    SERVICES,
    Resource,
)

Object = dict[str, Any]

_ALIASES = {f"regarding.{name}": f"involvedObject.{name}" for name in ("kind", "namespace", "name", "uid", "fieldPath")}
"""Names that `events.k8s.io` has for the same fields."""
_ALIASES |= {"reportingController": "reportingComponent"}
_REFERENCE = ("apiVersion", "fieldPath", "kind", "name", "namespace", "resourceVersion", "uid")


def _pod(pod: Object) -> dict[str, str]:
    spec, status = pod.get("spec", {}), pod.get("status", {})
    return {
        "spec.nodeName": spec.get("nodeName", ""),
        "spec.restartPolicy": spec.get("restartPolicy", ""),
        "spec.schedulerName": spec.get("schedulerName", ""),
        "spec.serviceAccountName": spec.get("serviceAccountName", ""),
        "spec.hostNetwork": _boolean(spec.get("hostNetwork")),
        "status.phase": status.get("phase", ""),
        "status.podIP": status.get("podIP", ""),
        "status.podIPs": status.get("podIP", ""),
        "status.nominatedNodeName": status.get("nominatedNodeName", ""),
    }


def _event(event: Object) -> dict[str, str]:
    involved = event.get("involvedObject", {})
    source = event.get("source", {}).get("component") or event.get("reportingComponent", "")
    return {
        **{f"involvedObject.{name}": involved.get(name, "") for name in _REFERENCE},
        "reason": event.get("reason", ""),
        "reportingComponent": event.get("reportingComponent", ""),
        "source": source,
        "type": event.get("type", ""),
    }


def _node(node: Object) -> dict[str, str]:
    return {"spec.unschedulable": _boolean(node.get("spec", {}).get("unschedulable"))}


def _namespace(namespace: Object) -> dict[str, str]:
    return {"name": namespace["metadata"]["name"], "status.phase": namespace.get("status", {}).get("phase", "")}


def _service(service: Object) -> dict[str, str]:
    spec = service.get("spec", {})
    return {"spec.clusterIP": spec.get("clusterIP", ""), "spec.type": spec.get("type", "")}


def _signer(object: Object) -> dict[str, str]:
    return {"spec.signerName": object.get("spec", {}).get("signerName", "")}


_FIELDS: dict[Resource, Callable[[Object], dict[str, str]]] = {
    CLUSTERTRUSTBUNDLES: _signer,
    CSRS: _signer,
    EVENTS: _event,
    NAMESPACES: _namespace,
    NODES: _node,
    PODS: _pod,
    SECRETS: lambda secret: {"type": secret.get("type", "")},
    SERVICES: _service,
}
_EMPTY: Object = {"metadata": {"name": ""}}


def selectable_fields(resource: Resource, object: Object) -> dict[str, str]:
    """Returns the fields of an object of a stored type that selectors see, as text."""
    metadata = object["metadata"]
    own = _FIELDS[resource](object) if resource in _FIELDS else {}
    return {**own, "metadata.name": metadata["name"], "metadata.namespace": metadata.get("namespace", "")}


def is_selectable(resource: Resource, field: str) -> bool:
    """Tells whether objects of a stored type can be selected by a field."""
    return field in selectable_fields(resource, _EMPTY)


def canonical_field(field: str) -> str:
    """Returns the name under which a field is kept; events have two for some."""
    return _ALIASES.get(field, field)


def _boolean(value: Any) -> str:
    return "true" if value else "false"
