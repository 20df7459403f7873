"""What pods use, as the real metrics-server asks for it: `kubectl top`, and an autoscaler that goes by it."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.control_plane.cluster import ControlPlane
from scripts.control_plane.nodeagent import NodeAgent
from scripts.control_plane.processes import Process
from tests.cluster.kubectl import Kubectl, Object, until

SAMPLES_SECONDS = 60
"""metrics-server needs two samples of a pod before it shows anything."""


AUTOSCALER: Object = {
    "apiVersion": "autoscaling/v2",
    "kind": "HorizontalPodAutoscaler",
    "metadata": {"name": "worker"},
    "spec": {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "worker"},
        "minReplicas": 1,
        "maxReplicas": 3,
        "metrics": [
            {
                "type": "Resource",
                "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}},
            }
        ],
        "behavior": {"scaleDown": {"stabilizationWindowSeconds": 0}},
    },
}


@pytest.fixture
def kubectl(control_plane: ControlPlane, namespace: str, process_node: NodeAgent, metrics_server: Process) -> Kubectl:
    assert metrics_server.running
    return Kubectl(control_plane, namespace, process_node.node)


def test_top_shows_what_a_pod_and_its_node_use(kubectl: Kubectl) -> None:
    kubectl.start_pod("busy", "while :; do :; done")
    until(lambda: kubectl.run("top", "pod", "busy").returncode == 0, SAMPLES_SECONDS)
    name, cpu, memory = kubectl("top", "pod", "busy", "--no-headers").split()
    assert name == "busy"
    assert int(cpu.removesuffix("m")) > 100
    assert int(memory.removesuffix("Mi")) >= 0
    _, container, *_ = kubectl("top", "pod", "busy", "--containers", "--no-headers").split()
    assert container == "main"
    node = kubectl("top", "node", kubectl.node, "--no-headers").split()
    assert int(node[1].removesuffix("m")) >= 100


@pytest.mark.timeout(240)
def test_an_autoscaler_follows_the_load_up_and_down(kubectl: Kubectl, tmp_path: Path) -> None:
    load = tmp_path / "load"
    load.touch()
    kubectl.apply(_worker(kubectl, f"while :; do [ -e {load} ] || sleep 0.2; done"))
    kubectl.apply(AUTOSCALER)
    path = f"/apis/apps/v1/namespaces/{kubectl.namespace}/deployments"
    kubectl.plane.api.wait_until(path, lambda found: found[0]["status"].get("readyReplicas", 0) == 3, 100)
    load.unlink()
    kubectl.plane.api.wait_until(path, lambda found: found[0]["spec"]["replicas"] == 1, 100)


def _worker(kubectl: Kubectl, script: str) -> Object:
    container = {
        "name": "main",
        "image": "local",
        "command": ["sh", "-c", script],
        "resources": {"requests": {"cpu": "100m"}},
    }
    template = {
        "metadata": {"labels": {"app": "worker"}},
        "spec": kubectl.pod_spec(containers=[container], terminationGracePeriodSeconds=1),
    }
    selector = {"matchLabels": {"app": "worker"}}
    return kubectl.workload("Deployment", "worker", replicas=1, selector=selector, template=template)
