"""A real control plane for the tests in this folder, and `virtual-kubelet run` as the node of a test."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest

from scripts.control_plane import metricsserver
from scripts.control_plane.build import assets
from scripts.control_plane.cluster import ControlPlane
from scripts.control_plane.golang import BuildError
from scripts.control_plane.nodeagent import NodeAgent
from tests.cluster.kubectl import Kubectl
from tests.support.components import lacking

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from scripts.control_plane.processes import Process


class StartVirtualKubelet(Protocol):
    """The type of the fixture `virtual_kubelet`."""

    def __call__(
        self,
        *arguments: str,
        node: str | None = None,
        config: str | None = None,
        kubeconfig: Path | None = None,
        environment: Mapping[str, str] | None = None,
        ready: bool = True,
    ) -> NodeAgent:
        """Start one; see the fixture."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder needs the control plane, so everything carries its marker."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker("cluster")


@pytest.fixture(scope="session")
def control_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """One control plane for all tests; a test that breaks it brings it back."""
    try:
        programs = assets()
    except BuildError as error:
        lacking(f"no control plane here: {error}")
    with ControlPlane(tmp_path_factory.mktemp("control-plane"), programs=programs) as plane:
        yield plane


@pytest.fixture
def namespace(control_plane: ControlPlane) -> Iterator[str]:
    """The name of an empty namespace in which pods can be created."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    control_plane.api.request("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    control_plane.api.wait_until(f"/api/v1/namespaces/{name}/serviceaccounts", bool)
    yield name
    control_plane.api.request("DELETE", f"/api/v1/namespaces/{name}")


@pytest.fixture(scope="session")
def metrics_server(control_plane: ControlPlane) -> Iterator[Process]:
    """The real metrics-server behind the control plane's aggregated API."""
    process = metricsserver.start(control_plane)
    yield process
    process.stop()


@pytest.fixture(scope="session")
def process_node(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeAgent]:
    """A node whose containers are processes of this machine."""
    folder = tmp_path_factory.mktemp("process-node")
    agent = NodeAgent(
        control_plane.api,
        "process-node",
        control_plane.kubeconfig("virtual-kubelet", ("system:masters",)),
        folder,
        arguments=(
            "--provider",
            "process",
            "--port",
            "0",
            "--cert-dir",
            str(folder),
        ),
    )
    agent.start()
    agent.wait_ready()
    yield agent
    agent.remove()


@pytest.fixture
def virtual_kubelet(control_plane: ControlPlane, tmp_path: Path) -> Iterator[StartVirtualKubelet]:
    """Start `virtual-kubelet run` and wait until its node is Ready.

    `arguments` are further flags; `node` is unique unless given; `config` is the text of the provider's TOML file;
    `ready=False` does not wait. The result can be stopped, killed and started again; its `log()` is what it printed.
    Node and process are gone after the test.
    """
    agents: list[NodeAgent] = []
    user = control_plane.kubeconfig("virtual-kubelet", ("system:masters",))

    def start(
        *arguments: str,
        node: str | None = None,
        config: str | None = None,
        kubeconfig: Path | None = None,
        environment: Mapping[str, str] | None = None,
        ready: bool = True,
    ) -> NodeAgent:
        name = node or f"vk-{uuid.uuid4().hex[:8]}"
        flags = [] if "--provider" in arguments else ["--provider", "mock"]
        if config is not None:
            settings = tmp_path / f"mock-{len(agents)}.toml"
            settings.write_text(config)
            flags += ["--provider-config", str(settings)]
        folder = tmp_path / f"virtual-kubelet-{len(agents)}"
        folder.mkdir()
        agent = NodeAgent(
            control_plane.api,
            name,
            kubeconfig or user,
            folder,
            arguments=[*flags, *arguments],
            environment=environment,
        )
        agents.append(agent)
        agent.start()
        if ready:
            agent.wait_ready()
        return agent

    yield start
    for agent in agents:
        agent.remove()


@pytest.fixture(scope="session")
def mock_node(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeAgent]:
    """A node whose containers exist in memory."""
    folder = tmp_path_factory.mktemp("mock-node")
    user = control_plane.kubeconfig("virtual-kubelet", ("system:masters",))
    arguments = ("--provider", "mock", "--port", "0", "--cert-dir", str(folder), "--cluster-dns", "10.96.0.10")
    agent = NodeAgent(control_plane.api, "mock-node", user, folder, arguments=arguments)
    agent.start()
    agent.wait_ready()
    yield agent
    agent.remove()


@pytest.fixture
def kubectl(control_plane: ControlPlane, namespace: str, process_node: NodeAgent) -> Kubectl:
    """kubectl, and pods that are processes."""
    return Kubectl(control_plane, namespace, process_node.node)


@pytest.fixture(params=["process", "mock"])
def either(request: pytest.FixtureRequest, control_plane: ControlPlane, namespace: str) -> Kubectl:
    """kubectl, and pods of each provider."""
    agent: NodeAgent = request.getfixturevalue(f"{request.param}_node")
    return Kubectl(control_plane, namespace, agent.node)


@pytest.fixture
def bundle(control_plane: ControlPlane, namespace: str) -> Iterator[str]:
    """The name of a cluster trust bundle."""
    name = f"bundle-{namespace}"
    path = "/apis/certificates.k8s.io/v1beta1/clustertrustbundles"
    trusted = (control_plane.layout.pki / "ca.crt").read_text()
    control_plane.api.request("POST", path, {"metadata": {"name": name}, "spec": {"trustBundle": trusted}})
    yield name
    control_plane.api.request("DELETE", f"{path}/{name}")
