"""What a pod needs of a node, and whether a node offers it: the arithmetic shared by scheduler and kubelet admission.

Pure functions on typed objects. Amounts are integers as the scheduler counts them: CPU in thousandths, everything else
in whole units, requests rounded up. Which reason to report and what to do about it is the caller's business.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal, TypeAlias

from vk_core.api.container import Container, ResourceRequirements
from vk_core.api.node import Node, Taint
from vk_core.api.pod import Pod, Toleration
from vk_core.api.quantity import milli, parse_quantity, whole
from vk_core.api.selectors import node_selector

QOSClass: TypeAlias = Literal["Guaranteed", "Burstable", "BestEffort"]
Amounts: TypeAlias = dict[str, int]
"""Amount by resource name; `cpu` in thousandths."""

UNSCHEDULABLE_TAINT = Taint(key="node.kubernetes.io/unschedulable", effect="NoSchedule")
"""What `spec.unschedulable` of a node stands for: a pod that tolerates this taint may still be scheduled there."""

_QOS_RESOURCES = ("cpu", "memory")
_NONE = ResourceRequirements()


def amount(resource: str, quantity: str) -> int:
    """Returns a quantity as it is counted: `cpu` in thousandths, others in whole units, rounded up.

    Raises:
        ValueError: the text is not a quantity.
    """
    return milli(quantity) if resource == "cpu" else whole(quantity)


def amounts(quantities: Mapping[str, str]) -> Amounts:
    """Counts a map of quantities, such as a node's `allocatable`.

    Raises:
        ValueError: one of them is not a quantity.
    """
    return {resource: amount(resource, quantity) for resource, quantity in quantities.items()}


def pod_requests(pod: Pod) -> Amounts:
    """Returns what a pod asks of its node, itself not counted as one of the node's `pods`.

    Init containers run one after the other, so only the largest counts, on top of the sidecars started before it
    (`restartPolicy: Always`, KEP-753); sidecars keep running beside the containers. Requests of the pod as a whole
    (KEP-2837) replace the sums. Overhead comes on top.

    Raises:
        ValueError: a request is not a quantity.
    """
    running: Amounts = {}
    for container in pod.spec.containers:
        _add(running, amounts(container.resources.requests))
    sidecars: Amounts = {}
    starting: Amounts = {}
    for container in pod.spec.init_containers:
        needed = amounts(container.resources.requests)
        if container.restart_policy == "Always":
            _add(running, needed)
            _add(sidecars, needed)
            needed = sidecars
        else:
            _add(needed, sidecars)
        _raise(starting, needed)
    _raise(running, starting)
    running.update(amounts((pod.spec.resources or _NONE).requests))
    _add(running, amounts(pod.spec.overhead))
    return running


def insufficient(requests: Mapping[str, int], *, used: Mapping[str, int], allocatable: Mapping[str, int]) -> list[str]:
    """Returns the names of the resources that a node lacks for one more pod, sorted; `pods` first if it is full.

    Args:
        requests: what the pod asks for (`pod_requests`).
        used: what the pods on the node ask for together, and their number as `pods`.
        allocatable: what the node has for pods.
    """
    full = ["pods"] if used.get("pods", 0) + 1 > allocatable.get("pods", 0) else []
    lacking = [
        resource
        for resource, needed in requests.items()
        if needed > 0 and needed > allocatable.get(resource, 0) - used.get(resource, 0)
    ]
    return full + sorted(lacking)


def tolerates(toleration: Toleration, taint: Taint) -> bool:
    """Tells whether a toleration accepts a taint; without a key, `Exists` accepts every taint of its effect."""
    if toleration.effect and toleration.effect != taint.effect:
        return False
    if toleration.key and toleration.key != taint.key:
        return False
    if toleration.operator == "Exists":
        return True
    return toleration.operator in {"", "Equal"} and bool(toleration.key) and toleration.value == taint.value


def untolerated_taint(
    tolerations: Iterable[Toleration],
    taints: Iterable[Taint],
    *,
    effects: Iterable[str] = ("NoSchedule", "NoExecute"),
) -> Taint | None:
    """Returns the first taint with one of the effects that no toleration accepts, or `None`."""
    accepted = tuple(tolerations)
    relevant = frozenset(effects)
    return next(
        (
            taint
            for taint in taints
            if taint.effect in relevant and not any(tolerates(toleration, taint) for toleration in accepted)
        ),
        None,
    )


def selects_node(pod: Pod, node: Node) -> bool:
    """Tells whether a node satisfies the pod's `nodeSelector` and its required node affinity.

    Raises:
        ValueError: the affinity has an expression that is not valid.
    """
    labels = node.metadata.labels
    if any(labels.get(key) != value for key, value in pod.spec.node_selector.items()):
        return False
    affinity = pod.spec.affinity.node_affinity if pod.spec.affinity is not None else None
    required = affinity.required_during_scheduling_ignored_during_execution if affinity is not None else None
    if required is None:
        return True
    return node_selector(required.node_selector_terms).matches(labels=labels, name=node.metadata.name)


def qos_class(pod: Pod) -> QOSClass:
    """Returns the quality of service class: `Guaranteed` when every container's limits equal its requests.

    Raises:
        ValueError: a request or limit is not a quantity.
    """
    if pod.spec.resources is not None:
        resources: tuple[ResourceRequirements, ...] = (pod.spec.resources,)
    else:
        containers: tuple[Container, ...] = pod.spec.containers + pod.spec.init_containers
        resources = tuple(container.resources for container in containers)
    if not any(_asks(part.requests) or _asks(part.limits) for part in resources):
        return "BestEffort"
    return "Guaranteed" if all(_is_guaranteed(part) for part in resources) else "Burstable"


def _asks(quantities: Mapping[str, str]) -> bool:
    return any(parse_quantity(quantities.get(resource, "0")) > 0 for resource in _QOS_RESOURCES)


def _is_guaranteed(resources: ResourceRequirements) -> bool:
    for resource in _QOS_RESOURCES:
        limit = parse_quantity(resources.limits.get(resource, "0"))
        if limit <= 0 or parse_quantity(resources.requests.get(resource, resources.limits[resource])) != limit:
            return False
    return True


def _add(total: Amounts, more: Mapping[str, int]) -> None:
    for resource, needed in more.items():
        total[resource] = total.get(resource, 0) + needed


def _raise(total: Amounts, least: Mapping[str, int]) -> None:
    for resource, needed in least.items():
        total[resource] = max(total.get(resource, 0), needed)
