"""Tells events about pods: one place for core itself, for materials, and for providers."""

from __future__ import annotations

from vk_core.api.pod import Pod
from vk_core.kube.client import KubeClient
from vk_core.kube.events import EventRecorder
from vk_core.pod.record import reference


class PodTeller:
    """Sends events about the pods of a node (`vk_core.provider.PodEvents`).

    Args:
        client: the API server.
        node_name: the node that reports them.

    Attributes:
        recorder: what sends them; it has to be run.
    """

    def __init__(self, client: KubeClient, node_name: str) -> None:
        self.recorder = EventRecorder(client, component=f"{node_name}/pod-controller", host=node_name)

    def record(self, pod: Pod, reason: str, message: str, *, warning: bool = False, container_name: str = "") -> None:
        """Have an event told about a pod or one of its containers."""
        self.recorder.record(reference(pod, container_name), reason, message, warning=warning)
