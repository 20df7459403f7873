"""What a provider may do beside the six required calls: one small protocol each, detected by its method.

A provider implements a capability by having the method; there is nothing to register.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Protocol, runtime_checkable

from vk_core.api.node import Node, NodeAddress, NodeCondition, NodeDaemonEndpoints
from vk_core.api.pod import Pod
from vk_core.api.podkey import PodKey
from vk_core.api.stats import Summary
from vk_core.provider.streams import ContainerIO, LogOptions, LogStream, PortStream

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


@runtime_checkable
class HasContainerLogs(Protocol):
    """Has the logs of containers: `kubectl logs`."""

    async def get_container_logs(self, key: PodKey, container_name: str, options: LogOptions) -> LogStream:
        """Open a log; what cannot be opened is said here and not in the middle of the stream.

        Core has checked that the pod has such a container and that it was started.

        Raises:
            NotFound: there is no such pod, container or log.
            InvalidInput: an option cannot be honoured; the message names it.
        """
        ...


@runtime_checkable
class RunsInContainer(Protocol):
    """Runs commands in containers: `kubectl exec`, `kubectl cp`, and exec probes."""

    async def run_in_container(self, key: PodKey, container_name: str, command: Sequence[str], io: ContainerIO) -> int:
        """Run a command until it ends and all that it wrote is written; give its exit code.

        The code is 0 to 255, 128 + n after signal n. When the call is cancelled the command must end.

        Raises:
            NotFound: there is no such pod or container, or it does not run.
            InvalidInput: the command cannot be started; the message says why.
        """
        ...


@runtime_checkable
class AttachesToContainer(Protocol):
    """Connects people to the main process of a container: `kubectl attach`, `kubectl run -it`."""

    async def attach_to_container(self, key: PodKey, container_name: str, io: ContainerIO) -> None:
        """Connect until the process ends; when the call is cancelled the process goes on without the client.

        The end of `io.stdin` is handed on to the process if the container says `stdinOnce`.

        Raises:
            NotFound: there is no such pod or container, or it does not run.
        """
        ...


@runtime_checkable
class ForwardsPorts(Protocol):
    """Reaches the ports of pods: `kubectl port-forward`."""

    async def port_forward(self, key: PodKey, port: int, stream: PortStream) -> None:
        """Join one connection of a client with one to a TCP port of the pod, until both directions have ended.

        Raises:
            NotFound: there is no such pod.
            Unavailable: nothing listens there; the message says so. Other connections go on.
        """
        ...


@runtime_checkable
class HasStats(Protocol):
    """Knows what pods use: `kubectl top`, the HPA, `/stats/summary` and `/metrics/resource`."""

    async def get_stats_summary(self) -> Summary:
        """What the node and its pods use at the moment; what is unknown is left out rather than 0."""
        ...


@runtime_checkable
class HasResourceMetrics(Protocol):
    """Has `/metrics/resource` ready; without this core makes it from `HasStats`."""

    async def get_metrics_resource(self) -> str:
        """Metrics in the Prometheus text format 0.0.4, with kubelet's names and labels."""
        ...


@runtime_checkable
class MountsVolumes(Protocol):
    """Can give volumes to containers.

    A pod with a volume of another kind waits, with a `FailedMount` event that names it. To a provider without this
    capability the same happens with every volume but the service account token that the API server adds by itself.
    """

    def mountable_volumes(self) -> Collection[str]:
        """The kinds it can mount, by the names of their sources in the API: `configMap`, `emptyDir`, `nfs`, …."""
        ...


@runtime_checkable
class AdoptsPods(Protocol):
    """Wants to know what a pod that it has kept over a restart of virtual-kubelet shall be."""

    async def adopt_pod(self, pod: Pod) -> None:
        """Look after a pod again that `get_pods` had at the start and the cluster still wants.

        Called once for each pod, before any other call that changes it. May raise what `update_pod` may.
        """
        ...


@runtime_checkable
class CountsRestarts(Protocol):
    """Knows from the status of the pods that it is given how often their containers were started before."""

    def counts_restarts(self) -> bool:
        """Whether its restart counts go on from there; else core adds what they lack after a loss or a restart."""
        ...
