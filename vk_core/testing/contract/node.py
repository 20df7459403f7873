"""What a provider says about the node, as far as it says anything."""

from __future__ import annotations

from collections.abc import Mapping

from vk_core.api.meta import ObjectMeta
from vk_core.api.node import Node
from vk_core.api.quantity import Quantity, parse_quantity
from vk_core.provider import (
    ConfiguresNode,
    HasAllocatable,
    HasCapacity,
    HasNodeAddresses,
    HasNodeConditions,
    HasNodeDaemonEndpoints,
    HasOperatingSystem,
    Pingable,
)
from vk_core.testing.contract.base import ContractBase, not_applicable
from vk_core.testing.harness import ProviderUnderTest, fail

_ADDRESS_TYPES = ("InternalIP", "ExternalIP", "Hostname", "InternalDNS", "ExternalDNS")
_LARGEST_PORT = 65535


class NodeContract(ContractBase):
    """The capabilities that concern the node."""

    async def test_a_provider_that_is_well_answers_pings(self, subject: ProviderUnderTest) -> None:
        if not isinstance(subject.provider, Pingable):
            not_applicable("the provider does not have ping")
        await subject.call(subject.provider.ping)

    async def test_capacity_is_in_quantities(self, subject: ProviderUnderTest) -> None:
        if not isinstance(subject.provider, HasCapacity):
            not_applicable("the provider does not have capacity")
        amounts = _parsed("capacity", await subject.call(subject.provider.capacity))
        missing = [resource for resource in ("cpu", "memory", "pods") if resource not in amounts]
        if missing:
            fail("capacity", f"lacks {', '.join(missing)}; nothing can be scheduled to a node without")

    async def test_allocatable_is_at_most_the_capacity(self, subject: ProviderUnderTest) -> None:
        provider = subject.provider
        if not isinstance(provider, HasAllocatable) or not isinstance(provider, HasCapacity):
            not_applicable("the provider does not have allocatable and capacity")
        capacity = _parsed("capacity", await subject.call(provider.capacity))
        for resource, amount in _parsed("allocatable", await subject.call(provider.allocatable)).items():
            if amount > capacity.get(resource, 0):
                fail("allocatable", f"offers more {resource} than capacity has")

    async def test_node_conditions_are_well_formed(self, subject: ProviderUnderTest) -> None:
        if not isinstance(subject.provider, HasNodeConditions):
            not_applicable("the provider does not have node_conditions")
        conditions = await subject.call(subject.provider.node_conditions)
        types = [condition.type for condition in conditions]
        if len(set(types)) < len(types) or "" in types:
            fail("node_conditions", f"expected one condition of each type, got {types}")
        if "Ready" in types:
            fail("node_conditions", "has the condition Ready, which is core's; use ping to turn it")
        for condition in conditions:
            if condition.status not in ("True", "False", "Unknown"):
                fail("node_conditions", f"{condition.type} is {condition.status!r}, expected True, False or Unknown")

    async def test_node_addresses_are_well_formed(self, subject: ProviderUnderTest) -> None:
        if not isinstance(subject.provider, HasNodeAddresses):
            not_applicable("the provider does not have node_addresses")
        for address in await subject.call(subject.provider.node_addresses):
            if address.type not in _ADDRESS_TYPES or not address.address:
                fail("node_addresses", f"expected an address of a type from {', '.join(_ADDRESS_TYPES)}, got {address}")

    async def test_the_port_of_the_kubelet_api_is_a_port(self, subject: ProviderUnderTest) -> None:
        if not isinstance(subject.provider, HasNodeDaemonEndpoints):
            not_applicable("the provider does not have node_daemon_endpoints")
        port = (await subject.call(subject.provider.node_daemon_endpoints)).kubelet_endpoint.port
        if not 1 <= port <= _LARGEST_PORT:
            fail("node_daemon_endpoints", f"expected a port from 1 to {_LARGEST_PORT}, got {port}")

    async def test_the_operating_system_is_one_of_kubernetes(self, subject: ProviderUnderTest) -> None:
        if not isinstance(subject.provider, HasOperatingSystem):
            not_applicable("the provider does not have operating_system")
        name = await subject.call(subject.provider.operating_system)
        if name not in ("linux", "windows"):
            fail("operating_system", f"expected linux or windows, got {name!r}")

    async def test_configuring_a_node_keeps_its_name(self, subject: ProviderUnderTest) -> None:
        if not isinstance(subject.provider, ConfiguresNode):
            not_applicable("the provider does not have configure_node")
        node = Node(metadata=ObjectMeta(name="test-node"))
        configured = await subject.call(subject.provider.configure_node, node)
        if configured.metadata.name != node.metadata.name:
            fail("configure_node", f"renamed the node to {configured.metadata.name!r}; its name is given")


def _parsed(method: str, quantities: Mapping[str, str]) -> dict[str, Quantity]:
    __tracebackhide__ = True
    amounts = {}
    for resource, text in quantities.items():
        try:
            amounts[resource] = parse_quantity(text)
        except ValueError as error:
            fail(method, f"{resource}: {error}")
    return amounts
