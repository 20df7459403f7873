"""Providers that say one thing about the node that cannot be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from tests.testing.broken.base import Right, found_by
from vk_core.api.node import Node, NodeAddress, NodeCondition, NodeDaemonEndpoints
from vk_core.errors import Unavailable


@found_by(
    "test_a_provider_that_is_well_answers_pings",
    "ping: raised Unavailable where nothing is wrong: nobody is there",
)
class FailsPings(Right):
    async def ping(self) -> None:
        raise Unavailable("nobody is there")


@found_by("test_capacity_is_in_quantities", "capacity: cpu: 'lots' is not a quantity")
class CountsInLots(Right):
    async def capacity(self) -> Mapping[str, str]:
        return {"cpu": "lots", "memory": "1Gi", "pods": "10"}


@found_by("test_capacity_is_in_quantities", "capacity: lacks pods")
class HasNoRoomForPods(Right):
    async def capacity(self) -> Mapping[str, str]:
        return {"cpu": "1", "memory": "1Gi"}


@found_by("test_node_conditions_are_well_formed", "node_conditions: has the condition Ready, which is core's")
class SaysReady(Right):
    async def node_conditions(self) -> Sequence[NodeCondition]:
        return [NodeCondition(type="Ready", status="True")]


@found_by("test_allocatable_is_at_most_the_capacity", "allocatable: offers more cpu than capacity has")
@found_by("test_node_addresses_are_well_formed", "node_addresses: expected an address of a type from InternalIP")
@found_by("test_the_port_of_the_kubelet_api_is_a_port", "node_daemon_endpoints: expected a port from 1 to 65535, got 0")
@found_by("test_the_operating_system_is_one_of_kubernetes", "operating_system: expected linux or windows, got 'Plan 9'")
@found_by("test_configuring_a_node_keeps_its_name", "configure_node: renamed the node to 'mine'")
class DescribesAnotherNode(Right):
    async def allocatable(self) -> Mapping[str, str]:
        return {"cpu": "1e9"}

    async def node_addresses(self) -> Sequence[NodeAddress]:
        return [NodeAddress(type="Home", address="10.0.0.1")]

    async def node_daemon_endpoints(self) -> NodeDaemonEndpoints:
        return NodeDaemonEndpoints()

    async def operating_system(self) -> str:
        return "Plan 9"

    async def configure_node(self, node: Node) -> Node:
        return replace(node, metadata=replace(node.metadata, name="mine"))
