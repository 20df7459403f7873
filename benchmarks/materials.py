"""What materials cost: the same pods with many references, on the mock as it is and on one that looks at none."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import usage
from benchmarks.contenders import MOCK_SETTINGS
from benchmarks.driver import NAMESPACE, Load, Stopwatch
from scripts.control_plane.nodeagent import NodeAgent

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scripts.control_plane.cluster import ControlPlane

OBJECTS = 20
"""Config maps, and as many secrets, that every pod refers to by its environment and by its volumes."""

KEYS = 5
_WATCHES = re.compile(r"^apiserver_longrunning_requests\{(.*)\} (\S+)$", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Side:
    """One provider: CPU in ms per pod until all were Running, memory in MiB with all of them, pods per second."""

    cpu: float
    memory: float
    rate: float


@dataclass(frozen=True, kw_only=True)
class Materials:
    """What was measured.

    Attributes:
        pods: how many pods.
        with_materials: the mock as it is, a side for each round.
        without: the mock that looks at no references.
        watches: how many objects were watched with all pods Running.
    """

    pods: int
    with_materials: list[Side]
    without: list[Side]
    watches: int


async def measure_materials(plane: ControlPlane, folder: Path, *, pods: int, rounds: int) -> Materials:
    """Bring pods up on both sides in turn."""
    for kind, body in _objects():
        plane.api.request("POST", f"/api/v1/namespaces/{NAMESPACE}/{kind}", body)
    sides: dict[str, list[Side]] = {"mock": [], "unasking": []}
    watches = 0
    for number in range(rounds):
        for provider in ("mock", "unasking") if number % 2 else ("unasking", "mock"):
            place = folder / f"materials-{number}-{provider}"
            place.mkdir()
            side, seen = await _measure(plane, place, provider, [f"pod-{number}-{count}" for count in range(pods)])
            sides[provider].append(side)
            if provider == "mock":
                watches = max(watches, seen)
    return Materials(pods=pods, with_materials=sides["mock"], without=sides["unasking"], watches=watches)


async def _measure(plane: ControlPlane, folder: Path, provider: str, names: list[str]) -> tuple[Side, int]:
    agent = _agent(plane, folder, provider)
    agent.start()
    try:
        agent.wait_ready()
        others = watched(plane)
        before = usage.cpu_seconds(agent.pid)
        async with Load(plane, pod=pod()) as load:
            watch = Stopwatch()
            await load.create(names, agent.node)
            await load.until_running(names)
            seconds = watch.seconds()
            cpu = (usage.cpu_seconds(agent.pid) - before) / len(names) * 1000
            await usage.until_quiet(agent.pid)
            memory = usage.memory(agent.pid).now
            watches = watched(plane) - others
            await load.delete(names)
            await load.until_gone(names)
    finally:
        agent.remove()
    return Side(cpu=cpu, memory=memory, rate=len(names) / seconds), watches


def watched(plane: ControlPlane) -> int:
    """How many config maps and secrets are watched by name, as the API server counts it."""
    text = plane.kubectl("get", "--raw", "/metrics")
    labels = [
        (set(found[1].split(",")), float(found[2])) for found in _WATCHES.finditer(text) if 'verb="WATCH"' in found[1]
    ]
    by_name = [
        count
        for of, count in labels
        if 'scope="resource"' in of and {'resource="configmaps"', 'resource="secrets"'} & of
    ]
    return round(sum(by_name))


def pod() -> str:
    """The pod that refers to all objects twice, as a format of its name and its node."""
    variables = [
        {"name": f"V{number}", "valueFrom": {f"{kind}KeyRef": {"name": f"{kind}-{number}".lower(), "key": "key-0"}}}
        for kind in ("configMap", "secret")
        for number in range(OBJECTS)
    ]
    maps = [{"name": f"m{number}", "configMap": {"name": f"configmap-{number}"}} for number in range(OBJECTS)]
    secrets = [{"name": f"s{number}", "secret": {"secretName": f"secret-{number}"}} for number in range(OBJECTS)]
    volumes = [*maps, *secrets]
    mounts = [{"name": volume["name"], "mountPath": f"/etc/{volume['name']}"} for volume in volumes]
    container = {"name": "app", "image": "registry.example/app:1", "env": variables, "volumeMounts": mounts}
    spec = {
        "nodeName": "%s",
        "automountServiceAccountToken": False,
        "containers": [container],
        "volumes": volumes,
        "tolerations": [{"operator": "Exists"}],
    }
    return json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "%s"}, "spec": spec})


def _objects() -> Iterator[tuple[str, dict[str, Any]]]:
    values = {f"key-{number}": "x" * 100 for number in range(KEYS)}
    encoded = {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}
    for number in range(OBJECTS):
        yield "configmaps", {"metadata": {"name": f"configmap-{number}"}, "data": values}
        yield "secrets", {"metadata": {"name": f"secret-{number}"}, "data": encoded}


def _agent(plane: ControlPlane, folder: Path, provider: str) -> NodeAgent:
    settings = folder / "mock.toml"
    settings.write_text(MOCK_SETTINGS)
    arguments = ("--provider", provider, "--provider-config", str(settings), "--max-pods", "110000")
    kubeconfig = plane.kubeconfig("virtual-kubelet", ("system:masters",))
    node = f"bench-{folder.name}"
    return NodeAgent(plane.api, node, kubeconfig, folder, arguments=arguments, environment=_environment(folder))


def _environment(folder: Path) -> dict[str, str]:
    """Makes `vk_unasking` one of the installed providers."""
    site = folder / "site"
    info = site / "vk_unasking-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: vk-unasking\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[virtual_kubelet.providers]\nunasking = vk_unasking:PROVIDER\n")
    shutil.copy(Path(__file__).with_name("vk_unasking.py"), site)
    return {"PYTHONPATH": os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)}
