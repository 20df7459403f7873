"""Server-side tables (`meta.k8s.io/v1` `Table`): the columns that `kubectl get` prints, by kind."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from vk_core.api.quantity import format_quantity, parse_quantity
from vk_core.devcluster.podtable import pod_cells
from vk_core.devcluster.resources import (
    CLUSTERTRUSTBUNDLES,
    CONFIGMAPS,
    CSRS,
    EVENTS,
    LEASES,
    NAMESPACES,
    NODE_METRICS,
    NODES,
    POD_METRICS,
    PODS,
    SECRETS,
    SERVICEACCOUNTS,
    SERVICES,
    Resource,
)

Object: TypeAlias = dict[str, Any]
Cells: TypeAlias = list[Any]

_ROLE = "node-role.kubernetes.io/"
_OLD_ROLE = "kubernetes.io/role"
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "y": 365 * 86400}
_UNITS = (
    (2 * 60, "s", ""),
    (10 * 60, "m", "s"),
    (3 * 3600, "m", ""),
    (8 * 3600, "h", "m"),
    (48 * 3600, "h", ""),
    (8 * 86400, "d", "h"),
    (730 * 86400, "d", ""),
    (8 * 365 * 86400, "y", "d"),
)
"""Up to how many seconds a duration is shown in which unit, and in which smaller one behind it."""


@dataclass(frozen=True, slots=True)
class Table:
    """The columns of a kind (those that end in `*` are shown by `-o wide` only) and how an object fills them."""

    columns: tuple[str, ...]
    cells: Callable[[Object], Cells]

    def definitions(self) -> list[dict[str, Any]]:
        """The columns as the API describes them."""
        return [
            {
                "name": column.rstrip("*"),
                "type": "string",
                "format": "name" if column.rstrip("*") == "Name" else "",
                "description": "",
                "priority": int(column.endswith("*")),
            }
            for column in self.columns
        ]


def table_of(resource: Resource) -> Table:
    """Returns the columns of a stored type."""
    return _TABLES[resource]


def row_of(resource: Resource, object: Object, *, include: str = "Metadata") -> dict[str, Any]:
    """Returns one row; `include` says how much of the object comes with it: `None`, `Metadata` or `Object`."""
    row: dict[str, Any] = {"cells": table_of(resource).cells(object)}
    if include == "Object":
        row["object"] = object
    elif include != "None":
        row["object"] = partial_metadata(object)
    return row


def partial_metadata(object: Object) -> dict[str, Any]:
    """Returns an object's metadata as a `PartialObjectMetadata`."""
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": object["metadata"]}


def table(
    resource: Resource, rows: Sequence[Mapping[str, Any]], metadata: Mapping[str, Any], *, columns: bool = True
) -> dict[str, Any]:
    """Returns a whole `Table`."""
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": metadata,
        "columnDefinitions": table_of(resource).definitions() if columns else None,
        "rows": rows,
    }


def age(timestamp: str | None) -> str:
    """Returns how long ago something was, in the two units that kubectl shows."""
    if not timestamp:
        return "<unknown>"
    seconds = int((dt.datetime.now(dt.UTC) - dt.datetime.fromisoformat(timestamp)).total_seconds())
    return human_duration(max(seconds, 0))


def human_duration(seconds: int) -> str:
    """Returns a duration as kubectl writes it: `45s`, `3m12s`, `25m`, `5h2m`, `26h`, `3d4h`, `12d`, `2y11d`."""
    for limit, unit, smaller in _UNITS:
        if seconds < limit:
            large, rest = divmod(seconds, _SECONDS[unit])
            small = rest // _SECONDS[smaller] if smaller else 0
            return f"{large}{unit}{small}{smaller}" if small else f"{large}{unit}"
    return f"{seconds // _SECONDS['y']}y"


def _name_and_age(object: Object) -> tuple[str, str]:
    metadata = object["metadata"]
    return metadata["name"], age(metadata.get("creationTimestamp"))


def _pod(pod: Object) -> Cells:
    name, since = _name_and_age(pod)
    ready, status, restarts, wide = pod_cells(pod, age)
    return [name, ready, status, restarts, since, *wide]


def _node(node: Object) -> Cells:
    name, since = _name_and_age(node)
    status, info = node.get("status", {}), node.get("status", {}).get("nodeInfo", {})
    ready = next((c.get("status") for c in status.get("conditions", ()) if c.get("type") == "Ready"), None)
    shown = {None: "Unknown", "True": "Ready"}.get(ready, "NotReady")
    if node.get("spec", {}).get("unschedulable"):
        shown += ",SchedulingDisabled"
    labels = node["metadata"].get("labels", {})
    roles = {label.removeprefix(_ROLE) for label in labels if label.startswith(_ROLE) and label != _ROLE}
    if labels.get(_OLD_ROLE):
        roles.add(labels[_OLD_ROLE])
    kernel = info.get("kernelVersion") or "<unknown>"
    if info.get("architecture"):
        kernel += f" ({info['architecture']})"
    return [
        name, shown, ",".join(sorted(roles)) or "<none>", since, info.get("kubeletVersion", ""),
        _address(status, "InternalIP"), _address(status, "ExternalIP"), info.get("osImage") or "<unknown>",
        kernel, info.get("containerRuntimeVersion") or "<unknown>",
    ]  # fmt: skip


def _address(status: Object, kind: str) -> str:
    found = (address["address"] for address in status.get("addresses", ()) if address.get("type") == kind)
    return next(found, "<none>")


def _namespace(namespace: Object) -> Cells:
    name, since = _name_and_age(namespace)
    return [name, namespace.get("status", {}).get("phase", ""), since]


