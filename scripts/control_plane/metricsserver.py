"""The real metrics-server in front of a control plane: what `kubectl top` and the HPA read.

It calls kubelets as the service account `kube-system/metrics-server` with a token, as in any cluster, so a kubelet has
to review the token and to know the right `get nodes/metrics`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from scripts.control_plane.modules import installed
from scripts.control_plane.ports import free_ports
from scripts.control_plane.processes import Process

if TYPE_CHECKING:
    from pathlib import Path

    from scripts.control_plane.apiclient import Object
    from scripts.control_plane.cluster import ControlPlane

MODULE, COMMAND, VERSION = "sigs.k8s.io/metrics-server", "metrics-server", "v0.9.0"
RESOLUTION_SECONDS = 10
"""How often it asks kubelets: as often as it can."""

ACCOUNT = "metrics-server"
API_SERVICE = "/apis/apiregistration.k8s.io/v1/apiservices"
RULES = (
    {"apiGroups": [""], "resources": ["nodes/metrics"], "verbs": ["get"]},
    {"apiGroups": [""], "resources": ["pods", "nodes", "namespaces", "configmaps"], "verbs": ["get", "list", "watch"]},
)


def programs() -> Path:
    """The folder that holds the program, built now if need be (about 2 minutes on 2 cores).

    Raises:
        BuildError: it cannot be built.
    """
    return installed(MODULE, COMMAND, VERSION)


def start(plane: ControlPlane, *, seconds: float = 60.0) -> Process:
    """Start one, and wait until the API server passes requests on to it.

    Args:
        plane: the control plane that it serves.
        seconds: the deadline.

    Raises:
        BuildError: it cannot be built.
        ApiError: it is not available in time.
    """
    port = free_ports(1)[0]
    _allow(plane)
    kubeconfig = _kubeconfig(plane)
    command = [
        str(programs() / COMMAND),
        f"--kubeconfig={kubeconfig}",
        f"--authentication-kubeconfig={kubeconfig}",
        f"--authorization-kubeconfig={kubeconfig}",
        "--bind-address=127.0.0.1",
        f"--secure-port={port}",
        f"--cert-dir={plane.state / 'metrics-server'}",
        f"--metric-resolution={RESOLUTION_SECONDS}s",
        "--kubelet-request-timeout=5s",
        "--kubelet-preferred-address-types=InternalIP",
        "--kubelet-use-node-status-port",
        "--kubelet-insecure-tls",  # as wherever kubelets sign for themselves
    ]
    process = Process(COMMAND, command, plane.state / "metrics-server.log")
    process.start()
    _register(plane, port)
    try:
        plane.api.wait_until(API_SERVICE, _available, seconds, hopeless=lambda: not process.running)
    except BaseException:
        process.kill()
        raise
    return process


def _available(services: list[Object]) -> bool:
    for service in services:
        if service["metadata"]["name"] == "v1beta1.metrics.k8s.io":
            conditions = service.get("status", {}).get("conditions", ())
            return any(one["type"] == "Available" and one["status"] == "True" for one in conditions)
    return False


def _allow(plane: ControlPlane) -> None:
    """The account, and what metrics-server's own manifests let it do."""
    subject = {"kind": "ServiceAccount", "name": ACCOUNT, "namespace": "kube-system"}
    objects: list[tuple[str, Object]] = [
        ("/api/v1/namespaces/kube-system/serviceaccounts", {"metadata": {"name": ACCOUNT}}),
        (
            "/apis/rbac.authorization.k8s.io/v1/clusterroles",
            {"metadata": {"name": "system:metrics-server"}, "rules": list(RULES)},
        ),
    ]
    for role in ("system:metrics-server", "system:auth-delegator"):
        binding: Object = {"metadata": {"name": f"{ACCOUNT}:{role}"}, "subjects": [subject]}
        binding["roleRef"] = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role}
        objects.append(("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", binding))
    reader: Object = {
        "metadata": {"name": "metrics-server-auth-reader"},
        "subjects": [subject],
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io",
            "kind": "Role",
            "name": "extension-apiserver-authentication-reader",
        },
    }
    objects.append(("/apis/rbac.authorization.k8s.io/v1/namespaces/kube-system/rolebindings", reader))
    for path, body in objects:
        plane.api.ensure(path, body)


def _kubeconfig(plane: ControlPlane) -> Path:
    token = plane.api.request(
        "POST",
        f"/api/v1/namespaces/kube-system/serviceaccounts/{ACCOUNT}/token",
        {"spec": {"expirationSeconds": 24 * 3600}},
    )["status"]["token"]
    cluster = {"server": plane.url, "certificate-authority": str(plane.authority.certificate_file)}
    path = plane.state / "metrics-server.kubeconfig"
    path.touch(mode=0o600)
    path.write_text(
        json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": "default",
                "clusters": [{"name": "default", "cluster": cluster}],
                "users": [{"name": ACCOUNT, "user": {"token": token}}],
                "contexts": [{"name": "default", "context": {"cluster": "default", "user": ACCOUNT}}],
            }
        )
    )
    return path


def _register(plane: ControlPlane, port: int) -> None:
    """Have the API server pass `metrics.k8s.io` on; Endpoints may not hold loopback addresses, a name may."""
    plane.api.ensure(
        "/api/v1/namespaces/kube-system/services",
        {
            "metadata": {"name": ACCOUNT},
            "spec": {"type": "ExternalName", "externalName": "localhost", "ports": [{"port": port}]},
        },
    )
    plane.api.ensure(
        API_SERVICE,
        {
            "metadata": {"name": "v1beta1.metrics.k8s.io"},
            "spec": {
                "group": "metrics.k8s.io",
                "version": "v1beta1",
                "service": {"name": ACCOUNT, "namespace": "kube-system", "port": port},
                "insecureSkipTLSVerify": True,
                "groupPriorityMinimum": 100,
                "versionPriority": 100,
            },
        },
    )
