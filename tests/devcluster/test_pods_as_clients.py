"""A pod of `virtual-kubelet dev` finds the API server and is let in as its service account, as in a real cluster."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator

import pytest

from scripts.control_plane.apiclient import ApiError
from tests.devcluster.devplane import DevPlane, TokenApi
from tests.devcluster.test_kubectl import kubectls
from tests.support.components import lacking

pytestmark = pytest.mark.e2e

PLACE = "/var/run/secrets/kubernetes.io/serviceaccount"
CLIENT = f"""
import json, os, pathlib, ssl, time, urllib.request
place = pathlib.Path(os.environ["CONTAINER_ROOT"] + "{PLACE}")
token, namespace = (place / "token").read_text(), (place / "namespace").read_text()
url = "https://{{KUBERNETES_SERVICE_HOST}}:{{KUBERNETES_SERVICE_PORT}}/api/v1/namespaces/".format(**os.environ)
request = urllib.request.Request(url + namespace + "/pods/client", headers={{"Authorization": "Bearer " + token}})
with urllib.request.urlopen(request, context=ssl.create_default_context(cafile=place / "ca.crt")) as response:
    print(json.dumps({{"uid": json.load(response)["metadata"]["uid"], "token": token}}), flush=True)
time.sleep(600)
"""
PODS = "/api/v1/namespaces/default/pods"


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevPlane]:
    """A cluster whose node runs pods as processes."""
    found = kubectls()
    if not found:
        lacking("no kubectl here: python -m scripts.control_plane build")
    with DevPlane(found[0], tmp_path_factory.mktemp("dev")) as plane:
        yield plane


def first_line(plane: DevPlane) -> str:
    """What the pod prints first, as soon as it has."""
    command = [str(plane.programs / "kubectl"), "logs", "client", "--follow", "--pod-running-timeout=20s"]
    with subprocess.Popen(command, env=plane.environment(), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            line: str = process.stdout.readline()
            return line
        finally:
            process.kill()


def test_a_pod_reads_itself_by_its_own_token_which_ends_with_it(plane: DevPlane) -> None:
    container = {"name": "c", "image": "none", "command": [sys.executable, "-c", CLIENT]}
    spec = {"containers": [container], "terminationGracePeriodSeconds": 1}
    created = plane.api.request("POST", PODS, {"metadata": {"name": "client"}, "spec": spec})
    plane.api.wait_until(PODS, lambda pods: pods[0]["status"]["phase"] == "Running", seconds=20)
    said = json.loads(first_line(plane))
    assert said["uid"] == created["metadata"]["uid"]
    pod = TokenApi(plane.admin_kubeconfig)
    pod.token = said["token"]
    who = pod.request("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", {})["status"]["userInfo"]
    assert who["username"] == "system:serviceaccount:default:default"
    assert who["extra"]["authentication.kubernetes.io/pod-uid"] == [said["uid"]]
    assert who["extra"]["authentication.kubernetes.io/node-name"] == [plane.node]
    plane.kubectl("delete", "pod", "client")
    with pytest.raises(ApiError, match="401"):
        pod.get(PODS)
