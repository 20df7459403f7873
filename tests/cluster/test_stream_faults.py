"""Clients, API servers and connections that vanish in the middle of a stream: nothing may be left of it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from scripts.control_plane.cluster import ControlPlane
from scripts.control_plane.nodeagent import NodeAgent
from tests.cluster.kubectl import WIRES, Kubectl, open_files, until
from tests.cluster.kubeletclient import connected

if TYPE_CHECKING:
    from tests.cluster.conftest import StartVirtualKubelet

TALKER = "echo begun; trap 'exit 0' TERM; while :; do sleep 0.1; done"
SECONDS = "100000.25"
"""By which the processes of these tests are told from all others."""
SLEEPER = f"sleep\0{SECONDS}\0".encode()
COMMAND = f"echo begun; exec sleep {SECONDS}"
UPGRADE = (
    "GET {path} HTTP/1.1\r\nHost: node\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
    "Sec-WebSocket-Protocol: v4.channel.k8s.io\r\n\r\n"
)


@pytest.fixture(params=list(WIRES))
def kubectl(
    request: pytest.FixtureRequest, control_plane: ControlPlane, namespace: str, process_node: NodeAgent
) -> Kubectl:
    return Kubectl(control_plane, namespace, process_node.node, request.param)


@contextmanager
def streams(kubectl: Kubectl) -> Iterator[list[subprocess.Popen[bytes]]]:
    """One stream of each kind, all of which have begun; those who still run at the end are killed."""
    clients = [
        kubectl.start("logs", "-f", "shell"),
        kubectl.start("attach", "shell"),
        kubectl.start("exec", "-i", "shell", "--", "sh", "-c", COMMAND),
        kubectl.start("port-forward", "shell", ":9"),
    ]
    try:
        for number, client in enumerate(clients):
            if number != 1:  # who attaches to a silent process sees nothing
                assert client.stdout is not None
                assert client.stdout.readline()
        yield clients
    finally:
        for client in clients:
            client.kill()
            client.communicate()


def commands() -> int:
    """How many of the commands that `streams` starts still run."""
    found = 0
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            found += path.read_bytes().endswith(SLEEPER)
    return found


def test_nothing_is_left_of_streams_whose_clients_are_killed(kubectl: Kubectl, process_node: NodeAgent) -> None:
    kubectl.start_pod("shell", TALKER)
    until(lambda: kubectl.run("logs", "shell").stdout == b"begun\n")
    files = open_files(process_node)
    with streams(kubectl):
        until(lambda: commands() == 1)
    until(lambda: commands() == 0, 30)
    until(lambda: open_files(process_node) <= files, 30)


def test_nothing_is_left_of_streams_when_the_api_server_is_killed(kubectl: Kubectl, process_node: NodeAgent) -> None:
    kubectl.start_pod("shell", TALKER)
    until(lambda: kubectl.run("logs", "shell").stdout == b"begun\n")
    files = open_files(process_node)
    try:
        with streams(kubectl) as clients:
            kubectl.plane.kill("kube-apiserver")
            until(lambda: commands() == 0, 30)
            for client in clients:
                client.wait(30)
    finally:
        kubectl.plane.start_part("kube-apiserver")
    process_node.wait_ready()
    until(lambda: open_files(process_node) <= files + 2, 60)
    assert kubectl.run("exec", "shell", "--", "echo", "again").stdout == b"again\n"


def test_a_connection_on_which_nothing_comes_any_more_is_closed(
    control_plane: ControlPlane, namespace: str, virtual_kubelet: StartVirtualKubelet, tmp_path: Path
) -> None:
    agent = virtual_kubelet(
        *("--provider", "process", "--port", "0", "--stream-idle-timeout", "2s"),
        config=f'folder = "{tmp_path}"\n',
    )
    kubectl = Kubectl(control_plane, namespace, agent.node)
    kubectl.start_pod("shell", TALKER)
    files = open_files(agent)
    path = f"/exec/{namespace}/shell/main?command=sleep&command={SECONDS}&output=1"
    with connected(control_plane, agent.node) as connection:
        connection.sendall(UPGRADE.format(path=path).encode())
        assert connection.recv(4096).startswith(b"HTTP/1.1 101 ")
        until(lambda: commands() == 1)
        until(lambda: commands() == 0, 30)
        until(lambda: open_files(agent) <= files, 30)
