"""What the node shall look like right now: the options, what the provider says, and what hooks add."""

from __future__ import annotations

import asyncio
import platform
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from vk_core.api.meta import ObjectMeta
from vk_core.api.node import (
    DaemonEndpoint,
    Node,
    NodeAddress,
    NodeDaemonEndpoints,
    NodeSpec,
    NodeStatus,
    NodeSystemInfo,
    Taint,
)
from vk_core.provider.capabilities import (
    ConfiguresNode,
    HasAllocatable,
    HasCapacity,
    HasNodeAddresses,
    HasNodeConditions,
    HasNodeDaemonEndpoints,
    HasOperatingSystem,
)
from vk_core.provider.protocol import Provider
from vk_core.version import __version__

DEFAULT_PODS = "110"
"""As many pods as kubelet takes unless told otherwise (`maxPods`)."""

ARCHITECTURES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64", "armv7l": "arm"}
"""Go's names, which the label `kubernetes.io/arch` uses, by those of Python's `platform.machine()`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class NodeDefaults:
    """The node as far as options decide; the provider has the last word about the rest.

    Attributes:
        name: the node's name.
        provider: name of the provider.
        operating_system: `linux` or `windows`.
        internal_ip: the node's address.
        port: TCP port of the kubelet API.
        kubelet_version: what the node reports.
        taint: keeps other pods away; None leaves it out.
        labels: added to the node's own.
        max_pods: overrides the provider's number of pods.
        declared_features: what the kubelet API can do that the API server has to know.
    """

    name: str
    provider: str
    operating_system: str
    internal_ip: str
    port: int
    kubelet_version: str
    taint: Taint | None
    labels: Mapping[str, str]
    max_pods: int | None
    declared_features: tuple[str, ...] = ()


class NodeView:
    """Asks the provider and puts the node together; without conditions of its own."""

    def __init__(
        self, defaults: NodeDefaults, provider: Provider, decorate: Callable[[Node], Node] = lambda node: node
    ) -> None:
        self._defaults = defaults
        self._provider = provider
        self._decorate = decorate

    async def describe(self) -> Node:
        """The node as it shall be, except for the condition `Ready`.

        Raises:
            ProviderError: the provider cannot say; the node stays as it is until it can.
        """
        defaults, provider = self._defaults, self._provider
        system = defaults.operating_system
        if isinstance(provider, HasOperatingSystem):
            system = (await provider.operating_system()).lower()
        node = Node(
            metadata=ObjectMeta(name=defaults.name, labels=_labels(defaults, system)),
            spec=NodeSpec(taints=(defaults.taint,) if defaults.taint else ()),
            status=await self._status(system),
        )
        if isinstance(provider, ConfiguresNode):
            node = await provider.configure_node(node)
        return self._decorate(node)

    async def _status(self, system: str) -> NodeStatus:
        defaults, provider = self._defaults, self._provider
        capacity = dict(await provider.capacity()) if isinstance(provider, HasCapacity) else {}
        capacity.setdefault("pods", DEFAULT_PODS)
        allocatable = dict(await provider.allocatable()) if isinstance(provider, HasAllocatable) else {}
        allocatable = {**capacity, **allocatable}
        if defaults.max_pods is not None:
            capacity["pods"] = allocatable["pods"] = str(defaults.max_pods)
        addresses: tuple[NodeAddress, ...] = (
            NodeAddress(type="InternalIP", address=defaults.internal_ip),
            NodeAddress(type="Hostname", address=defaults.name),
        )
        if isinstance(provider, HasNodeAddresses):
            addresses = tuple(await provider.node_addresses())
        endpoints = NodeDaemonEndpoints(kubelet_endpoint=DaemonEndpoint(port=defaults.port))
        if isinstance(provider, HasNodeDaemonEndpoints):
            endpoints = await provider.node_daemon_endpoints()
        return NodeStatus(
            capacity=capacity,
            allocatable=allocatable,
            conditions=tuple(await provider.node_conditions()) if isinstance(provider, HasNodeConditions) else (),
            addresses=addresses,
            daemon_endpoints=endpoints,
            node_info=_system_info(defaults, system),
            declared_features=defaults.declared_features,
        )


def _labels(defaults: NodeDefaults, system: str) -> dict[str, str]:
    return {
        "kubernetes.io/arch": _architecture(),
        "kubernetes.io/hostname": defaults.name,
        "kubernetes.io/os": system,
        "kubernetes.io/role": "agent",
        "type": "virtual-kubelet",
        **defaults.labels,
    }


def _architecture() -> str:
    machine = platform.machine().lower()
    return ARCHITECTURES.get(machine, machine)


def _system_info(defaults: NodeDefaults, system: str) -> NodeSystemInfo:
    # Stable for a node name, so that a restart does not look like another machine.
    machine = uuid.uuid5(uuid.NAMESPACE_DNS, f"{defaults.name}.virtual-kubelet")
    return NodeSystemInfo(
        machine_id=machine.hex,
        system_uuid=str(machine),
        boot_id=str(machine),
        kernel_version=platform.release(),
        os_image=f"Virtual Kubelet for Python {__version__}",
        container_runtime_version=f"{defaults.provider}://{__version__}",
        kubelet_version=defaults.kubelet_version,
        kube_proxy_version="",
        operating_system=system,
        architecture=_architecture(),
    )


async def local_address(server: str) -> str:
    """The address of this machine from which the API server is reached; no packet is sent."""
    import socket
    import urllib.parse

    parts = urllib.parse.urlsplit(server)
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(parts.hostname or "127.0.0.1", parts.port or 443, type=socket.SOCK_DGRAM)
        family, kind, protocol, _, address = found[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.connect(address)
            return str(probe.getsockname()[0])
    except OSError:
        return "127.0.0.1"
