"""A pod that is made of everything a pod can be made of, and the objects that it refers to."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable
from typing import Any

from tests.cluster.kubectl import Kubectl, Object, until

BINARY = bytes(range(256))
SLEEP = "exec sleep 1000"
EDIT_SECONDS = 2.0
"""How long a change may take to be seen in a running pod."""

LARGE = "0123456789abcdef" * 60_000
"""960 000 characters: with its name as much as an object may hold."""


def config_map(name: str, data: dict[str, str] | None = None, **fields: Any) -> Object:
    """A config map."""
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data or {}, **fields}


def secret(name: str, data: dict[str, bytes], **fields: Any) -> Object:
    """A secret."""
    encoded = {key: base64.b64encode(value).decode() for key, value in data.items()}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "data": encoded, **fields}


def put(kubectl: Kubectl, *objects: Object) -> None:
    """Create objects, or replace them as a whole."""
    kinds = {"ConfigMap": "configmaps", "Secret": "secrets", "Service": "services"}
    for body in objects:
        path = f"/api/v1/namespaces/{kubectl.namespace}/{kinds[body['kind']]}"
        name = body["metadata"]["name"]
        known = {it["metadata"]["name"] for it in kubectl.plane.api.get(path)["items"]}
        if name in known:
            kubectl.plane.api.request("PUT", f"{path}/{name}", body)
        else:
            kubectl.plane.api.request("POST", path, body)


def key_ref(kind: str, name: str, key: str, *, optional: bool = False) -> Object:
    """`valueFrom` of a key: kind is `configMap` or `secret`."""
    return {"valueFrom": {f"{kind}KeyRef": {"name": name, "key": key, "optional": optional}}}


def field(path: str) -> Object:
    """`valueFrom` of a field of the pod."""
    return {"valueFrom": {"fieldRef": {"fieldPath": path}}}


def resource(name: str, divisor: str = "1", container: str = "") -> Object:
    """`valueFrom` of a resource of a container."""
    return {"valueFrom": {"resourceFieldRef": {"resource": name, "divisor": divisor, "containerName": container}}}


EVERYTHING_ENV: list[Object] = [
    {"name": "LITERAL", "value": "a"},
    {"name": "EXPANDED", "value": "$(LITERAL)-$(FROM_MAP)-$(NOT_THERE)-$$(LITERAL)"},
    {"name": "FROM_MAP", **key_ref("configMap", "settings", "level")},
    {"name": "AFTER", "value": "$(FROM_MAP)"},
    {"name": "FROM_SECRET", **key_ref("secret", "login", "password")},
    {"name": "NOT_THERE_AT_ALL", **key_ref("configMap", "settings", "nothing", optional=True)},
    {"name": "POD_NAME", **field("metadata.name")},
    {"name": "POD_NAMESPACE", **field("metadata.namespace")},
    {"name": "POD_UID", **field("metadata.uid")},
    {"name": "POD_LABEL", **field("metadata.labels['app.kubernetes.io/name']")},
    {"name": "POD_ANNOTATION", **field("metadata.annotations['note']")},
    {"name": "NODE_NAME", **field("spec.nodeName")},
    {"name": "SERVICE_ACCOUNT", **field("spec.serviceAccountName")},
    {"name": "POD_IP", **field("status.podIP")},
    {"name": "POD_IPS", **field("status.podIPs")},
    {"name": "HOST_IP", **field("status.hostIP")},
    {"name": "HOST_IPS", **field("status.hostIPs")},
    {"name": "URL", "value": "http://$(POD_IP):8080"},
    {"name": "CPU_LIMIT", **resource("limits.cpu")},
    {"name": "CPU_LIMIT_MILLI", **resource("limits.cpu", "1m")},
    {"name": "MEMORY_REQUEST_MI", **resource("requests.memory", "1Mi")},
]

EVERYTHING_VOLUMES: list[Object] = [
    {"name": "map", "configMap": {"name": "settings", "defaultMode": 0o640}},
    {
        "name": "items",
        "configMap": {"name": "settings", "items": [{"key": "level", "path": "deep/er/level.txt", "mode": 0o400}]},
    },
    {"name": "secret", "secret": {"secretName": "login", "defaultMode": 0o400}},
    {"name": "nothing", "secret": {"secretName": "not-there", "optional": True}},
    {
        "name": "about",
        "downwardAPI": {
            "items": [
                {"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}},
                {"path": "annotations", "fieldRef": {"fieldPath": "metadata.annotations"}},
                {
                    "path": "cpu",
                    "resourceFieldRef": {"containerName": "main", "resource": "limits.cpu", "divisor": "1m"},
                },
            ]
        },
    },
    {
        "name": "all",
        "projected": {
            "defaultMode": 0o444,
            "sources": [
                {"configMap": {"name": "settings", "items": [{"key": "level", "path": "level"}]}},
                {"secret": {"name": "login", "items": [{"key": "password", "path": "password"}]}},
                {"downwardAPI": {"items": [{"path": "name", "fieldRef": {"fieldPath": "metadata.name"}}]}},
                {"serviceAccountToken": {"path": "token", "audience": "vault", "expirationSeconds": 600}},
                {"clusterTrustBundle": {"name": "TRUST-BUNDLE", "path": "trusted.pem"}},
            ],
        },
    },
    {"name": "scratch", "emptyDir": {}},
]

EVERYTHING_MOUNTS: list[Object] = [
    {"name": "map", "mountPath": "/etc/map"},
    {"name": "items", "mountPath": "/etc/items", "readOnly": True},
    {"name": "secret", "mountPath": "/etc/secret"},
    {"name": "nothing", "mountPath": "/etc/nothing"},
    {"name": "about", "mountPath": "/etc/about"},
    {"name": "all", "mountPath": "/etc/all"},
    {"name": "scratch", "mountPath": "/scratch"},
    {"name": "map", "mountPath": "/etc/one/level", "subPath": "level"},
    {"name": "scratch", "mountPath": "/mine", "subPathExpr": "of-$(POD_NAME)"},
]


def everything(node: str, bundle: str, command: list[str]) -> Object:
    """A pod made of everything."""
    volumes = [volume for volume in EVERYTHING_VOLUMES if volume["name"] != "all"]
    every = next(volume for volume in EVERYTHING_VOLUMES if volume["name"] == "all")
    sources = [
        {"clusterTrustBundle": {**source["clusterTrustBundle"], "name": bundle}}
        if "clusterTrustBundle" in source
        else source
        for source in every["projected"]["sources"]
    ]
    container = {
        "image": "local",
        "command": command,
        "env": EVERYTHING_ENV,
        "envFrom": [
            {"configMapRef": {"name": "settings"}},
            {"prefix": "S_", "secretRef": {"name": "login"}},
            {"configMapRef": {"name": "not-there", "optional": True}},
        ],
        "volumeMounts": EVERYTHING_MOUNTS,
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "everything",
            "labels": {"app.kubernetes.io/name": "all", "tier": "one"},
            "annotations": {"note": 'a "quoted"\nnote'},
        },
        "spec": {
            "nodeName": node,
            "terminationGracePeriodSeconds": 1,
            "hostname": "own",
            "subdomain": "sub",
            "hostAliases": [{"ip": "192.0.2.9", "hostnames": ["elsewhere"]}],
            "dnsConfig": {"options": [{"name": "ndots", "value": "2"}]},
            "initContainers": [
                {
                    "name": "first",
                    "image": "local",
                    "command": ["true"],
                    "env": [{"name": "FROM_MAP", **key_ref("configMap", "settings", "level")}],
                }
            ],
            "containers": [
                {
                    **container,
                    "name": "main",
                    "resources": {"limits": {"cpu": "1500m"}, "requests": {"memory": "100Mi"}},
                }
            ],
            "volumes": [*volumes, {**every, "projected": {**every["projected"], "sources": sources}}],
        },
    }


class Inside:
    """Looks into a container of either provider: paths of a process begin in its own root folder."""

    def __init__(self, kubectl: Kubectl, pod: str, container: str = "main") -> None:
        self._kubectl = kubectl
        self._target = ("exec", pod, "-c", container, "--")
        self._prefix = "" if kubectl.node.startswith("mock") else "."

    def bytes(self, path: str) -> bytes:
        done = self._kubectl.run(*self._target, "cat", f"{self._prefix}{path}")
        assert done.returncode == 0, done.stderr
        return done.stdout

    def text(self, path: str) -> str:
        return self.bytes(path).decode()

    def has(self, path: str) -> bool:
        return self._kubectl.run(*self._target, "cat", f"{self._prefix}{path}").returncode == 0

    def shows(self, path: str, text: str) -> bool:
        """Whether a file can be read and is this."""
        done = self._kubectl.run(*self._target, "cat", f"{self._prefix}{path}")
        return done.returncode == 0 and done.stdout.decode() == text

    def listing(self, path: str) -> str:
        done = self._kubectl.run(*self._target, "ls", "-l", f"{self._prefix}{path}")
        assert done.returncode == 0, done.stderr
        return done.stdout.decode()

    def environment(self) -> dict[str, str]:
        done = self._kubectl.run(*self._target, "env")
        assert done.returncode == 0, done.stderr
        return dict(line.split("=", 1) for line in done.stdout.decode().splitlines() if "=" in line)


def start(kubectl: Kubectl, name: str = "web", *, phase: str = "Running", **fields: Any) -> Object:
    """A pod that sleeps."""
    return kubectl.start_pod(name, SLEEP, phase=phase, **fields)


def mounted(*volumes: Object) -> dict[str, Any]:
    """The fields of a pod that has each volume at `/etc/NAME`."""
    mounts = [{"name": volume["name"], "mountPath": f"/etc/{volume['name']}"} for volume in volumes]
    return {"volumes": list(volumes), "container": {"volumeMounts": mounts}}


def seconds_until(holds: Callable[[], bool]) -> float:
    began = time.monotonic()
    until(holds)
    return time.monotonic() - began


def waiting(kubectl: Kubectl, name: str = "web") -> Object:
    """Why the first container of a pod waits."""
    statuses = kubectl.get("pod", name)["status"].get("containerStatuses", [{}])
    found: Object = statuses[0].get("state", {}).get("waiting", {})
    return found


def reasons(kubectl: Kubectl, name: str = "web") -> set[str]:
    events = kubectl.get("events", "--field-selector", f"involvedObject.name={name}")["items"]
    return {event["reason"] for event in events}
