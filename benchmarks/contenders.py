"""Who is compared: the API server's limit, this project and kwok, each with a node of its own."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any

from benchmarks import kwok
from benchmarks.limit import Writes
from scripts.control_plane.apiclient import ApiError
from scripts.control_plane.nodeagent import NodeAgent, is_ready
from scripts.control_plane.processes import Process

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.driver import Load
    from scripts.control_plane.cluster import ControlPlane

LIMIT, OURS, KWOK = "limit", "virtual-kubelet", "kwok"
NAMES = (LIMIT, OURS, KWOK)
NODE_SECONDS = 30.0
# Room for every pod; the mock's other defaults stay, and its containers start and stop at once.
MOCK_SETTINGS = '[capacity]\ncpu = "1000"\nmemory = "1Ti"\npods = "110000"\n'


class Contender:
    """A node and whatever makes its pods Running and takes them away again; here the driver itself: the limit."""

    def __init__(self, plane: ControlPlane, folder: Path) -> None:
        self.plane = plane
        self.folder = folder
        self.node = "bench-limit"
        self.process: Process | None = None

    def start(self) -> None:
        """Bring the node up and wait until it is Ready."""
        _make_node(self.plane, self.node, {})
        report_ready(self.plane, self.node)

    def stop(self) -> None:
        """End the agent and remove its node."""
        if self.process is not None:
            self.process.stop()
        self.plane.api.request("DELETE", f"/api/v1/nodes/{self.node}")

    def refresh(self) -> None:
        """What has to be done before each measurement."""
        report_ready(self.plane, self.node)

    async def create(self, load: Load, names: list[str]) -> None:
        """Do what leads to Running pods; returns when the driver's requests are answered."""
        self._writes = Writes(load)
        await self._writes.create(names, self.node)

    async def delete(self, load: Load, names: list[str]) -> None:
        """Do what leads to their end; returns when the driver's requests are answered."""
        await self._writes.delete(names)


class _Agent(Contender):
    def refresh(self) -> None:
        pass

    async def create(self, load: Load, names: list[str]) -> None:
        await load.create(names, self.node)

    async def delete(self, load: Load, names: list[str]) -> None:
        await load.delete(names)


class VirtualKubelet(_Agent):
    """`virtual-kubelet run --provider mock`, as installed."""

    def __init__(self, plane: ControlPlane, folder: Path) -> None:
        super().__init__(plane, folder)
        self.node = "bench-virtual-kubelet"
        self.user = "virtual-kubelet"

    def start(self) -> None:
        """Bring the node up and wait until it is Ready."""
        settings = self.folder / "mock.toml"
        settings.write_text(MOCK_SETTINGS)
        arguments = ("--provider", "mock", "--provider-config", str(settings), "--max-pods", "110000")
        kubeconfig = self.plane.kubeconfig(self.user, ("system:masters",))
        agent = NodeAgent(self.plane.api, self.node, kubeconfig, self.folder, arguments=arguments)
        self.process = agent
        agent.start()
        agent.wait_ready()


class Kwok(_Agent):
    """kwok with its fastest stages."""

    def __init__(self, plane: ControlPlane, folder: Path) -> None:
        super().__init__(plane, folder)
        self.node = "bench-kwok"

    def start(self) -> None:
        """Bring the node up and wait until it is Ready."""
        _make_node(self.plane, self.node, kwok.NODE_ANNOTATION)
        process = self.process = kwok.agent(self.plane, self.node, self.folder)
        process.start()
        path = f"/api/v1/nodes?fieldSelector=metadata.name%3D{self.node}"
        try:
            self.plane.api.wait_until(path, is_ready, NODE_SECONDS, hopeless=lambda: not process.running)
        except ApiError as error:
            raise RuntimeError(f"{error}\n{process.last_words()}") from None


KINDS: dict[str, type[Contender]] = {LIMIT: Contender, OURS: VirtualKubelet, KWOK: Kwok}


def report_ready(plane: ControlPlane, node: str) -> None:
    """Say that a node without an agent is well, so that the node lifecycle controller leaves its pods alone."""
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    ready = {"type": "Ready", "status": "True", "reason": "Benchmark", "lastHeartbeatTime": now}
    status: dict[str, Any] = {"conditions": [ready]}
    path = f"/api/v1/nodes/{node}/status"
    plane.api.request("PATCH", path, {"status": status}, content_type="application/strategic-merge-patch+json")


def _make_node(plane: ControlPlane, name: str, annotations: dict[str, str]) -> None:
    plane.api.request("POST", "/api/v1/nodes", {"metadata": {"name": name, "annotations": annotations}})
