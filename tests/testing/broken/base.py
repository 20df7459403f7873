"""A provider that is right, to break one thing of at a time, and the list of those that are broken."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, TypeVar

from vk_core.api.node import DaemonEndpoint, Node, NodeAddress, NodeDaemonEndpoints
from vk_core.testing import make_context
from vk_mock.pods import MockPod
from vk_mock.provider import MockProvider
from vk_mock.settings import MockSettings

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

    settings: ClassVar[MockSettings] = MockSettings()

    def __init__(self) -> None:
        super().__init__(make_context(self.settings))
        self._pods = KEPT

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
