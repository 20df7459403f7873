"""What the API server fills in when an object leaves it out, for all kinds but pods (those are in `poddefaults`).

Defaults are written into the given object, which has just been read from a request and belongs to nobody else yet.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

from vk_core.devcluster.datavalidation import canonical_base64
from vk_core.devcluster.poddefaults import default_pod, normalise_quantities, normalise_quantity
from vk_core.devcluster.resources import CONFIGMAPS, EVENTS, NAMESPACES, NODES, PODS, SECRETS, SERVICES, Resource
from vk_core.devcluster.statuses import UnreadableError

Object = dict[str, Any]


def normalise(resource: Resource, object: Object) -> None:
    """Brings quantities into their canonical text wherever a kind has some; numbers become text.

    Raises:
        StatusError: 400 if one of them is not a quantity.
    """
    try:
        if resource is PODS:
            _normalise_pod(object)
        elif resource is NODES:
            normalise_quantities(object.get("status"), "capacity", "allocatable")
    except ValueError as error:
        raise UnreadableError(resource, str(error)) from None


def apply_defaults(resource: Resource, object: Object) -> None:
    """Fills in the defaults of a kind; the object has the right structure already.

    Raises:
        StatusError: 400 if what should be base64 is not.
    """
    default = _DEFAULTS.get(resource)
    if default is not None:
        default(object)


def _normalise_pod(pod: Object) -> None:
    spec = pod.get("spec")
    if not isinstance(spec, dict):
        return
    normalise_quantities(spec, "overhead")
    normalise_quantities(spec.get("resources"), "limits", "requests")
    for field in ("containers", "initContainers", "ephemeralContainers"):
        for container in _objects(spec, field):
            normalise_quantities(container.get("resources"), "limits", "requests")
            for variable in _objects(container, "env"):
                _normalise_divisor(variable.get("valueFrom"))
    for volume in _objects(spec, "volumes"):
        normalise_quantity(volume.get("emptyDir"), "sizeLimit")
        projected = _objects(volume.get("projected"), "sources")
        for source in (volume.get("downwardAPI"), *(source.get("downwardAPI") for source in projected)):
            for file in _objects(source, "items"):
                _normalise_divisor(file)


def _normalise_divisor(source: Any) -> None:
    if isinstance(source, dict):
        normalise_quantity(source.get("resourceFieldRef"), "divisor")


def _objects(owner: Any, field: str) -> list[Object]:
    """The objects in a list that may be anything, as long as nobody has looked at the structure."""
    found = owner.get(field) if isinstance(owner, dict) else None
    return [inner for inner in found if isinstance(inner, dict)] if isinstance(found, list) else []


def _namespace(namespace: Object) -> None:
    spec = namespace.setdefault("spec", {})
    spec.setdefault("finalizers", ["kubernetes"])
    namespace.setdefault("status", {}).setdefault("phase", "Active")
    labels = namespace["metadata"].setdefault("labels", {})
    labels["kubernetes.io/metadata.name"] = namespace["metadata"].get("name", "")


def _node(node: Object) -> None:
    node.setdefault("spec", {})
    status = node.setdefault("status", {})
    if "capacity" in status and "allocatable" not in status:
        status["allocatable"] = dict(status["capacity"])


def _config_map(config_map: Object) -> None:
    if "binaryData" in config_map:
        config_map["binaryData"] = canonical_base64(CONFIGMAPS, config_map["binaryData"])


def _secret(secret: Object) -> None:
    secret.setdefault("type", "Opaque")
    if "data" in secret:
        secret["data"] = canonical_base64(SECRETS, secret["data"])
    plain = secret.pop("stringData", None)
    if plain:
        data = secret.setdefault("data", {})
        data.update({key: base64.b64encode(value.encode()).decode() for key, value in plain.items()})


def _service(service: Object) -> None:
    spec = service.setdefault("spec", {})
    spec.setdefault("sessionAffinity", "None")
    spec.setdefault("type", "ClusterIP")
    for port in spec.get("ports", ()):
        port.setdefault("protocol", "TCP")
        port.setdefault("targetPort", port.get("port"))
    if spec["type"] != "ExternalName":
        spec.setdefault("internalTrafficPolicy", "Cluster")
        spec.setdefault("ipFamilies", ["IPv4"])
        spec.setdefault("ipFamilyPolicy", "SingleStack")
    if spec["type"] in {"NodePort", "LoadBalancer"}:
        spec.setdefault("externalTrafficPolicy", "Cluster")
    service.setdefault("status", {}).setdefault("loadBalancer", {})


def _event(event: Object) -> None:
    for field in ("source", "firstTimestamp", "lastTimestamp", "eventTime"):
        event.setdefault(field, {} if field == "source" else None)
    event.setdefault("reportingComponent", "")
    event.setdefault("reportingInstance", "")


_DEFAULTS: dict[Resource, Callable[[Object], None]] = {
    CONFIGMAPS: _config_map,
    EVENTS: _event,
    NAMESPACES: _namespace,
    NODES: _node,
    PODS: default_pod,
    SECRETS: _secret,
    SERVICES: _service,
}
