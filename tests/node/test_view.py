"""The node says what every kubelet says, and what its provider says besides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from tests.support.providers import TinyProvider
from vk_core.api.node import DaemonEndpoint, Node, NodeAddress, NodeDaemonEndpoints, NodeSpec, Taint
from vk_core.node.view import NodeDefaults, NodeView
from vk_core.runtime.options import DEFAULT_KUBELET_VERSION

TAINT = Taint(key="virtual-kubelet.io/provider", value="tiny", effect="NoSchedule")


def defaults(**fields: Any) -> NodeDefaults:
    given: dict[str, Any] = {
        "name": "virtual",
        "provider": "tiny",
        "operating_system": "linux",
        "internal_ip": "192.0.2.1",
        "port": 10250,
        "kubelet_version": DEFAULT_KUBELET_VERSION,
        "taint": TAINT,
        "labels": {"zone": "a"},
        "max_pods": None,
        **fields,
    }
    return NodeDefaults(**given)


async def test_a_node_has_the_labels_that_workloads_select_by() -> None:
    """B22: without the labels of system and architecture no node selector of either ever matched."""
    node = await NodeView(defaults(), TinyProvider()).describe()
    labels = dict(node.metadata.labels)
    assert labels.pop("kubernetes.io/arch") in {"amd64", "arm64", "arm"}
    assert labels == {
        "kubernetes.io/os": "linux",
        "kubernetes.io/hostname": "virtual",
        "kubernetes.io/role": "agent",
        "type": "virtual-kubelet",
        "zone": "a",
    }
    assert node.spec.taints == (TAINT,)


async def test_a_node_reports_a_kubelet_version_that_a_control_plane_of_today_accepts() -> None:
    """B23: the version was frozen at 1.31.4."""
    info = (await NodeView(defaults(), TinyProvider()).describe()).status.node_info
    major, minor, _ = info.kubelet_version.removeprefix("v").split(".")
    assert (int(major), int(minor)) >= (1, 36)
    assert info.operating_system == "linux"
    assert info.container_runtime_version.startswith("tiny://")
    assert all((info.machine_id, info.system_uuid, info.boot_id, info.architecture, info.os_image))
    again = (await NodeView(defaults(), TinyProvider()).describe()).status.node_info
    assert again == info, "a restart does not look like another machine"


async def test_a_provider_that_says_nothing_leaves_kubelets_defaults() -> None:
    status = (await NodeView(defaults(), TinyProvider()).describe()).status
    assert status.capacity == status.allocatable == {"pods": "110"}
    assert status.addresses == (
        NodeAddress(type="InternalIP", address="192.0.2.1"),
        NodeAddress(type="Hostname", address="virtual"),
    )
    assert status.daemon_endpoints.kubelet_endpoint.port == 10250


class Talkative(TinyProvider):
    """Has something to say about everything."""

    async def operating_system(self) -> str:
        return "Windows"

    async def capacity(self) -> Mapping[str, str]:
        return {"cpu": "8", "pods": "20"}

    async def allocatable(self) -> Mapping[str, str]:
        return {"cpu": "7"}

    async def node_addresses(self) -> Sequence[NodeAddress]:
        return [NodeAddress(type="ExternalIP", address="198.51.100.1")]

    async def node_daemon_endpoints(self) -> NodeDaemonEndpoints:
        return NodeDaemonEndpoints(kubelet_endpoint=DaemonEndpoint(port=1))

    async def configure_node(self, node: Node) -> Node:
        return replace(node, spec=NodeSpec(provider_id="talk://1", taints=()))


async def test_the_provider_has_the_last_word() -> None:
    """B14: taints of a provider were ignored."""
    node = await NodeView(defaults(), Talkative()).describe()
    status = node.status
    assert node.metadata.labels["kubernetes.io/os"] == status.node_info.operating_system == "windows"
    assert status.capacity == {"cpu": "8", "pods": "20"}
    assert status.allocatable == {"cpu": "7", "pods": "20"}
    assert [address.type for address in status.addresses] == ["ExternalIP"]
    assert status.daemon_endpoints.kubelet_endpoint.port == 1
    assert (node.spec.provider_id, node.spec.taints) == ("talk://1", ())


async def test_options_limit_pods_and_hooks_decorate() -> None:
    def decorate(node: Node) -> Node:
        return replace(node, metadata=replace(node.metadata, labels={**node.metadata.labels, "hook": "x"}))

    node = await NodeView(defaults(max_pods=5), Talkative(), decorate).describe()
    assert (node.status.capacity["pods"], node.status.allocatable["pods"]) == ("5", "5")
    assert node.metadata.labels["hook"] == "x"
