"""How soon the kernel ends a container when memory runs out (`oom_score_adj`), by the pod's quality of service.

Kubernetes, "Node out of memory behavior": -997 for Guaranteed pods and for those that the node cannot do without, 1000
for BestEffort ones, and in between the less the more of the node's memory was requested.
"""

from __future__ import annotations

from vk_core.api.container import Container
from vk_core.api.pod import Pod
from vk_core.engine.configuration.amounts import class_of, containers_total, is_sidecar, of_pod, quantity, requests

GUARANTEED = -997
BEST_EFFORT = 1000
FIRST_BURSTABLE = 3
LAST_BURSTABLE = 999

_NODE_CRITICAL = "system-node-critical"
_LEAST_CRITICAL_PRIORITY = 2_000_000_000


def oom_score_adj(pod: Pod, container: Container, memory_bytes: int) -> int:
    """Returns the value for a container.

    Args:
        pod: its pod.
        container: one of the pod's containers, of whatever kind.
        memory_bytes: what the machine has.
    """
    if _is_node_critical(pod):
        return GUARANTEED
    match class_of(pod):
        case "Guaranteed":
            return GUARANTEED
        case "BestEffort":
            return BEST_EFFORT
        case _:
            return _burstable(pod, container, memory_bytes)


def _burstable(pod: Pod, container: Container, memory_bytes: int) -> int:
    share = _unassigned_share(pod)
    requested = _memory(container) + share
    if is_sidecar(container) and container in pod.spec.init_containers:
        # A sidecar must not end before the containers that it serves.
        requested = max(requested, min(_memory(one) for one in pod.spec.containers) + share)
    return min(max(BEST_EFFORT - 1000 * requested // memory_bytes, FIRST_BURSTABLE), LAST_BURSTABLE)


def _unassigned_share(pod: Pod) -> int:
    """What each container has of the memory that was requested for the pod but for none of them (KEP-2837)."""
    whole = quantity(of_pod(pod).requests, "memory")
    if not whole:
        return 0
    assigned = containers_total(pod, requests).get("memory", 0)
    return (whole - assigned) // (len(pod.spec.containers) + len(pod.spec.init_containers))


def _memory(container: Container) -> int:
    return quantity(container.resources.requests, "memory")


def _is_node_critical(pod: Pod) -> bool:
    if pod.spec.priority_class_name != _NODE_CRITICAL:
        return False
    return (pod.spec.priority or 0) >= _LEAST_CRITICAL_PRIORITY
