"""A provider that is right, to break one thing of at a time, and the list of those that are broken."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, TypeVar

from vk_core.api.node import DaemonEndpoint, Node, NodeAddress, NodeDaemonEndpoints
from vk_core.api.pod import Pod
from vk_core.api.podkey import PodKey
from vk_core.errors import Unavailable
from vk_core.provider import PortStream
from vk_core.testing import ProviderContract, make_context
from vk_mock.pods import MockPod
from vk_mock.provider import MockProvider
from vk_mock.settings import Logs, MockSettings

KEPT: dict[str, MockPod] = {}
"""What outlives a provider."""

BROKEN: list[tuple[type[Right], str, str]] = []
"""Which provider is found by which check of the contract, in which words."""

_Class = TypeVar("_Class", bound="type[Right]")


def found_by(check: str, sentence: str) -> Callable[[_Class], _Class]:
    """Notes that a check of the contract fails for a provider with a message that begins with `sentence`."""

    def note(provider: _Class) -> _Class:
        BROKEN.append((provider, check, sentence))
        return provider

    return note


class Right(MockProvider):
    """The mock, with every capability there is; its pods outlive it."""

    closed_port: ClassVar[int] = 9

    settings: ClassVar[MockSettings] = MockSettings(logs=Logs(lines=ProviderContract.log_lines))

    def __init__(self) -> None:
        super().__init__(make_context(self.settings))
        self._pods = KEPT

    async def port_forward(self, key: PodKey, port: int, stream: PortStream) -> None:
        if port == self.closed_port:
            raise Unavailable(f"nothing listens on port {port}")
        await super().port_forward(key, port, stream)

    async def adopt_pod(self, pod: Pod) -> None:
        await self.update_pod(pod)

    async def allocatable(self) -> Mapping[str, str]:
        return await self.capacity()

    async def node_addresses(self) -> Sequence[NodeAddress]:
        return [NodeAddress(type="InternalIP", address="10.0.0.1")]

    async def node_daemon_endpoints(self) -> NodeDaemonEndpoints:
        return NodeDaemonEndpoints(kubelet_endpoint=DaemonEndpoint(port=10250))

    async def operating_system(self) -> str:
        return "linux"

    async def configure_node(self, node: Node) -> Node:
        return node