def _config_map(config_map: Object) -> Cells:
    name, since = _name_and_age(config_map)
    return [name, len(config_map.get("data", {})) + len(config_map.get("binaryData", {})), since]


def _secret(secret: Object) -> Cells:
    name, since = _name_and_age(secret)
    return [name, secret.get("type", ""), len(secret.get("data", {})), since]


def _lease(lease: Object) -> Cells:
    name, since = _name_and_age(lease)
    return [name, lease.get("spec", {}).get("holderIdentity") or "", since]


def _service(service: Object) -> Cells:
    name, since = _name_and_age(service)
    spec = service.get("spec", {})
    ports = ",".join(_port(port) for port in spec.get("ports", ()))
    selector = ",".join(f"{key}={value}" for key, value in sorted(spec.get("selector", {}).items()))
    return [
        name, spec.get("type", ""), spec.get("clusterIP") or "<none>", _external_address(service), ports or "<none>",
        since, selector or "<none>",
    ]  # fmt: skip


def _port(port: Object) -> str:
    exposed = f":{port['nodePort']}" if port.get("nodePort") else ""
    return f"{port.get('port')}{exposed}/{port.get('protocol', 'TCP')}"


def _external_address(service: Object) -> str:
    spec = service.get("spec", {})
    if spec.get("type") == "ExternalName":
        return str(spec.get("externalName", ""))
    addresses = list(spec.get("externalIPs", ()))
    if spec.get("type") == "LoadBalancer":
        ingress = service.get("status", {}).get("loadBalancer", {}).get("ingress", ())
        addresses = [entry.get("ip") or entry.get("hostname", "") for entry in ingress] + addresses
        return ",".join(addresses) or "<pending>"
    return ",".join(addresses) or "<none>"


def _event(event: Object) -> Cells:
    involved, series = event.get("involvedObject", {}), event.get("series") or {}
    first = age(event.get("firstTimestamp") or event.get("eventTime"))
    last = age(event.get("lastTimestamp")) if event.get("lastTimestamp") else first
    count = event.get("count") or 1
    if series:
        last, count = age(series.get("lastObservedTime")), series.get("count", 1)
    kind = involved.get("kind", "").lower()
    target = f"{kind}/{involved['name']}" if involved.get("name") else kind
    source = event.get("source", {})
    component = source.get("component") or event.get("reportingComponent", "")
    host = source.get("host") or event.get("reportingInstance", "")
    return [
        last, event.get("type", ""), event.get("reason", ""), target, involved.get("fieldPath", ""),
        f"{component}, {host}" if host else component, event.get("message", "").strip(), first, count,
        event["metadata"]["name"],
    ]  # fmt: skip


def _signing_request(request: Object) -> Cells:
    name, since = _name_and_age(request)
    spec, status = request["spec"], request.get("status", {})
    seconds = spec.get("expirationSeconds")
    decided = {condition["type"] for condition in status.get("conditions", ())}
    shown = [kind for kind in ("Approved", "Denied", "Failed") if kind in decided] or ["Pending"]
    issued = ["Issued"] if status.get("certificate") else []
    return [
        name, since, spec["signerName"], spec.get("username", ""),
        "<none>" if seconds is None else human_duration(seconds), ",".join(shown + issued),
    ]  # fmt: skip


def _trust_bundle(bundle: Object) -> Cells:
    return [bundle["metadata"]["name"], bundle.get("spec", {}).get("signerName") or "<none>"]


def _measured(report: Object) -> Cells:
    uses = [report["usage"]] if "usage" in report else [container["usage"] for container in report["containers"]]
    cores = sum(parse_quantity(use["cpu"]) for use in uses)
    memory = sum(parse_quantity(use["memory"]) for use in uses)
    return [
        report["metadata"]["name"], format_quantity(cores), format_quantity(memory, format="BinarySI"), report["window"]
    ]  # fmt: skip


_TABLES: dict[Resource, Table] = {
    CLUSTERTRUSTBUNDLES: Table(("Name", "SignerName"), _trust_bundle),
    CONFIGMAPS: Table(("Name", "Data", "Age"), _config_map),
    CSRS: Table(("Name", "Age", "SignerName", "Requestor", "RequestedDuration", "Condition"), _signing_request),
    EVENTS: Table(
        ("Last Seen", "Type", "Reason", "Object", "Subobject*", "Source*", "Message", "First Seen*", "Count*", "Name*"),
        _event,
    ),
    LEASES: Table(("Name", "Holder", "Age"), _lease),
    NAMESPACES: Table(("Name", "Status", "Age"), _namespace),
    NODE_METRICS: Table(("Name", "cpu", "memory", "window"), _measured),
    NODES: Table(
        (
            "Name", "Status", "Roles", "Age", "Version", "Internal-IP*", "External-IP*", "OS-Image*",
            "Kernel-Version*", "Container-Runtime*",
        ),
        _node,
    ),
    POD_METRICS: Table(("Name", "cpu", "memory", "window"), _measured),
    PODS: Table(
        ("Name", "Ready", "Status", "Restarts", "Age", "IP*", "Node*", "Nominated Node*", "Readiness Gates*"), _pod
    ),
    SECRETS: Table(("Name", "Type", "Data", "Age"), _secret),
    SERVICEACCOUNTS: Table(("Name", "Age"), lambda account: [*_name_and_age(account)]),
    SERVICES: Table(("Name", "Type", "Cluster-IP", "External-IP", "Port(s)", "Age", "Selector*"), _service),
}  # fmt: skip
