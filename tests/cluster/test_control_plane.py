"""The control plane that the other tests here rely on: it works, and it can be broken on purpose."""

from __future__ import annotations

import pytest

from scripts.control_plane.apiclient import ApiError
from scripts.control_plane.cluster import ControlPlane, ControlPlaneError


def test_a_deployment_makes_pods(control_plane: ControlPlane, namespace: str) -> None:
    control_plane.kubectl("create", "deployment", "web", "--image=web:1", "--replicas=2", "-n", namespace)
    pods = control_plane.api.wait_until(f"/api/v1/namespaces/{namespace}/pods", lambda pods: len(pods) == 2)
    assert {pod["spec"]["serviceAccountName"] for pod in pods} == {"default"}


def test_a_watch_from_before_a_compaction_is_answered_with_gone(control_plane: ControlPlane, namespace: str) -> None:
    collection = f"/api/v1/namespaces/{namespace}/configmaps"
    version = control_plane.api.get(collection)["metadata"]["resourceVersion"]
    control_plane.kill("kube-apiserver")
    control_plane.compact_etcd()
    control_plane.start_part("kube-apiserver")
    # A watch that can go on is open until its time is up; one that cannot is told so in its first event.
    event = control_plane.api.request("GET", f"{collection}?watch=true&resourceVersion={version}&timeoutSeconds=5")
    assert (event["type"], event["object"]["code"]) == ("ERROR", 410)


def test_users_have_only_the_rights_they_were_given(control_plane: ControlPlane, namespace: str) -> None:
    nobody = control_plane.kubeconfig("nobody")
    with pytest.raises(ControlPlaneError, match="cannot list resource"):
        control_plane.kubectl("get", "pods", "-n", namespace, kubeconfig=nobody)


def test_waiting_in_vain_says_what_was_there_instead(control_plane: ControlPlane, namespace: str) -> None:
    with pytest.raises(ApiError, match=f"{namespace}: phase=Active"):
        control_plane.api.wait_until(
            f"/api/v1/namespaces?fieldSelector=metadata.name%3D{namespace}", lambda found: not found, seconds=0.3
        )
