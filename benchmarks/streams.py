"""What kubectl's users wait for when they look into pods: logs, commands, copies, forwarded ports."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import re
import socket
import statistics
import subprocess
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.barekubelet import BareKubelet
from benchmarks.crowd import Crowd, measure_crowd
from benchmarks.usage import memory, reset_peak
from scripts.control_plane.cache import say
from scripts.control_plane.nodeagent import NodeAgent

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scripts.control_plane.cluster import ControlPlane

MEBIBYTE = 1 << 20
NAMESPACE = "bench-streams"
NODE = "bench-process"
POD = "bench"
COMMANDS = 100
LINES = 5_000_000
LINE = "line %09d of a log that has nothing much to say, but says all in many words.\\n"
"""82 bytes, as awk's printf is told."""
SPDY = {"KUBECTL_REMOTE_COMMAND_WEBSOCKETS": "false"}
FORWARDING = re.compile(r"Forwarding from 127\.0\.0\.1:(\d+)")


@dataclass
class Streams:
    """Figures of one run; rates in MB (10^6 bytes) per second, times in seconds."""

    log_rates: list[float] = field(default_factory=list)
    bare_log_rates: list[float] = field(default_factory=list)
    exec_seconds: float = 0.0
    exec_spdy_seconds: float = 0.0
    get_seconds: float = 0.0
    cat_seconds: list[float] = field(default_factory=list)
    cat_spdy_seconds: list[float] = field(default_factory=list)
    copy_in_seconds: float = 0.0
    copy_out_seconds: float = 0.0
    forward_seconds: float = 0.0
    connections_seconds: float = 0.0
    grown_mebibytes: float = 0.0
    left_files: int = 0
    crowd: Crowd | None = None


class Bench:
    """One node with the process provider, one pod on it, and kubectl."""

    def __init__(self, plane: ControlPlane, folder: Path) -> None:
        self.plane = plane
        self.folder = folder
        settings = folder / "process.toml"
        settings.write_text(f'folder = "{folder}"\n')
        kubeconfig = plane.kubeconfig("virtual-kubelet", ("system:masters",))
        flags = ["--provider", "process", "--provider-config", str(settings), "--port", "0", "--cert-dir", str(folder)]
        self.agent = NodeAgent(plane.api, NODE, kubeconfig, folder, arguments=flags)

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Bring the node up with a pod that does nothing."""
        self.agent.start()
        try:
            self.agent.wait_ready()
            self.start_pod(POD, "exec sleep 100000")
            yield
        finally:
            self.agent.remove()

    def start_pod(self, name: str, script: str) -> None:
        """Start a pod that runs a shell script, and wait until it runs."""
        container = {"name": "main", "image": "local", "command": ["sh", "-c", script]}
        spec = {"nodeName": NODE, "containers": [container], "terminationGracePeriodSeconds": 0}
        pods = f"/api/v1/namespaces/{NAMESPACE}/pods"
        self.plane.api.request("POST", pods, {"metadata": {"name": name}, "spec": spec})
        named = f"{pods}?fieldSelector=metadata.name%3D{name}"
        self.plane.api.wait_until(named, lambda found: any(pod["status"].get("phase") == "Running" for pod in found))

    def kubectl(self, *arguments: str, spdy: bool = False, **options: Any) -> float:
        """Run kubectl, as it is or as it was before WebSockets; returns seconds, raises when it fails."""
        command = [str(self.plane.programs / "kubectl"), "-n", NAMESPACE, *arguments]
        environment = self.plane.environment() | (SPDY if spdy else {})
        started = time.perf_counter()
        subprocess.run(command, env=environment, check=True, **options)
        return time.perf_counter() - started

    @contextlib.contextmanager
    def growth(self, figures: Streams) -> Iterator[None]:
        """Note by how much the memory of the node's process grew meanwhile, at its peak."""
        before = memory(self.agent.pid).now
        reset_peak(self.agent.pid)
        yield
        figures.grown_mebibytes = max(figures.grown_mebibytes, memory(self.agent.pid).peak - before)

    def open_files(self) -> int:
        """Files the node's process has open."""
        return sum(1 for _ in Path(f"/proc/{self.agent.pid}/fd").iterdir())


