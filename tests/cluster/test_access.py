"""What the node may do is up to RBAC: these rules are enough, and each one that is missing is named with its remedy."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from scripts.control_plane.cluster import ControlPlane

if TYPE_CHECKING:
    from tests.cluster.conftest import StartVirtualKubelet

RULES: dict[str, dict[str, Any]] = {
    "tell clusters apart": {
        "apiGroups": [""],
        "resources": ["services"],
        "verbs": ["get"],
        "resourceNames": ["kubernetes"],
    },
    "hold the lease": {
        "apiGroups": ["coordination.k8s.io"],
        "resources": ["leases"],
        "verbs": ["get", "create", "patch"],
    },
    "register": {"apiGroups": [""], "resources": ["nodes"], "verbs": ["get", "list", "watch", "create", "patch"]},
    "report the node": {"apiGroups": [""], "resources": ["nodes/status"], "verbs": ["patch"]},
    "see and remove pods": {"apiGroups": [""], "resources": ["pods"], "verbs": ["list", "watch", "delete"]},
    "report pods": {"apiGroups": [""], "resources": ["pods/status"], "verbs": ["patch"]},
    "send events": {"apiGroups": [""], "resources": ["events"], "verbs": ["create", "patch"]},
    "read what pods refer to": {"apiGroups": [""], "resources": ["configmaps", "secrets"], "verbs": ["list", "watch"]},
    "know the API server": {
        "apiGroups": [""],
        "resources": ["configmaps"],
        "verbs": ["get", "list", "watch"],
        "resourceNames": ["extension-apiserver-authentication"],
    },
}


def user_with(plane: ControlPlane, rules: list[dict[str, Any]]) -> Path:
    """The kubeconfig of a new user who may do just this."""
    name = f"node-{uuid.uuid4().hex[:8]}"
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name}
    root = "/apis/rbac.authorization.k8s.io/v1"
    plane.api.request("POST", f"{root}/clusterroles", {"metadata": {"name": name}, "rules": rules})
    subject = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": name}
    binding = {"metadata": {"name": name}, "roleRef": role, "subjects": [subject]}
    plane.api.request("POST", f"{root}/clusterrolebindings", binding)
    return plane.kubeconfig(name)


def pod(plane: ControlPlane, namespace: str, node: str) -> None:
    spec = {"nodeName": node, "containers": [{"name": "c", "image": "web:1"}]}
    plane.api.request("POST", f"/api/v1/namespaces/{namespace}/pods", {"metadata": {"name": "web"}, "spec": spec})


def test_these_rules_are_enough(
    control_plane: ControlPlane, namespace: str, virtual_kubelet: StartVirtualKubelet
) -> None:
    agent = virtual_kubelet(kubeconfig=user_with(control_plane, list(RULES.values())))
    pod(control_plane, namespace, agent.node)
    pods = f"/api/v1/namespaces/{namespace}/pods"
    control_plane.api.wait_until(pods, lambda pods: pods[0]["status"]["phase"] == "Running")
    control_plane.api.request("DELETE", f"{pods}/web")
    control_plane.api.wait_until(pods, lambda pods: not pods)
    control_plane.api.wait_until(f"/api/v1/namespaces/{namespace}/events", lambda events: len(events) == 2)
    assert "forbidden" not in agent.log()
    assert agent.stop() == 0


@pytest.mark.parametrize(
    ("missing", "refused", "remedy"),
    [
        pytest.param(
            "hold the lease",
            "get leases kube-node-lease/",
            '{"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["get"]}',
            id="lease",
        ),
        pytest.param(
            "see and remove pods",
            "list pods",
            '{"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}',
            id="pods",
        ),
        pytest.param(
            "register",
            "get nodes",
            '{"apiGroups": [""], "resources": ["nodes"], "verbs": ["get"]}',
            id="node",
        ),
        pytest.param(
            "report pods",
            "patch pods/status",
            '{"apiGroups": [""], "resources": ["pods/status"], "verbs": ["patch"]}',
            id="status",
        ),
    ],
)
def test_a_missing_right_is_named_with_the_rule_that_grants_it(
    control_plane: ControlPlane,
    namespace: str,
    virtual_kubelet: StartVirtualKubelet,
    missing: str,
    refused: str,
    remedy: str,
) -> None:
    rules = [rule for name, rule in RULES.items() if name != missing]
    agent = virtual_kubelet(kubeconfig=user_with(control_plane, rules), ready=False)
    pod(control_plane, namespace, agent.node)
    line = agent.wait_for_line(refused)
    assert "forbidden" in line
    assert remedy in line


def test_an_api_server_that_is_down_at_the_start_is_waited_for_and_said_once(
    control_plane: ControlPlane, virtual_kubelet: StartVirtualKubelet
) -> None:
    control_plane.kill("kube-apiserver")
    agent = virtual_kubelet(ready=False)
    agent.wait_for_line("cannot reach the API server")
    control_plane.start_part("kube-apiserver")
    agent.wait_ready()
    assert agent.log().count("cannot reach the API server") == 1


def test_a_start_that_takes_too_long_ends_with_what_it_waited_for(
    control_plane: ControlPlane, virtual_kubelet: StartVirtualKubelet
) -> None:
    control_plane.kill("kube-apiserver")
    agent = virtual_kubelet("--startup-timeout=1s", ready=False)
    status = agent.wait(20)
    control_plane.start_part("kube-apiserver")
    assert status == 1
    assert "--startup-timeout 1 s: the API server did not answer" in agent.log()
