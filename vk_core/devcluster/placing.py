"""Whether a node is a place for a pod, why not, and how kube-scheduler puts that: pure decisions of the scheduler."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from vk_core.api.node import Node, Taint
from vk_core.api.pod import Pod
from vk_core.api.scheduling import UNSCHEDULABLE_TAINT, Amounts, amounts, insufficient, selects_node, untolerated_taint

_NOT_READY_TAINTS = {
    "False": Taint(key="node.kubernetes.io/not-ready", effect="NoSchedule"),
    "Unknown": Taint(key="node.kubernetes.io/unreachable", effect="NoSchedule"),
}
"""What the node controller of a real cluster puts on nodes that are not Ready; nobody does that here."""


class Candidate:
    """A node, and what the pods on it take.

    Attributes:
        node: the node.
        used: what is taken, the number of pods as `pods`.
        allocatable: what there is to take.
    """

    def __init__(self, node: Node, used: Counter[str]) -> None:
        self.used = used
        self._set(node)

    def replace(self, node: Node) -> bool:
        """Takes a new version of the node; returns whether anything changed that matters for scheduling."""
        before = self._relevant(self.node)
        self._set(node)
        return before != self._relevant(node)

    @property
    def load(self) -> float:
        """How full the node is, from 0 to 1: the mean over CPU, memory and number of pods."""
        shares = [
            self.used[resource] / self.allocatable[resource]
            for resource in ("cpu", "memory", "pods")
            if self.allocatable.get(resource)
        ]
        return sum(shares) / len(shares) if shares else 1.0

    def _set(self, node: Node) -> None:
        self.node = node
        self.allocatable: Amounts = amounts(node.status.allocatable)
        ready = next((condition.status for condition in node.status.conditions if condition.type == "Ready"), "")
        not_ready = _NOT_READY_TAINTS.get(ready)
        self.taints = (*node.spec.taints, *((not_ready,) if not_ready else ()))

    def _relevant(self, node: Node) -> tuple[object, ...]:
        return node.metadata.labels, node.spec.unschedulable, self.taints, self.allocatable


def reasons_against(pod: Pod, requests: Amounts, candidate: Candidate) -> list[str]:
    """Returns why a node is no place for a pod, in the words of kube-scheduler; nothing if it is one."""
    node, tolerations = candidate.node, pod.spec.tolerations
    if node.spec.unschedulable and untolerated_taint(tolerations, (UNSCHEDULABLE_TAINT,)):
        return ["node(s) were unschedulable"]
    if untolerated_taint(tolerations, candidate.taints):
        return ["node(s) had untolerated taint(s)"]
    if not selects_node(pod, node):
        return ["node(s) didn't match Pod's node affinity/selector"]
    lacking = insufficient(requests, used=candidate.used, allocatable=candidate.allocatable)
    return ["Too many pods" if resource == "pods" else f"Insufficient {resource}" for resource in lacking]


def unschedulable_message(nodes: int, reasons: Mapping[str, int]) -> str:
    """Returns the message of a pod that fits nowhere, such as `0/2 nodes are available: 2 Insufficient cpu.`."""
    if not nodes:
        return "no nodes available to schedule pods"
    counted = sorted(f"{count} {reason}" for reason, count in reasons.items())
    return f"0/{nodes} nodes are available: {', '.join(counted)}."
