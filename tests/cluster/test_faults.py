"""Three hundred pods churn while something breaks; afterwards each is what it should be, once, and nothing else is."""

from __future__ import annotations

import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from scripts.control_plane.cluster import ControlPlane
from scripts.control_plane.nodeagent import NodeAgent
from tests.cluster.ledger import LedgerFolder

if TYPE_CHECKING:
    from tests.cluster.conftest import StartVirtualKubelet

REPLICAS = 300
DEADLINE_SECONDS = 150.0
pytestmark = pytest.mark.timeout(240)  # so that a failure shows the pods, not a stack


class Churn:
    """A Deployment of many pods on one node with a back end that outlives virtual-kubelet."""

    def __init__(self, plane: ControlPlane, namespace: str, ledger: LedgerFolder, agent: NodeAgent) -> None:
        self.plane = plane
        self.namespace = namespace
        self.ledger = ledger
        self.agent = agent

    def deploy(self) -> None:
        """Create the pods; returns when a third of them run, in the middle of it."""
        self.plane.api.request(
            "POST", f"/apis/apps/v1/namespaces/{self.namespace}/deployments", deployment(self.agent.node)
        )
        self.wait(lambda pods: sum(is_running(pod) for pod in pods) >= REPLICAS // 3)

    def roll(self) -> None:
        """Begin to replace every pod."""
        patch = {"spec": {"template": {"spec": {"containers": [{"name": "c", "image": "web:2"}]}}}}
        self.plane.api.request(
            "PATCH",
            f"/apis/apps/v1/namespaces/{self.namespace}/deployments/web",
            patch,
            content_type="application/strategic-merge-patch+json",
        )

    def wait(self, holds: Any) -> list[dict[str, Any]]:
        """Wait until something is true of the pods."""
        return self.plane.api.wait_until(f"/api/v1/namespaces/{self.namespace}/pods", holds, DEADLINE_SECONDS)

    def check(self) -> None:
        """Every pod of the second generation runs, once, and the back end has nothing else."""
        pods = self.wait(lambda pods: len(pods) == REPLICAS and all(is_running(pod, "web:2") for pod in pods))
        wanted = {pod["metadata"]["uid"] for pod in pods}
        until = time.monotonic() + 30
        while self.ledger.running() != wanted and time.monotonic() < until:
            time.sleep(0.1)  # the back end has no watch to wait on
        assert self.ledger.running() == wanted
        assert self.ledger.started_twice() == []
        assert all(pod["status"]["containerStatuses"][0]["restartCount"] == 0 for pod in pods)


def deployment(node: str) -> dict[str, Any]:
    return {
        "metadata": {"name": "web"},
        "spec": {
            "replicas": REPLICAS,
            "selector": {"matchLabels": {"app": "web"}},
            "strategy": {"rollingUpdate": {"maxSurge": "50%", "maxUnavailable": "50%"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {
                    "nodeSelector": {"kubernetes.io/hostname": node},
                    "terminationGracePeriodSeconds": 5,
                    "tolerations": [{"operator": "Exists"}],
                    "containers": [{"name": "c", "image": "web:1"}],
                },
            },
        },
    }


def is_running(pod: dict[str, Any], image: str = "") -> bool:
    ready = any(
        condition["type"] == "Ready" and condition["status"] == "True"
        for condition in pod["status"].get("conditions", ())
    )
    return (
        ready
        and "deletionTimestamp" not in pod["metadata"]
        and (not image or pod["spec"]["containers"][0]["image"] == image)
    )


@pytest.fixture
def churn(control_plane: ControlPlane, namespace: str, virtual_kubelet: StartVirtualKubelet, tmp_path: Path) -> Churn:
    ledger = LedgerFolder(tmp_path)
    agent = virtual_kubelet(
        "--provider",
        "ledger",
        "--full-resync-period=2s",
        config=ledger.settings(start_seconds=0.05, stop_seconds=0.2),
        environment=ledger.environment,
    )
    churn = Churn(control_plane, namespace, ledger, agent)
    churn.deploy()
    return churn


def test_a_node_that_is_killed_finds_its_pods_again(churn: Churn) -> None:
    churn.roll()
    for _ in range(3):
        churn.agent.kill()
        churn.agent.start()
        churn.agent.wait_ready()
    churn.check()


def test_an_api_server_that_is_gone_for_a_while_is_caught_up_with(churn: Churn) -> None:
    churn.roll()
    churn.plane.kill("kube-apiserver")
    time.sleep(20)  # the fault itself, not a wait for something
    churn.plane.start_part("kube-apiserver")
    churn.check()


def test_a_watch_that_is_too_old_begins_anew(churn: Churn) -> None:
    churn.roll()
    churn.plane.kill("kube-apiserver")
    churn.plane.compact_etcd()
    churn.plane.start_part("kube-apiserver")
    churn.check()


def test_a_node_that_somebody_deletes_comes_back(churn: Churn) -> None:
    churn.roll()
    before = churn.plane.api.get(f"/api/v1/nodes/{churn.agent.node}")["metadata"]["uid"]
    churn.plane.api.request("DELETE", f"/api/v1/nodes/{churn.agent.node}")
    churn.plane.api.wait_until(
        f"/api/v1/nodes?fieldSelector=metadata.name%3D{churn.agent.node}",
        lambda nodes: any(node["metadata"]["uid"] != before for node in nodes),
    )
    churn.check()


def test_a_second_process_of_the_same_node_waits_and_takes_over_from_a_dead_one(
    churn: Churn, virtual_kubelet: StartVirtualKubelet
) -> None:
    second = virtual_kubelet(
        "--provider",
        "ledger",
        node=churn.agent.node,
        config=churn.ledger.settings(start_seconds=0.05, stop_seconds=0.2),
        environment=churn.ledger.environment,
        ready=False,
    )
    second.wait_for_line("standing by")
    churn.roll()
    churn.agent.kill()
    second.wait_ready(seconds=10)  # far less than the lease of 40 s
    churn.check()


def test_a_process_that_has_lost_its_lease_stops_acting(
    control_plane: ControlPlane, virtual_kubelet: StartVirtualKubelet
) -> None:
    first = virtual_kubelet("--lease-duration=4s")
    first.send(signal.SIGSTOP)
    second = virtual_kubelet("--lease-duration=4s", node=first.node)
    first.send(signal.SIGCONT)
    assert first.wait(20) == 1
    assert "another process has taken over the node" in first.log()
    assert second.running
