"""What the kubelet API needs to know of its node: nothing of controllers, queues or the cluster."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from vk_core.api.container import Container
from vk_core.api.pod import Pod
from vk_core.kubelet.refusal import Refusal
from vk_core.provider.protocol import Provider


@dataclass(frozen=True, kw_only=True, slots=True)
class KubeletBackend:
    """The node behind the kubelet API.

    Attributes:
        node_name: name of the node object.
        provider: who runs the pods; its capabilities decide what can be answered.
        provider_name: for sentences about what it cannot do.
        pods: the pods that the API server binds to this node, with their newest status.
        find: the one of them with this namespace and name, or None.
    """

    node_name: str
    provider: Provider
    provider_name: str
    pods: Callable[[], Iterable[Pod]]
    find: Callable[[str, str], Pod | None]

    def pod(self, namespace: str, name: str, uid: str = "") -> Pod:
        """The pod, and only the very one if there is a UID.

        Raises:
            Refusal: 404.
        """
        pod = self.find(namespace, name)
        if pod is None or uid not in {"", pod.metadata.uid}:
            raise Refusal(404, "pod does not exist")
        return pod

    def unsupported(self, what: str) -> Refusal:
        """501 with a sentence; `what` is something like `run commands in containers`."""
        return Refusal(501, f"the provider {self.provider_name} of node {self.node_name} cannot {what}")


@dataclass(frozen=True, kw_only=True, slots=True)
class StreamTimeouts:
    """How long streaming connections may take.

    Attributes:
        idle: without a byte in either direction the connection is closed (`streamingConnectionIdleTimeout`).
        creation: from the upgrade until the client has opened the streams it needs.
    """

    idle: dt.timedelta = dt.timedelta(hours=4)
    creation: dt.timedelta = dt.timedelta(seconds=30)


def container_of(pod: Pod, name: str) -> Container:
    """The container of any sort that has this name.

    Raises:
        Refusal: 404.
    """
    for container in (*pod.spec.containers, *pod.spec.init_containers, *pod.spec.ephemeral_containers):
        if container.name == name:
            return container
    raise Refusal(404, f'container "{name}" in pod "{pod.metadata.name}" does not exist')
