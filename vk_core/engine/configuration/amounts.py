"""What the containers of a pod ask for together, and what limits them together (KEP-753, KEP-2837)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from vk_core.api.container import Container, ResourceRequirements
from vk_core.api.pod import Pod
from vk_core.api.scheduling import Amounts, amount, amounts, qos_class

Side = Callable[[ResourceRequirements], Mapping[str, str]]
"""The requests or the limits of something."""

HUGE_PAGES = "hugepages-"
"""How the names of huge pages begin, such as `hugepages-2Mi`."""

_NOTHING = ResourceRequirements()


def class_of(pod: Pod) -> str:
    """Its quality of service, which is decided when a pod is created and stays when its resources are changed."""
    return pod.status.qos_class or qos_class(pod)


def requests(resources: ResourceRequirements) -> Mapping[str, str]:
    """What is asked for."""
    return resources.requests


def limits(resources: ResourceRequirements) -> Mapping[str, str]:
    """What is the most."""
    return resources.limits


def of_pod(pod: Pod) -> ResourceRequirements:
    """What is said of the pod as a whole; without anything that containers alone can have."""
    resources = pod.spec.resources or _NOTHING
    return ResourceRequirements(limits=_shared(resources.limits), requests=_shared(resources.requests))


def quantity(quantities: Mapping[str, str], resource: str) -> int:
    """How much of a resource there is; `cpu` in thousandths, all else in whole units, 0 for nothing said."""
    text = quantities.get(resource)
    return 0 if text is None else amount(resource, text)


def containers_total(pod: Pod, side: Side) -> Amounts:
    """What all containers have together.

    Init containers run one after the other: only the largest counts, with the sidecars that were started before it.
    """
    total: Amounts = {}
    for container in (*pod.spec.containers, *(one for one in pod.spec.init_containers if is_sidecar(one))):
        _add(total, amounts(side(container.resources)))
    for starting in _starting(pod, side):
        for resource, needed in starting.items():
            total[resource] = max(total.get(resource, 0), needed)
    return total


def pod_total(pod: Pod, side: Side, *, overhead: bool) -> Amounts:
    """What the pod has: what is said of it as a whole, else its containers together.

    Args:
        pod: the pod.
        side: `requests` or `limits`.
        overhead: whether to add what the sandbox itself uses; limits that do not exist remain so.
    """
    total = {**containers_total(pod, side), **amounts(side(of_pod(pod)))}
    if overhead:
        for resource, more in amounts(pod.spec.overhead).items():
            if side is requests or total.get(resource):
                total[resource] = total.get(resource, 0) + more
    return total


def is_limited(pod: Pod, resource: str) -> bool:
    """Whether there is an end to what the pod may use, at any time of its life."""
    if quantity(of_pod(pod).limits, resource):
        return True
    running = [amounts(limits(container.resources)) for container in pod.spec.containers]
    return all(step.get(resource) for step in (*running, *_starting(pod, limits)))


def is_sidecar(container: Container) -> bool:
    """Whether an init container is one that goes on beside the others (KEP-753)."""
    return container.restart_policy == "Always"


def _shared(quantities: Mapping[str, str]) -> dict[str, str]:
    return {
        resource: text
        for resource, text in quantities.items()
        if resource in {"cpu", "memory"} or resource.startswith(HUGE_PAGES)
    }


def _starting(pod: Pod, side: Side) -> list[Amounts]:
    """What runs while each of the init containers starts: it and the sidecars before it."""
    sidecars: Amounts = {}
    steps = []
    for container in pod.spec.init_containers:
        step = amounts(side(container.resources))
        _add(step, sidecars)
        steps.append(step)
        if is_sidecar(container):
            sidecars = step
    return steps


def _add(total: Amounts, more: Mapping[str, int]) -> None:
    for resource, needed in more.items():
        total[resource] = total.get(resource, 0) + needed
