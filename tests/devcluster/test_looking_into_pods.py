"""What people do to look into pods works against `virtual-kubelet dev` as it does against a real cluster.

The tests are those of the real control plane, with both kubectls there are and over both wires.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import ssl
import subprocess
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from scripts.control_plane.cluster import ControlPlane
from scripts.control_plane.nodeagent import NodeAgent
from tests.cluster.kubectl import WIRES, Kubectl, open_files, until
from tests.cluster.test_kubectl_streams import (  # noqa: F401 - pytest collects them here too
    test_a_command_ends_when_its_client_is_killed,
    test_a_hundred_megabytes_go_through_exec_and_come_back_the_same,
    test_a_terminal_follows_the_size_of_its_window,
    test_attach_sees_the_output_and_feeds_the_input_of_the_main_process,
    test_debug_adds_a_container_to_a_running_pod,
    test_exec_gives_output_error_output_and_exit_code,
    test_files_and_folders_are_copied_both_ways,
    test_followed_logs_come_as_they_are_written_and_end_with_the_container,
    test_logs_give_what_each_flag_asks_for,
    test_logs_of_the_instance_before_are_kept,
    test_port_forward_reaches_a_real_http_server_again_and_again,
    test_the_last_byte_of_output_always_arrives,
    test_the_python_client_runs_commands_over_its_own_websocket,
    test_what_cannot_be_shown_is_said_in_kubelets_words,
)
from tests.devcluster.devplane import DevPlane
from tests.devcluster.test_kubectl import kubectls
from tests.support.components import lacking
from tests.support.terminal import Terminal

pytestmark = pytest.mark.e2e


PROGRAMS: list[Path | None] = [*kubectls()]


@pytest.fixture(scope="module", params=PROGRAMS or [None], ids=lambda path: str(path and path.parent.name))
def control_plane(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevPlane]:
    """One dev cluster for all tests with one kubectl."""
    if request.param is None:
        lacking("no kubectl here: python -m scripts.control_plane build")
    with DevPlane(request.param, tmp_path_factory.mktemp("dev")) as plane:
        yield plane


@pytest.fixture
def process_node(control_plane: DevPlane) -> DevPlane:
    """The node, which is the same process."""
    return control_plane


@pytest.fixture
def namespace(control_plane: DevPlane) -> Iterator[str]:
    """The name of an empty namespace in which pods can be created."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    control_plane.api.request("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    yield name
    control_plane.api.request("DELETE", f"/api/v1/namespaces/{name}")


@pytest.fixture(params=list(WIRES))
def kubectl(request: pytest.FixtureRequest, control_plane: DevPlane, namespace: str) -> Kubectl:
    """kubectl over each wire."""
    return Kubectl(cast(ControlPlane, control_plane), namespace, control_plane.node, request.param)


@pytest.fixture
def one_wire(control_plane: DevPlane, namespace: str) -> Kubectl:
    """kubectl where the wire does not matter."""
    return Kubectl(cast(ControlPlane, control_plane), namespace, control_plane.node)


def test_top_shows_what_pods_their_containers_and_their_node_use(one_wire: Kubectl) -> None:
    one_wire.start_pod("busy", "while :; do :; done", metadata={"labels": {"app": "busy"}})
    one_wire.start_pod("idle", "exec sleep 1000")
    until(lambda: one_wire.run("top", "pod", "busy").returncode == 0, 30)
    name, cpu, memory = one_wire("top", "pod", "-l", "app=busy", "--no-headers").split()
    assert name == "busy"
    assert int(cpu.removesuffix("m")) > 100
    assert re.fullmatch(r"\d+Mi", memory)
    assert one_wire("top", "pod", "busy", "--containers", "--no-headers").split()[:2] == ["busy", "main"]
    node = one_wire("top", "node", "--no-headers").split()
    assert node[0] == one_wire.node
    assert int(node[1].removesuffix("m")) >= 100


