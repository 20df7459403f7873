"""What a provider may do beside the six required calls: one small protocol each, detected by its method.

A provider implements a capability by having the method; there is nothing to register.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, runtime_checkable

from vk_core.api.node import Node, NodeAddress, NodeCondition, NodeDaemonEndpoints
from vk_core.api.pod import Pod

PodCallback = Callable[[Pod], None]
"""Takes a pod (`metadata.uid` and `status` are read) whose status has changed; cheap, callable from any thread."""

NodeCallback = Callable[[], None]
"""Says that something about the node changed and should be asked for again; callable from any thread."""


@runtime_checkable
class NotifiesPods(Protocol):
    """Tells about changes itself; a provider without this is polled with one `get_pods` per round."""

    def notify_pods(self, notify: PodCallback) -> None:
        """Remember the callback and call it on every change of a pod's status; called once, before anything else."""
        ...


@runtime_checkable
class Startable(Protocol):
    """Has something to do before its first use, such as connecting."""

    async def start(self) -> None:
        """Get ready; raise Unavailable or Unauthorized when the back end cannot be used."""
        ...


@runtime_checkable
class Closable(Protocol):
    """Has something to let go of at the end. Pods go on running."""

    async def close(self) -> None:
        """Release connections and tasks; no pod is stopped."""
        ...


@runtime_checkable
class Pingable(Protocol):
    """Can say whether its back end is well."""

    async def ping(self) -> None:
        """Return when the back end answers; raise Unavailable (or anything) to turn the node NotReady."""
        ...


@runtime_checkable
class NotifiesNodeStatus(Protocol):
    """Tells when something about the node changed, so that it is asked for again at once."""

    def notify_node_status(self, notify: NodeCallback) -> None:
        """Remember the callback and call it on every change; called once, before the node is registered."""
        ...


@runtime_checkable
class HasCapacity(Protocol):
    """Knows how much fits."""

    async def capacity(self) -> Mapping[str, str]:
        """Quantities by resource name, such as `{"cpu": "20", "memory": "100Gi", "pods": "20"}`."""
        ...


@runtime_checkable
class HasAllocatable(Protocol):
    """Keeps a part of its capacity for itself; without this all of it can be allocated."""

    async def allocatable(self) -> Mapping[str, str]:
        """Quantities by resource name, at most the capacity."""
        ...


@runtime_checkable
class HasNodeConditions(Protocol):
    """Reports conditions beside `Ready`, which core keeps itself."""

    async def node_conditions(self) -> Sequence[NodeCondition]:
        """Conditions such as `MemoryPressure`; times may be left empty, core keeps them."""
        ...


@runtime_checkable
class HasNodeAddresses(Protocol):
    """Has addresses of its own instead of `--internal-ip`."""

    async def node_addresses(self) -> Sequence[NodeAddress]:
        """The node's addresses, the preferred one first."""
        ...


@runtime_checkable
class HasNodeDaemonEndpoints(Protocol):
    """Serves the kubelet API elsewhere than on `--port`."""

    async def node_daemon_endpoints(self) -> NodeDaemonEndpoints:
        """Where the API server finds the kubelet API."""
        ...


@runtime_checkable
class HasOperatingSystem(Protocol):
    """Decides the node's operating system itself, whatever `--os` says."""

    async def operating_system(self) -> str:
        """`linux` or `windows`, as in the label `kubernetes.io/os`."""
        ...


@runtime_checkable
class ConfiguresNode(Protocol):
    """Has a say about the rest of the node: labels, annotations, taints, node info, provider ID."""

    async def configure_node(self, node: Node) -> Node:
        """Return the node changed as needed (`msgspec.structs.replace`); called at every status update."""
        ...