def measure_streams(plane: ControlPlane, folder: Path, *, rounds: int) -> Streams:
    """Measure everything once, the logs and the large command in several rounds."""
    plane.api.ensure("/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
    plane.api.wait_until(f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts", bool)
    bench, figures = Bench(plane, folder), Streams()
    with bench.running():
        for step in (_commands, _large_command, _copies, _forwarding, _logs, _crowd):
            say(step.__doc__ or "")
            step(bench, figures, rounds)
    return figures


def _commands(bench: Bench, figures: Streams, _rounds: int) -> None:
    """A hundred commands, beside `get pod`."""
    bench.kubectl("exec", POD, "--", "true")
    before = bench.open_files()
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL}
    wires = [[bench.kubectl("exec", POD, "--", "true", spdy=spdy) for spdy in (False, True)] for _ in range(COMMANDS)]
    figures.exec_seconds, figures.exec_spdy_seconds = (statistics.median(times) for times in zip(*wires, strict=True))
    figures.get_seconds = statistics.median(bench.kubectl("get", "pod", POD, **quiet) for _ in range(20))
    figures.left_files = bench.open_files() - before


def _large_command(bench: Bench, figures: Streams, rounds: int) -> None:
    """256 MB through `cat` and back."""
    sent = bench.folder / "sent"
    sent.write_bytes(os.urandom(256_000_000))
    for _ in range(rounds):
        for spdy, seconds in ((False, figures.cat_seconds), (True, figures.cat_spdy_seconds)):
            back = bench.folder / "back"
            with sent.open("rb") as source, back.open("wb") as target:
                seconds.append(bench.kubectl("exec", "-i", POD, "--", "cat", spdy=spdy, stdin=source, stdout=target))
            _check_same(sent, back)


def _copies(bench: Bench, figures: Streams, _rounds: int) -> None:
    """1 GiB copied into the container and out again."""
    source, there, back = (bench.folder / name for name in ("gibibyte", "gibibyte-there", "gibibyte-back"))
    with source.open("wb") as file:
        for _ in range(1024):
            file.write(os.urandom(MEBIBYTE))
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with bench.growth(figures):
        figures.copy_in_seconds = bench.kubectl("cp", str(source), f"{POD}:{there}", **quiet)
        figures.copy_out_seconds = bench.kubectl("cp", f"{POD}:{there}", str(back), **quiet)
    _check_same(source, back)
    there.unlink()
    back.unlink()


def _forwarding(bench: Bench, figures: Streams, _rounds: int) -> None:
    """1 GiB and a thousand short connections through a forwarded port."""
    source = bench.folder / "gibibyte"
    with _file_server(source) as port, _forwarded(bench, port) as local, bench.growth(figures):
        started = time.perf_counter()
        if _receive(local, b"all\n") != _digest(source):
            raise RuntimeError("port-forward: what came is not what was sent")
        figures.forward_seconds = time.perf_counter() - started
        started = time.perf_counter()
        for _ in range(1000):
            if _receive(local, b"hello\n") != hashlib.sha256(b"hello\n").hexdigest():
                raise RuntimeError("port-forward: a short connection lost something")
        figures.connections_seconds = time.perf_counter() - started


def _logs(bench: Bench, figures: Streams, rounds: int) -> None:
    """A log of five million lines, beside a bare server that sends the same bytes."""
    wanted = bench.folder / "log"
    script = f"awk 'BEGIN {{ for (i = 0; i < {LINES}; i++) printf \"{LINE}\", i }}'"
    subprocess.run(["sh", "-c", f"{script} > {wanted}"], check=True)
    done = bench.folder / "written"
    bench.start_pod("talker", f"{script}; touch {done}; exec sleep 100000")
    while not done.exists():
        time.sleep(0.1)
    time.sleep(1)  # for what is still in the pipe
    size = wanted.stat().st_size / 1e6
    got = bench.folder / "got"
    with BareKubelet(bench.plane, NAMESPACE, "bare", wanted):
        for _ in range(rounds):
            for pod, rates in (("talker", figures.log_rates), ("bare", figures.bare_log_rates)):
                with got.open("wb") as target:
                    rates.append(size / bench.kubectl("logs", pod, stdout=target))
                _check_same(wanted, got)


def _crowd(bench: Bench, figures: Streams, _rounds: int) -> None:
    """500 followers of a log and 200 commands at once."""
    bench.start_pod("chatter", "while :; do echo still here; sleep 1; done")
    figures.crowd = asyncio.run(
        measure_crowd(bench.plane, NAMESPACE, "chatter", node=NODE, followers=500, commands=200)
    )


@contextlib.contextmanager
def _forwarded(bench: Bench, port: int) -> Iterator[int]:
    """The local port of a `kubectl port-forward`."""
    command = [str(bench.plane.programs / "kubectl"), "-n", NAMESPACE, "port-forward", POD, f":{port}"]
    client = subprocess.Popen(command, env=bench.plane.environment(), stdout=subprocess.PIPE, text=True)
    try:
        assert client.stdout is not None
        found = FORWARDING.match(client.stdout.readline())
        if found is None:
            raise RuntimeError("port-forward did not say where it listens")
        threading.Thread(target=client.stdout.read, daemon=True).start()
        yield int(found[1])
    finally:
        client.kill()
        client.wait()


@contextlib.contextmanager
def _file_server(file: Path) -> Iterator[int]:
    """A TCP server that sends a file to who says `all`, and everybody else back what they say."""

    def serve(connection: socket.socket) -> None:
        with connection:
            said = connection.recv(100)
            if said == b"all\n":
                with file.open("rb") as source:
                    connection.sendfile(source)
            else:
                connection.sendall(said)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=accept, daemon=True).start()
        yield server.getsockname()[1]


def _receive(port: int, say_first: bytes) -> str:
    digest = hashlib.sha256()
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(say_first)
        while data := connection.recv(MEBIBYTE):
            digest.update(data)
    return digest.hexdigest()


def _digest(file: Path) -> str:
    with file.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()


def _check_same(wanted: Path, got: Path) -> None:
    if _digest(wanted) != _digest(got):
        raise RuntimeError(f"{got.name} is not the same as {wanted.name}: {got.stat().st_size} bytes")