def test_whatever_a_kubelet_serves_is_reached_through_its_node(one_wire: Kubectl) -> None:
    one_wire.start_pod("idle", "exec sleep 1000")
    proxied = f"/api/v1/nodes/{one_wire.node}/proxy"
    assert one_wire("get", "--raw", f"{proxied}/healthz").startswith("ok")
    summary = json.loads(one_wire("get", "--raw", f"{proxied}/stats/summary"))
    assert summary["node"]["nodeName"] == one_wire.node
    assert "idle" in {pod["podRef"]["name"] for pod in summary["pods"]}
    assert 'pod="idle"' in one_wire("get", "--raw", f"{proxied}/metrics/resource")


def test_the_node_itself_lets_in_only_whom_the_cluster_knows(one_wire: Kubectl, control_plane: DevPlane) -> None:
    port = one_wire.get("node", one_wire.node)["status"]["daemonEndpoints"]["kubeletEndpoint"]["Port"]
    assert _asked(port, "") == 401
    assert _asked(port, "Bearer of bad news") == 401
    assert _asked(port, f"Bearer {control_plane.api.token}") == 200


def test_a_pod_that_is_run_interactively_is_attached_to_and_gone_afterwards(kubectl: Kubectl) -> None:
    command = ("run", "-it", "--rm", "--restart=Never", "--image=local", "once", "--command", "--", "sh", "-c")
    script = "read line; echo saw-$line; exit 3"
    with Terminal(kubectl.command(*command, script), kubectl.environment) as terminal:
        kubectl.wait_phase("once", "Running")
        terminal.type("this\n")
        terminal.wait_for("saw-this")
        assert terminal.wait() == 3
    until(lambda: kubectl.run("get", "pod", "once").returncode == 1)


def test_many_connections_at_once_through_one_port_forward_lose_nothing(kubectl: Kubectl, tmp_path: Path) -> None:
    (tmp_path / "page").write_bytes(b"x" * 300_000)
    kubectl.start_pod("web", f"cd {tmp_path} && exec python3 -u -m http.server --bind 127.0.0.1 0")
    until(lambda: b"port" in kubectl.run("logs", "web").stdout)
    port = re.findall(rb"port (\d+)", kubectl.run("logs", "web").stdout)[0].decode()
    client = kubectl.start("port-forward", "web", f":{port}", stderr=subprocess.STDOUT)
    try:
        assert client.stdout is not None
        local = client.stdout.readline().split()[2].rpartition(b":")[2].decode()
        got: list[int] = []
        command = ["curl", "-sS", f"http://127.0.0.1:{local}/page"]
        fetches = [
            threading.Thread(target=lambda: got.append(len(subprocess.run(command, capture_output=True).stdout)))
            for _ in range(20)
        ]
        for fetch in fetches:
            fetch.start()
        for fetch in fetches:
            fetch.join()
        assert got == [300_000] * 20
    finally:
        client.kill()
        client.communicate()


def test_nothing_is_left_of_streams_whose_clients_are_killed(kubectl: Kubectl, process_node: DevPlane) -> None:
    kubectl.start_pod("shell", "echo begun; exec sleep 1000")
    until(lambda: kubectl.run("logs", "shell").stdout == b"begun\n")
    files = open_files(cast(NodeAgent, process_node))
    clients = [
        kubectl.start("logs", "-f", "shell"),
        kubectl.start("exec", "-i", "shell", "--", "sh", "-c", "echo begun; exec cat"),
        kubectl.start("port-forward", "shell", ":9"),
    ]
    for client in clients:
        assert client.stdout is not None
        assert client.stdout.readline()
    assert open_files(cast(NodeAgent, process_node)) > files
    for client in clients:
        client.kill()
        client.communicate()
    until(lambda: open_files(cast(NodeAgent, process_node)) <= files, 30)


def _asked(port: int, authorization: str) -> int:
    """The status code with which a node answers whoever asks for its pods."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    connection = http.client.HTTPSConnection("127.0.0.1", port, context=context, timeout=30)
    with contextlib.closing(connection):
        connection.request("GET", "/pods", headers={"Authorization": authorization})
        return connection.getresponse().status
