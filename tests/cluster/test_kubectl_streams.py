"""What people do to look into pods, with real kubectl, a real API server and real processes: both wires, every flag."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import os
import re
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scripts.control_plane.cluster import ControlPlane
from scripts.control_plane.nodeagent import NodeAgent
from tests.cluster.kubectl import WIRES, Kubectl, until
from tests.cluster.kubeletclient import ask
from tests.support.terminal import Terminal

MEBIBYTE = 1 << 20
FORWARDING = re.compile(r"Forwarding from 127\.0\.0\.1:(\d+)")


@pytest.fixture(params=list(WIRES))
def kubectl(
    request: pytest.FixtureRequest, control_plane: ControlPlane, namespace: str, process_node: NodeAgent
) -> Kubectl:
    """kubectl over each wire."""
    return Kubectl(control_plane, namespace, process_node.node, request.param)


@pytest.fixture
def one_wire(control_plane: ControlPlane, namespace: str, process_node: NodeAgent) -> Kubectl:
    """kubectl where the wire does not matter."""
    return Kubectl(control_plane, namespace, process_node.node)


def test_exec_gives_output_error_output_and_exit_code(kubectl: Kubectl) -> None:
    kubectl.start_pod("shell", "exec sleep 1000")
    for code in (0, 1, 137, 255):
        done = kubectl.run("exec", "shell", "--", "sh", "-c", f"echo out; echo err >&2; exit {code}")
        assert done.returncode == code
        assert done.stdout == b"out\n"
        assert done.stderr.startswith(b"err\n")
    killed = kubectl.run("exec", "shell", "--", "sh", "-c", "kill -9 $$")
    assert killed.returncode == 137
    missing = kubectl.run("exec", "shell", "--", "/no/such/program")
    assert missing.returncode != 0
    assert b"/no/such/program" in missing.stderr


def test_a_hundred_megabytes_go_through_exec_and_come_back_the_same(kubectl: Kubectl) -> None:
    kubectl.start_pod("shell", "exec sleep 1000")
    sent = os.urandom(MEBIBYTE) * 100
    done = kubectl.run("exec", "-i", "shell", "--", "cat", stdin=sent)
    assert done.returncode == 0, done.stderr
    assert hashlib.sha256(done.stdout).digest() == hashlib.sha256(sent).digest()


def test_the_last_byte_of_output_always_arrives(kubectl: Kubectl) -> None:
    kubectl.start_pod("shell", "exec sleep 1000")
    for _ in range(5):
        done = kubectl.run("exec", "shell", "--", "sh", "-c", "head -c 3000000 /dev/zero; printf end")
        assert done.returncode == 0
        assert len(done.stdout) == 3_000_003
        assert done.stdout.endswith(b"end")


def test_a_terminal_follows_the_size_of_its_window(kubectl: Kubectl) -> None:
    kubectl.start_pod("shell", "exec sleep 1000")
    command = kubectl.command("exec", "-it", "shell", "--", "sh")
    with Terminal(command, kubectl.environment, columns=100, rows=30) as terminal:
        terminal.type("PS1=; until [ \"$(stty size)\" = '30 100' ]; do sleep 0.05; done; echo as-$((40 + 2))\n")
        terminal.wait_for("as-42")
        terminal.resize(132, 43)
        terminal.type("until [ \"$(stty size)\" = '43 132' ]; do sleep 0.05; done; echo then-$((40 + 3))\n")
        terminal.wait_for("then-43")
        terminal.type("exit 7\n")
        assert terminal.wait() == 7


def test_a_command_ends_when_its_client_is_killed(kubectl: Kubectl, tmp_path: Path) -> None:
    kubectl.start_pod("shell", "exec sleep 1000")
    mark = tmp_path / "pid"
    client = kubectl.start("exec", "-i", "shell", "--", "sh", "-c", f"echo $$ > {mark}; exec cat")
    pid = _wait_for_text(mark)
    client.kill()
    client.communicate()
    _wait_until_gone(int(pid))


def test_attach_sees_the_output_and_feeds_the_input_of_the_main_process(kubectl: Kubectl) -> None:
    script = "while read line; do echo got-$line; [ $line = last ] && exit 5; done"
    kubectl.start_pod("shell", script, container={"stdin": True}, restartPolicy="Never")
    client = kubectl.start("attach", "-i", "shell")
    assert client.stdin is not None
    client.stdin.write(b"one\nlast\n")
    client.stdin.flush()
    output, _ = client.communicate(timeout=30)
    assert b"got-one\ngot-last\n" in output
    ended = kubectl.wait_phase("shell", "Failed")
    assert ended["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"] == 5


def test_port_forward_reaches_a_real_http_server_again_and_again(kubectl: Kubectl, tmp_path: Path) -> None:
    (tmp_path / "page").write_bytes(os.urandom(3 * MEBIBYTE))
    port, shut = _free_port(), _free_port()
    kubectl.start_pod("web", f"cd {tmp_path} && exec python3 -m http.server --bind 127.0.0.1 {port}")
    until(lambda: _get(port, "/page") is not None)  # kubectl gives up all ports for one that refuses
    with _forwarding(kubectl, "web", str(port), str(shut)) as (forwarded, forwarded_shut):
        until(lambda: _get(forwarded, "/page") == (tmp_path / "page").read_bytes())
        for _ in range(50):
            assert _get(forwarded, "/page") == (tmp_path / "page").read_bytes()
        assert forwarded_shut != forwarded


def test_files_and_folders_are_copied_both_ways(kubectl: Kubectl, tmp_path: Path) -> None:
    kubectl.start_pod("shell", "exec sleep 1000")
    there, back = tmp_path / "there", tmp_path / "back"
    source = tmp_path / "source"
    (source / "deep").mkdir(parents=True)
    (source / "deep" / "large").write_bytes(os.urandom(30 * MEBIBYTE))
    (source / "small").write_text("small\n")
    assert kubectl.run("cp", str(source), f"shell:{there}").returncode == 0
    assert kubectl.run("cp", f"shell:{there}", str(back)).returncode == 0
    for copy in (there, back):
        assert (copy / "small").read_text() == "small\n"
        assert (copy / "deep" / "large").read_bytes() == (source / "deep" / "large").read_bytes()


def test_debug_adds_a_container_to_a_running_pod(kubectl: Kubectl) -> None:
    kubectl.start_pod("shell", "exec sleep 1000")
    command = kubectl.command("debug", "-it", "shell", "--image=local", "--container=probe", "--", "sh", "-c")
    with Terminal([*command, "read line; echo saw-$line; exit 3"], kubectl.environment) as terminal:
        deadline = time.monotonic() + 30
        while b"saw-this" not in terminal.seen and time.monotonic() < deadline:
            terminal.type("this\n")
            try:
                terminal.wait_for("saw-this", 1)
                break
            except AssertionError:
                continue
    pod = kubectl.get("pod", "shell")
    assert pod["spec"]["ephemeralContainers"][0]["name"] == "probe"
    assert pod["status"]["ephemeralContainerStatuses"][0]["name"] == "probe"


def test_the_python_client_runs_commands_over_its_own_websocket(one_wire: Kubectl) -> None:
    from kubernetes import client, config
    from kubernetes.stream import stream

    one_wire.start_pod("shell", "exec sleep 1000")
    loaded = client.Configuration()
    config.load_kube_config(str(one_wire.plane.admin_kubeconfig), client_configuration=loaded)
    with client.ApiClient(loaded) as api:
        session: Any = stream(
            client.CoreV1Api(api).connect_get_namespaced_pod_exec,
            "shell",
            one_wire.namespace,
            command=["sh", "-c", "read line; echo got-$line; exit 4"],
            stderr=True,
            stdin=True,
            stdout=True,
            tty=False,
            _preload_content=False,
        )
        session.write_stdin("this\n")
        session.run_forever(timeout=20)
        assert session.read_stdout() == "got-this\n"
        assert session.returncode == 4
        session.sock.shutdown()  # close does nothing to a socket whose peer has said goodbye


def test_logs_give_what_each_flag_asks_for(one_wire: Kubectl) -> None:
    script = "for i in 1 2 3 4 5 6 7 8 9; do echo line-$i; done; sleep 2; echo late; exec sleep 1000"
    one_wire.start_pod("talker", script)
    early = "".join(f"line-{i}\n" for i in range(1, 10)).encode()
    until(lambda: one_wire.run("logs", "talker").stdout == early + b"late\n")
    assert one_wire.run("logs", "talker", "--tail=2").stdout == b"line-9\nlate\n"
    assert one_wire.run("logs", "talker", "--tail=0").stdout == b""
    assert one_wire.run("logs", "talker", "--limit-bytes=9").stdout == b"line-1\nli"
    stamped = one_wire.run("logs", "talker", "--timestamps").stdout.decode().splitlines()
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z \S+", line) for line in stamped)
    late = stamped[-1].split()[0]
    assert one_wire.run("logs", "talker", f"--since-time={late}").stdout == b"late\n"
    assert one_wire.run("logs", "talker", "--since=1h").stdout == early + b"late\n"
    assert one_wire.run("logs", "talker", "--prefix", "--tail=1").stdout == b"[pod/talker/main] late\n"


def test_logs_of_the_instance_before_are_kept(one_wire: Kubectl, tmp_path: Path) -> None:
    mark = tmp_path / "started"
    script = f"if [ -e {mark} ]; then echo second; exec sleep 1000; fi; touch {mark}; echo first; exit 1"
    one_wire.start_pod("crasher", script)
    refused = one_wire.run("logs", "crasher", "--previous", "--container=main")
    until(lambda: one_wire.run("logs", "crasher").stdout == b"second\n")
    assert one_wire.run("logs", "crasher", "--previous").stdout == b"first\n"
    assert refused.returncode == 0 or b"previous terminated container" in refused.stderr


def test_followed_logs_come_as_they_are_written_and_end_with_the_container(one_wire: Kubectl, tmp_path: Path) -> None:
    go = tmp_path / "go"
    script = f"echo before; until [ -e {go} ]; do sleep 0.05; done; printf after"
    one_wire.start_pod("talker", script, restartPolicy="Never")
    client = one_wire.start("logs", "-f", "talker")
    assert client.stdout is not None
    assert client.stdout.readline() == b"before\n"
    go.touch()
    rest, _ = client.communicate(timeout=30)
    assert rest == b"after"
    assert client.returncode == 0


def test_what_cannot_be_shown_is_said_in_kubelets_words(one_wire: Kubectl) -> None:
    one_wire.start_pod("ended", "true", phase="Succeeded", restartPolicy="Never")
    for arguments, words in (
        (("logs", "ended", "--previous"), 'previous terminated container "main" in pod "ended" not found'),
        (("exec", "ended", "--", "true"), "cannot exec into a container in a completed pod"),
        (("logs", "ended", "-c", "nobody"), "container nobody is not valid for pod ended"),
    ):
        done = one_wire.run(*arguments)
        assert done.returncode != 0
        assert words in done.stderr.decode()


def test_stats_are_what_kubelet_calls_them(one_wire: Kubectl) -> None:
    one_wire.start_pod("busy", "while :; do :; done")
    until(lambda: 'pod="busy"' in _metrics(one_wire), 40)
    families = set(re.findall(r"^# TYPE (\S+)", _metrics(one_wire), re.MULTILINE))
    assert {
        "node_cpu_usage_seconds_total",
        "node_memory_working_set_bytes",
        "container_cpu_usage_seconds_total",
        "container_memory_working_set_bytes",
        "container_start_time_seconds",
        "pod_cpu_usage_seconds_total",
        "pod_memory_working_set_bytes",
    } <= families
    summary = json.loads(ask(one_wire.plane, one_wire.node, "/stats/summary")[1])
    assert summary["node"]["nodeName"] == one_wire.node
    assert "busy" in {pod["podRef"]["name"] for pod in summary["pods"]}


def _wait_for_text(path: Path, seconds: float = 20) -> str:
    until(lambda: path.exists() and path.read_text().endswith("\n"), seconds)
    return path.read_text().strip()


def _wait_until_gone(pid: int) -> None:
    until(lambda: not Path(f"/proc/{pid}").exists())


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _get(port: int, path: str) -> bytes | None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        return connection.getresponse().read()
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


@contextlib.contextmanager
def _forwarding(kubectl: Kubectl, pod: str, *ports: str) -> Iterator[list[int]]:
    """`kubectl port-forward` to ports of a pod; gives the local ones."""
    client = kubectl.start("port-forward", pod, *(f":{port}" for port in ports), stderr=subprocess.STDOUT)
    assert client.stdout is not None
    forwarded: list[int] = []
    try:
        while len(forwarded) < len(ports):
            line = client.stdout.readline().decode()
            assert line, "port-forward ended"
            if found := FORWARDING.match(line):
                forwarded.append(int(found[1]))
        yield forwarded
    finally:
        client.kill()
        client.communicate()


def _metrics(kubectl: Kubectl) -> str:
    return ask(kubectl.plane, kubectl.node, "/metrics/resource")[1]
