"""Resources of a container for the downward API (`resourceFieldRef`), in environment variables and in volumes."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from vk_core.api.container import Container
from vk_core.api.quantity import LARGEST, parse_quantity
from vk_core.api.volumes import ResourceFieldSelector
from vk_core.materials.objects import PodFacts

_OVERCOMMITTED = frozenset({"cpu", "memory", "ephemeral-storage"})
"""What a container without a limit may use up to what the pod or the node has; huge pages are never overcommitted."""


def resource_value(selector: ResourceFieldSelector, facts: PodFacts, container_name: str) -> str:
    """How much of a resource a container has, in units of the divisor and rounded up.

    A limit that is not set, or zero, is that of the pod as a whole (KEP-2837), else what the node has for pods. A
    request that is not set is zero.

    Args:
        selector: which resource (`limits.cpu`, `requests.hugepages-2Mi`), of which container, in which unit.
        facts: the pod, and what its node has.
        container_name: the container that asks, which is meant when the selector names none.

    Raises:
        ValueError: there is no such resource, container or quantity; the message names it.
    """
    side, _, resource = selector.resource.partition(".")
    if side not in {"limits", "requests"} or not (resource in _OVERCOMMITTED or resource.startswith("hugepages-")):
        raise ValueError(f"unsupported container resource: {selector.resource}")
    container = _container(facts, selector.container_name or container_name)
    if side == "limits":
        amount = next((limit for limit in _limits(container, facts, resource) if parse_quantity(limit)), "0")
    else:
        amount = container.resources.requests.get(resource, "0")
    return _divided(amount, selector.divisor or "0")


def _limits(container: Container, facts: PodFacts, resource: str) -> Iterator[str]:
    """The limits of a container, the ones that count first."""
    yield container.resources.limits.get(resource, "0")
    if resource in _OVERCOMMITTED:
        whole_pod = facts.pod.spec.resources
        if whole_pod is not None:
            yield whole_pod.limits.get(resource, "0")
        yield facts.allocatable.get(resource, "0")


def _container(facts: PodFacts, name: str) -> Container:
    spec = facts.pod.spec
    for containers in (spec.containers, spec.init_containers, spec.ephemeral_containers):
        for container in containers:
            if container.name == name:
                return container
    raise ValueError(f"container {name} not found")


@lru_cache(maxsize=4096)
def _divided(amount: str, divisor: str) -> str:
    size, unit = parse_quantity(amount), parse_quantity(divisor) or 1
    if size <= 0 or unit < 0:
        return "0"
    return str(min(-(-size // unit), LARGEST))
