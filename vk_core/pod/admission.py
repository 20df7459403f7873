"""Which pods the node takes: what kubelet checks before it starts a pod that was bound to it, with its reasons.

The scheduler usually prevents all of this; a pod that names its node itself, or that lost a race, is judged here.
"""

from __future__ import annotations

from typing import NamedTuple

from vk_core.api.node import Node
from vk_core.api.pod import Pod
from vk_core.api.podstatus import PodStatus
from vk_core.api.scheduling import Amounts, amounts, pod_requests, selects_node, untolerated_taint
from vk_core.pod.phase import FAILED

OS_LABEL = "kubernetes.io/os"


class Rejection(NamedTuple):
    """Why a pod is not taken: a reason for programs and a sentence for people."""

    reason: str
    message: str

    def status(self) -> PodStatus:
        """The status of the rejected pod."""
        return PodStatus(phase=FAILED, reason=self.reason, message=f"Pod was rejected: {self.message}")


class Usage:
    """What the pods of the node ask for together; each pod is counted once, by UID."""

    def __init__(self) -> None:
        self.total: Amounts = {}
        self._pods: dict[str, Amounts] = {}

    def __contains__(self, uid: str) -> bool:
        return uid in self._pods

    def __len__(self) -> int:
        return len(self._pods)

    def add(self, pod: Pod) -> None:
        """Count a pod."""
        uid = pod.metadata.uid
        if uid in self._pods:
            return
        self._pods[uid] = requests = requests_of(pod)
        for resource, needed in requests.items():
            self.total[resource] = self.total.get(resource, 0) + needed

    def remove(self, uid: str) -> None:
        """Count a pod no longer."""
        for resource, needed in self._pods.pop(uid, {}).items():
            self.total[resource] -= needed


def requests_of(pod: Pod) -> Amounts:
    """What a pod takes of a node, itself as one of its `pods` included."""
    return {**pod_requests(pod), "pods": 1}


def admit(pod: Pod, node: Node, usage: Usage) -> Rejection | None:
    """Whether the node takes the pod; None if it does."""
    system = node.metadata.labels.get(OS_LABEL, "")
    if pod.spec.os is not None and pod.spec.os.name != system:
        return Rejection(
            "PodOSNotSupported",
            f"the pod needs the operating system {pod.spec.os.name} (spec.os.name) and this node is {system}",
        )
    wanted = pod.spec.node_selector.get(OS_LABEL, system)
    if wanted != system:
        return Rejection(
            "PodOSSelectorNodeLabelDoesNotMatch",
            f"the pod selects {OS_LABEL}={wanted} and this node is {system}",
        )
    if not selects_node(pod, node):
        return Rejection("NodeAffinity", "the node does not match the pod's node selector or required node affinity")
    taint = untolerated_taint(pod.spec.tolerations, node.spec.taints, effects=("NoExecute",))
    if taint is not None:
        return Rejection("TaintToleration", f"the pod does not tolerate the taint {taint.key}={taint.value}:NoExecute")
    return _fits(pod, node, usage)


def _fits(pod: Pod, node: Node, usage: Usage) -> Rejection | None:
    """Kubelet's resource check; resources that the node does not declare are not judged."""
    if pod.metadata.uid in usage:
        return None
    available = amounts(node.status.allocatable)
    for resource, needed in requests_of(pod).items():
        capacity = available.get(resource)
        if capacity is None or not needed:
            continue
        used = usage.total.get(resource, 0)
        if used + needed > capacity:
            amount = f"requested: {needed}, used: {used}, capacity: {capacity}"
            return Rejection(f"OutOf{resource}", f"Node didn't have enough resource: {resource}, {amount}")
    return None
