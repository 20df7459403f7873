"""Whether an object may be stored: its metadata, the rules of its kind, and what may change.

The rules of pods are in `podvalidation`, those of config maps and secrets in `datavalidation`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from vk_core.devcluster.datavalidation import config_map_causes, data_change_causes, secret_causes
from vk_core.devcluster.knownfields import unknown_fields
from vk_core.devcluster.names import dns_label, metadata_causes
from vk_core.devcluster.podvalidation import pod_causes, pod_update_causes
from vk_core.devcluster.resources import (
    CLUSTERTRUSTBUNDLES,
    CONFIGMAPS,
    CSRS,
    EVENTS,
    LEASES,
    NODES,
    PODS,
    SECRETS,
    SERVICES,
    Resource,
)
from vk_core.devcluster.signingrequests import request_causes
from vk_core.devcluster.statuses import (
    Cause,
    UnreadableError,
    duplicate,
    forbidden_field,
    invalid,
    required,
    unsupported,
    wrong,
)
from vk_core.devcluster.trustbundles import trust_bundle_causes

Object = dict[str, Any]

_LAST_PORT = 65535
_EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
_SERVICE_TYPES = ("ClusterIP", "NodePort", "LoadBalancer", "ExternalName")
_PROTOCOLS = ("TCP", "UDP", "SCTP")


def refuse_unknown_fields(resource: Resource, object: Object) -> None:
    """Refuses an object with fields that its kind does not have, as `fieldValidation=Strict` asks for.

    Raises:
        StatusError: 400, with all of them.
    """
    unknown = unknown_fields(resource, object)
    if unknown:
        listed = ", ".join(f'unknown field "{field}"' for field in unknown)
        raise UnreadableError(resource, f"strict decoding error: {listed}")


def validate_new(resource: Resource, object: Object) -> None:
    """Refuses a new object that is not valid.

    Raises:
        StatusError: 422, with everything that is wrong.
    """
    _refuse(resource, object, [*metadata_causes(resource, object["metadata"]), *_causes(resource, object)])


def validate_change(resource: Resource, object: Object, old: Object) -> None:
    """Refuses a new version of an object that is not valid, or changes what cannot be changed.

    Raises:
        StatusError: 422, with everything that is wrong.
    """
    causes = [*metadata_causes(resource, object["metadata"]), *_causes(resource, object)]
    change = _CHANGE_RULES.get(resource)
    if change is not None and not causes:
        causes = change(object, old)
    _refuse(resource, object, causes)


def validate_finalizers(resource: Resource, object: Object, old: Object) -> None:
    """Refuses finalizers that are added after the deletion has begun.

    Raises:
        StatusError: 422.
    """
    if "deletionTimestamp" in old["metadata"]:
        present = old["metadata"].get("finalizers", ())
        added = [name for name in object["metadata"].get("finalizers", ()) if name not in present]
        if added:
            listed = ", ".join(f'"{name}"' for name in added)
            why = f"no new finalizers can be added if the object is being deleted, found new finalizers {listed}"
            raise invalid(resource, old["metadata"]["name"], [forbidden_field("metadata.finalizers", why)])


def _refuse(resource: Resource, object: Object, causes: list[Cause]) -> None:
    if causes:
        raise invalid(resource, object["metadata"].get("name", ""), causes)


def _causes(resource: Resource, object: Object) -> list[Cause]:
    rule = _RULES.get(resource)
    return [] if rule is None else rule(object)


def _node(object: Object) -> list[Cause]:
    causes: list[Cause] = []
    seen = set()
    for index, taint in enumerate(object.get("spec", {}).get("taints", ())):
        path = f"metadata.taints[{index}]"
        if not taint.get("key"):
            causes.append(required(f"{path}.key"))
        if taint.get("effect") not in _EFFECTS:
            causes.append(unsupported(f"{path}.effect", taint.get("effect", ""), _EFFECTS))
        identity = (taint.get("key"), taint.get("effect"))
        if identity in seen:
            causes.append(duplicate(path, taint.get("key")))
        seen.add(identity)
    return causes


def _service(object: Object) -> list[Cause]:
    spec = object["spec"]
    causes: list[Cause] = []
    if spec["type"] not in _SERVICE_TYPES:
        causes.append(unsupported("spec.type", spec["type"], _SERVICE_TYPES))
    if not spec.get("ports") and spec["type"] != "ExternalName" and spec.get("clusterIP") != "None":
        causes.append(required("spec.ports"))
    for index, port in enumerate(spec.get("ports", ())):
        path = f"spec.ports[{index}]"
        if not (isinstance(port.get("port"), int) and 0 < port["port"] <= _LAST_PORT):
            causes.append(wrong(f"{path}.port", port.get("port", 0), f"must be between 1 and {_LAST_PORT}, inclusive"))
        if port["protocol"] not in _PROTOCOLS:
            causes.append(unsupported(f"{path}.protocol", port["protocol"], _PROTOCOLS))
        if len(spec["ports"]) > 1 and not port.get("name"):
            causes.append(required(f"{path}.name"))
        elif port.get("name") and (problem := dns_label(port["name"])):
            causes.append(wrong(f"{path}.name", port["name"], problem))
    return causes


def _cluster_ip(object: Object, old: Object) -> list[Cause]:
    before, after = old["spec"].get("clusterIP"), object["spec"].get("clusterIP")
    if before and before != after and object["spec"]["type"] != "ExternalName":
        return [wrong("spec.clusterIP", after or "", "field is immutable")]
    return []


def _event(object: Object) -> list[Cause]:
    involved, home = object.get("involvedObject", {}).get("namespace", ""), object["metadata"].get("namespace")
    if involved and involved != home:
        return [wrong("involvedObject.namespace", involved, "does not match event.namespace")]
    return []


def _lease(object: Object) -> list[Cause]:
    seconds = object.get("spec", {}).get("leaseDurationSeconds")
    if seconds is not None and seconds <= 0:
        return [wrong("spec.leaseDurationSeconds", seconds, "must be greater than 0")]
    return []


_RULES: dict[Resource, Callable[[Object], list[Cause]]] = {
    CLUSTERTRUSTBUNDLES: trust_bundle_causes,
    CONFIGMAPS: config_map_causes,
    CSRS: request_causes,
    EVENTS: _event,
    LEASES: _lease,
    NODES: _node,
    PODS: pod_causes,
    SECRETS: secret_causes,
    SERVICES: _service,
}
_CHANGE_RULES: dict[Resource, Callable[[Object, Object], list[Cause]]] = {
    CONFIGMAPS: data_change_causes,
    PODS: pod_update_causes,
    SECRETS: data_change_causes,
    SERVICES: _cluster_ip,
}
