"""kubectl in one namespace of a control plane, and the manifests that tests hand to it."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from scripts.control_plane.cluster import ControlPlane
from scripts.control_plane.nodeagent import NodeAgent

Object = dict[str, Any]

WIRES: dict[str, dict[str, str]] = {
    "websocket": {},
    "spdy": {"KUBECTL_REMOTE_COMMAND_WEBSOCKETS": "false", "KUBECTL_PORT_FORWARD_WEBSOCKETS": "false"},
}
"""kubectl as it is, and as it was before 1.30."""


class Kubectl:
    """kubectl in one namespace.

    Args:
        plane: the control plane it talks to.
        namespace: where.
        node: the node that takes the pods made here.
        wire: the protocol of exec, attach and port-forward, a key of `WIRES`.
    """

    def __init__(self, plane: ControlPlane, namespace: str, node: str, wire: str = "websocket") -> None:
        self.plane = plane
        self.namespace = namespace
        self.node = node
        self.environment = plane.environment() | WIRES[wire]

    def __call__(self, *arguments: str, text: str = "") -> str:
        """Run it; returns what it printed, raises ControlPlaneError if it failed."""
        return self.plane.kubectl("-n", self.namespace, *arguments, text=text)

    def command(self, *arguments: str) -> list[str]:
        """The whole command line, to be run with `environment`."""
        return [str(self.plane.programs / "kubectl"), "-n", self.namespace, *arguments]

    def run(self, *arguments: str, stdin: bytes = b"", seconds: float = 60) -> subprocess.CompletedProcess[bytes]:
        """Run it and give bytes and exit status, whatever they are."""
        return subprocess.run(
            self.command(*arguments),
            input=stdin,
            env=self.environment,
            capture_output=True,
            timeout=seconds,
            check=False,
        )

    def start(self, *arguments: str, **popen: Any) -> subprocess.Popen[bytes]:
        """Start it in the background; output comes in pipes unless told otherwise."""
        files: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE) | popen
        process: subprocess.Popen[bytes] = subprocess.Popen(self.command(*arguments), env=self.environment, **files)
        return process

    def apply(self, manifest: Object) -> None:
        """`kubectl apply`."""
        self("apply", "-f", "-", text=json.dumps(manifest))

    def get(self, *arguments: str) -> Any:
        """`kubectl get -o json`."""
        return json.loads(self("get", "-o", "json", *arguments))

    def wait_pods(self, holds: Callable[[list[Object]], bool], seconds: float = 60) -> list[Object]:
        """Wait until something is true of the namespace's pods."""
        return self.plane.api.wait_until(f"/api/v1/namespaces/{self.namespace}/pods", holds, seconds)

    def start_pod(
        self,
        name: str,
        script: str,
        *,
        phase: str = "Running",
        metadata: Mapping[str, Any] | None = None,
        **fields: Any,
    ) -> Object:
        """A pod whose container `main` runs a shell script on this node, once it has reached the phase."""
        container = {"name": "main", "image": "local", "command": ["sh", "-c", script], **fields.pop("container", {})}
        spec = {"nodeName": self.node, "containers": [container], "terminationGracePeriodSeconds": 1, **fields}
        body = {"metadata": {"name": name, **(metadata or {})}, "spec": spec}
        self.plane.api.request("POST", f"/api/v1/namespaces/{self.namespace}/pods", body)
        return self.wait_phase(name, phase)

    def wait_phase(self, name: str, *phases: str, seconds: float = 30) -> Object:
        """Wait until a pod is in one of the phases."""
        path = f"/api/v1/namespaces/{self.namespace}/pods?fieldSelector=metadata.name%3D{name}"
        return self.plane.api.wait_until(
            path, lambda pods: any(pod["status"].get("phase") in phases for pod in pods), seconds
        )[0]

    def pod_spec(self, image: str = "web:1", **fields: Any) -> Object:
        """A pod that only this test's node takes."""
        return {
            "nodeSelector": {"kubernetes.io/hostname": self.node},
            "tolerations": [{"key": "virtual-kubelet.io/provider", "operator": "Exists"}],
            "containers": [{"name": "c", "image": image}],
            **fields,
        }

    def workload(self, kind: str, name: str, **spec: Any) -> Object:
        """A Deployment, StatefulSet or Job."""
        group = "batch/v1" if kind == "Job" else "apps/v1"
        return {"apiVersion": group, "kind": kind, "metadata": {"name": name}, "spec": spec}

    def template(self, **fields: Any) -> Object:
        """The pod template of a workload."""
        return {"metadata": {"labels": {"app": "web"}}, "spec": self.pod_spec(**fields)}

    def deployment(self, replicas: int) -> Object:
        """The Deployment `web`."""
        selector = {"matchLabels": {"app": "web"}}
        return self.workload("Deployment", "web", replicas=replicas, selector=selector, template=self.template())


def open_files(agent: NodeAgent) -> int:
    """How many files a node's process has open."""
    return sum(1 for _ in Path(f"/proc/{agent.pid}/fd").iterdir())


def until(holds: Callable[[], bool], seconds: float = 20) -> None:
    """Wait for something that only asking again can tell."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.05)
