"""What people do to a node every day, with real controllers and real kubectl: roll out, scale, drain, delete."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from scripts.control_plane.cluster import ControlPlane
from tests.cluster.kubectl import Kubectl

if TYPE_CHECKING:
    from tests.cluster.conftest import StartVirtualKubelet

JOBS = """
[[endings]]
image = "ok:*"
after = "100ms"
exit_code = 0

[[endings]]
image = "bad:*"
after = "100ms"
exit_code = 7
"""


@pytest.fixture
def kubectl(control_plane: ControlPlane, namespace: str, virtual_kubelet: StartVirtualKubelet) -> Kubectl:
    agent = virtual_kubelet(config=JOBS)
    return Kubectl(control_plane, namespace, agent.node)


def test_a_deployment_becomes_available_is_scaled_rolled_and_scaled_to_nothing(kubectl: Kubectl) -> None:
    kubectl.apply(kubectl.deployment(100))
    kubectl("rollout", "status", "deployment/web", "--timeout=60s")
    kubectl("scale", "deployment/web", "--replicas=300")
    kubectl("rollout", "status", "deployment/web", "--timeout=60s")
    kubectl("set", "image", "deployment/web", "c=web:2")
    kubectl("rollout", "status", "deployment/web", "--timeout=60s")
    pods = kubectl.wait_pods(
        lambda pods: len(pods) == 300 and not any("deletionTimestamp" in p["metadata"] for p in pods)
    )
    assert {pod["status"]["containerStatuses"][0]["image"] for pod in pods} == {"web:2"}
    assert len({pod["status"]["podIP"] for pod in pods}) == 300
    kubectl("scale", "deployment/web", "--replicas=0")
    kubectl.wait_pods(lambda pods: not pods)


def test_a_stateful_pod_comes_back_under_its_name_each_time_it_is_deleted(kubectl: Kubectl) -> None:
    selector = {"matchLabels": {"app": "web"}}
    kubectl.apply(
        kubectl.workload(
            "StatefulSet", "db", replicas=1, serviceName="db", selector=selector, template=kubectl.template()
        )
    )
    seen: set[str] = set()
    for _ in range(6):
        pods = kubectl.wait_pods(
            lambda pods: any(pod["metadata"]["uid"] not in seen and pod["status"]["phase"] == "Running" for pod in pods)
        )
        assert [pod["metadata"]["name"] for pod in pods] == ["db-0"]
        seen.add(pods[0]["metadata"]["uid"])
        kubectl("delete", "pod", "db-0", "--wait=false")
    assert len(seen) == 6


def test_a_job_completes_or_fails_with_the_exit_code_of_its_container(kubectl: Kubectl) -> None:
    for name, image in (("good", "ok:1"), ("evil", "bad:1")):
        template = {"spec": kubectl.pod_spec(image, restartPolicy="Never")}
        kubectl.apply(kubectl.workload("Job", name, backoffLimit=0, template=template))
    kubectl("wait", "job/good", "--for=condition=Complete", "--timeout=30s")
    kubectl("wait", "job/evil", "--for=condition=Failed", "--timeout=30s")
    failed = kubectl.get("pods", "-l", "job-name=evil")["items"][0]["status"]
    assert failed["phase"] == "Failed"
    assert failed["containerStatuses"][0]["state"]["terminated"]["exitCode"] == 7


def test_a_drained_node_is_empty_and_takes_nothing_new(kubectl: Kubectl) -> None:
    kubectl.apply(kubectl.deployment(5))
    kubectl("rollout", "status", "deployment/web", "--timeout=30s")
    kubectl("drain", kubectl.node, "--ignore-daemonsets", "--delete-emptydir-data", "--timeout=60s")
    waiting = kubectl.wait_pods(lambda pods: len(pods) == 5 and not any("nodeName" in pod["spec"] for pod in pods))
    assert {pod["status"]["phase"] for pod in waiting} == {"Pending"}
    kubectl("uncordon", kubectl.node)
    kubectl("rollout", "status", "deployment/web", "--timeout=30s")


def test_a_taint_that_pods_do_not_tolerate_drives_them_away_and_stays(kubectl: Kubectl) -> None:
    kubectl.apply(kubectl.deployment(3))
    kubectl("rollout", "status", "deployment/web", "--timeout=30s")
    kubectl("taint", "node", kubectl.node, "maintenance=now:NoExecute")
    kubectl.wait_pods(lambda pods: len(pods) == 3 and not any("nodeName" in pod["spec"] for pod in pods))
    taints = {taint["key"] for taint in kubectl.get("node", kubectl.node)["spec"]["taints"]}
    assert {"maintenance", "virtual-kubelet.io/provider"} <= taints


def test_a_pod_deleted_by_force_is_gone_at_once_and_its_name_is_free(kubectl: Kubectl) -> None:
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"}, "spec": kubectl.pod_spec()}
    for _ in range(3):
        kubectl.apply(pod)
        kubectl("wait", "pod/web", "--for=condition=Ready", "--timeout=30s")
        kubectl("delete", "pod", "web", "--force", "--grace-period=0")
    kubectl.wait_pods(lambda pods: not pods)


def test_events_tell_the_story_of_a_pod(kubectl: Kubectl) -> None:
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"}, "spec": kubectl.pod_spec()}
    kubectl.apply(pod)
    kubectl("wait", "pod/web", "--for=condition=Ready", "--timeout=30s")
    kubectl("set", "image", "pod/web", "c=web:2")
    kubectl.wait_pods(lambda pods: any(s["image"] == "web:2" for s in pods[0]["status"]["containerStatuses"]))
    kubectl("delete", "pod", "web")
    events = kubectl.plane.api.wait_until(
        f"/api/v1/namespaces/{kubectl.namespace}/events",
        lambda events: "ProviderDeleteSuccess" in {event["reason"] for event in events},
    )
    reasons = [event["reason"] for event in events if event["source"].get("component", "").endswith("pod-controller")]
    assert reasons == ["ProviderCreateSuccess", "ProviderUpdateSuccess", "ProviderDeleteSuccess"]
    table = kubectl("get", "events")
    assert "Create pod in provider successfully" in table


def test_a_pod_that_does_not_fit_is_rejected_with_the_reason_of_kubelet(
    control_plane: ControlPlane, namespace: str, virtual_kubelet: StartVirtualKubelet
) -> None:
    agent = virtual_kubelet("--max-pods=1", config='[capacity]\ncpu = "1"\n')
    kubectl = Kubectl(control_plane, namespace, agent.node)
    names = {"first": {}, "second": {}, "big": {"resources": {"requests": {"cpu": "2"}}}}
    for name, container in names.items():
        spec = {"nodeName": agent.node, "containers": [{"name": "c", "image": "web:1", **container}]}
        kubectl.apply({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec})
        kubectl.wait_pods(
            lambda pods, name=name: any(  # type: ignore[misc]
                pod["metadata"]["name"] == name and pod["status"]["phase"] != "Pending" for pod in pods
            )
        )
    pods = {pod["metadata"]["name"]: pod["status"] for pod in kubectl.get("pods")["items"]}
    assert pods["first"]["phase"] == "Running"
    assert (pods["second"]["phase"], pods["second"]["reason"]) == ("Failed", "OutOfpods")
    assert (pods["big"]["phase"], pods["big"]["reason"]) == ("Failed", "OutOfcpu")


def test_a_resized_pod_reports_its_new_resources_and_counts_with_them(
    control_plane: ControlPlane, namespace: str, virtual_kubelet: StartVirtualKubelet
) -> None:
    agent = virtual_kubelet(config='[capacity]\ncpu = "2"\n')
    kubectl = Kubectl(control_plane, namespace, agent.node)

    def apply(name: str, cpu: str) -> None:
        container = {"name": "c", "image": "web:1", "resources": {"requests": {"cpu": cpu}}}
        spec = kubectl.pod_spec(nodeName=agent.node, containers=[container])
        kubectl.apply({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec})

    apply("web", "500m")
    kubectl("wait", "pod/web", "--for=condition=Ready", "--timeout=30s")
    resize = {"spec": {"containers": [{"name": "c", "resources": {"requests": {"cpu": "1500m"}}}]}}
    kubectl("patch", "pod", "web", "--subresource=resize", "-p", json.dumps(resize))
    pods = kubectl.wait_pods(
        lambda pods: pods[0]["status"]["containerStatuses"][0]["resources"].get("requests") == {"cpu": "1500m"}
    )
    assert pods[0]["status"]["containerStatuses"][0]["allocatedResources"] == {"cpu": "1500m"}
    apply("next", "1")
    kubectl.wait_pods(lambda pods: any(pod["status"].get("reason") == "OutOfcpu" for pod in pods))
