"""Nodes: what a virtual kubelet registers and keeps up to date (core/v1)."""

from __future__ import annotations

from msgspec import field

from vk_core.api.meta import ObjectMeta, Time
from vk_core.api.struct import Struct


class Taint(Struct):
    """What keeps pods away that do not tolerate it: NoSchedule, PreferNoSchedule or NoExecute."""

    key: str = ""
    value: str = ""
    effect: str = ""
    time_added: Time | None = None


class NodeSpec(Struct):
    """What the node shall be; taints and `unschedulable` are also set by users and controllers."""

    pod_cidr: str = ""
    pod_cidrs: tuple[str, ...] = ()
    provider_id: str = ""
    unschedulable: bool = False
    taints: tuple[Taint, ...] = ()


class NodeCondition(Struct):
    """One aspect of a node's state; `status` is `True`, `False` or `Unknown`."""

    type: str = ""
    status: str = ""
    last_heartbeat_time: Time | None = None
    last_transition_time: Time | None = None
    reason: str = ""
    message: str = ""


class NodeAddress(Struct):
    """An address of the node: `InternalIP`, `ExternalIP`, `Hostname`, `InternalDNS` or `ExternalDNS`."""

    type: str = ""
    address: str = ""


class DaemonEndpoint(Struct):
    """A port; Kubernetes spells this field with a capital."""

    port: int = field(default=0, name="Port")


class NodeDaemonEndpoints(Struct):
    """Where the kubelet API of the node listens."""

    kubelet_endpoint: DaemonEndpoint = DaemonEndpoint()


class NodeSystemInfo(Struct):
    """What `kubectl get nodes -o wide` and the version skew policy read."""

    machine_id: str = ""
    system_uuid: str = ""
    boot_id: str = ""
    kernel_version: str = ""
    os_image: str = ""
    container_runtime_version: str = ""
    kubelet_version: str = ""
    kube_proxy_version: str = ""
    operating_system: str = ""
    architecture: str = ""


class ContainerImage(Struct):
    """An image on the node, its size in bytes."""

    names: tuple[str, ...] = ()
    size_bytes: int = 0


class NodeStatus(Struct):
    """The observed state of a node."""

    capacity: dict[str, str] = {}
    allocatable: dict[str, str] = {}
    conditions: tuple[NodeCondition, ...] = ()
    addresses: tuple[NodeAddress, ...] = ()
    daemon_endpoints: NodeDaemonEndpoints = NodeDaemonEndpoints()
    node_info: NodeSystemInfo = NodeSystemInfo()
    images: tuple[ContainerImage, ...] = ()
    declared_features: tuple[str, ...] = ()


class Node(Struct):
    """A node of the cluster."""

    api_version: str = ""
    kind: str = ""
    metadata: ObjectMeta = ObjectMeta()
    spec: NodeSpec = NodeSpec()
    status: NodeStatus = NodeStatus()
