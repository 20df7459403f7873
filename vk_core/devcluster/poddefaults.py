"""What the API server and its usual admission plug-ins fill in when a pod leaves it out."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import msgspec

from vk_core.api.pod import Pod
from vk_core.api.quantity import format_quantity, parse_quantity
from vk_core.api.scheduling import qos_class

Object = dict[str, Any]

_TOLERATION_SECONDS = 300
_FILE_MODE = 420
_VOLUMES_WITH_MODE = ("secret", "configMap", "downwardAPI", "projected")
_PROBES = {"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3}
_TOKEN_SECONDS = 3600


def default_pod(pod: Object) -> None:
    """Fills in the defaults of a pod's specification."""
    spec = pod.setdefault("spec", {})
    for field, value in (
        ("restartPolicy", "Always"),
        ("terminationGracePeriodSeconds", 30),
        ("dnsPolicy", "ClusterFirst"),
        ("schedulerName", "default-scheduler"),
        ("enableServiceLinks", True),
        ("preemptionPolicy", "PreemptLowerPriority"),
        ("priority", 0),
    ):
        spec.setdefault(field, value)
    spec.setdefault("securityContext", {})
    account = spec.get("serviceAccountName") or spec.get("serviceAccount") or "default"
    spec["serviceAccountName"] = spec["serviceAccount"] = account
    for container in (*spec.get("containers", ()), *spec.get("initContainers", ())):
        default_container(container)
        _default_requests(container)
        if spec.get("hostNetwork"):
            for port in container.get("ports", ()):
                port.setdefault("hostPort", port.get("containerPort"))
    for container in spec.get("ephemeralContainers", ()):
        default_container(container)
    for volume in spec.get("volumes", ()):
        _default_volume(volume)
    tolerations = spec.setdefault("tolerations", [])
    for key in ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"):
        if not any(_covers(toleration, key) for toleration in tolerations):
            tolerations.append(
                {
                    "effect": "NoExecute",
                    "key": key,
                    "operator": "Exists",
                    "tolerationSeconds": _TOLERATION_SECONDS,
                }
            )


def first_status(pod: Object) -> Object:
    """Returns the status of a pod that has just been created."""
    return {"phase": "Pending", "qosClass": qos_class(msgspec.convert(pod, Pod))}


def default_container(container: Object) -> None:
    """Fills in the defaults of one container."""
    container.setdefault("resources", {})
    container.setdefault("terminationMessagePath", "/dev/termination-log")
    container.setdefault("terminationMessagePolicy", "File")
    if not container.get("imagePullPolicy"):
        container["imagePullPolicy"] = _pull_policy(container.get("image", ""))
    for port in container.get("ports", ()):
        port.setdefault("protocol", "TCP")
    for variable in container.get("env", ()):
        _default_field_ref(variable.get("valueFrom") or {})
    lifecycle = container.get("lifecycle") or {}
    for handler in (lifecycle.get("postStart"), lifecycle.get("preStop")):
        _default_handler(handler or {})
    for name in ("livenessProbe", "readinessProbe", "startupProbe"):
        probe = container.get(name)
        if probe is not None:
            _default_handler(probe)
            for field, value in _PROBES.items():
                if not probe.get(field):
                    probe[field] = value


def normalise_quantities(owner: Any, *fields: str) -> None:
    """Rewrites the maps of quantities in some fields in canonical form; numbers become text.

    Raises:
        ValueError: one of them is not a quantity.
    """
    if not isinstance(owner, dict):
        return
    for field in fields:
        quantities = owner.get(field)
        if isinstance(quantities, dict):
            for name in quantities:
                normalise_quantity(quantities, name)


def normalise_quantity(owner: Any, field: str) -> None:
    """Rewrites one quantity in canonical form.

    Raises:
        ValueError: it is none.
    """
    value = owner.get(field) if isinstance(owner, dict) else None
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        owner[field] = _canonical(str(value))


@lru_cache(maxsize=4096)
def _canonical(text: str) -> str:
    return format_quantity(parse_quantity(text), like=text)


def _covers(toleration: Object, key: str) -> bool:
    return toleration.get("key", "") in {"", key} and toleration.get("effect", "") in {"", "NoExecute"}


def _pull_policy(image: str) -> str:
    name, _, digest = image.partition("@")
    tag = name.rpartition("/")[2].partition(":")[2]
    return "Always" if not digest and tag in {"", "latest"} else "IfNotPresent"


def _default_requests(container: Object) -> None:
    resources = container["resources"]
    limits = resources.get("limits")
    if limits:
        resources["requests"] = {**limits, **resources.get("requests", {})}


def _default_field_ref(source: Object) -> None:
    if "fieldRef" in source:
        source["fieldRef"].setdefault("apiVersion", "v1")
    if "resourceFieldRef" in source:
        source["resourceFieldRef"].setdefault("divisor", "0")


def _default_handler(handler: Object) -> None:
    get = handler.get("httpGet")
    if get is not None:
        get.setdefault("path", "/")
        get.setdefault("scheme", "HTTP")
    if "grpc" in handler:
        handler["grpc"].setdefault("service", "")


def _default_volume(volume: Object) -> None:
    if set(volume) == {"name"}:
        volume["emptyDir"] = {}
    for kind in _VOLUMES_WITH_MODE:
        if kind in volume:
            volume[kind].setdefault("defaultMode", _FILE_MODE)
    image = volume.get("image")
    if image is not None and not image.get("pullPolicy"):
        image["pullPolicy"] = _pull_policy(image.get("reference", ""))
    if "hostPath" in volume:
        volume["hostPath"].setdefault("type", "")
    files = list((volume.get("downwardAPI") or {}).get("items", ()))
    for source in (volume.get("projected") or {}).get("sources", ()):
        files.extend((source.get("downwardAPI") or {}).get("items", ()))
        if "serviceAccountToken" in source:
            source["serviceAccountToken"].setdefault("expirationSeconds", _TOKEN_SECONDS)
    for file in files:
        _default_field_ref(file)
