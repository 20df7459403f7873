"""What nodes, pods and containers use: `stats.k8s.io/v1alpha1`, which kubelet answers at `/stats/summary`."""

from __future__ import annotations

import msgspec

from vk_core.api.meta import Time
from vk_core.api.struct import Struct


class CPUStats(Struct):
    """CPU: `usage_nano_cores` is the rate (1e9 is one core), `usage_core_nano_seconds` the sum since the start."""

    time: Time
    usage_nano_cores: int | None = None
    usage_core_nano_seconds: int | None = None


class MemoryStats(Struct):
    """Memory in bytes; what counts against a limit is `working_set_bytes`."""

    time: Time
    available_bytes: int | None = None
    usage_bytes: int | None = None
    working_set_bytes: int | None = None
    rss_bytes: int | None = None
    page_faults: int | None = None
    major_page_faults: int | None = None


class InterfaceStats(Struct):
    """One network interface, in bytes since it came up."""

    name: str
    rx_bytes: int | None = None
    rx_errors: int | None = None
    tx_bytes: int | None = None
    tx_errors: int | None = None


class NetworkStats(Struct):
    """The network: the default interface's figures, and all interfaces."""

    time: Time
    name: str = ""
    rx_bytes: int | None = None
    rx_errors: int | None = None
    tx_bytes: int | None = None
    tx_errors: int | None = None
    interfaces: tuple[InterfaceStats, ...] = ()


class FsStats(Struct):
    """A file system in bytes and inodes."""

    time: Time
    available_bytes: int | None = None
    capacity_bytes: int | None = None
    used_bytes: int | None = None
    inodes_free: int | None = None
    inodes: int | None = None
    inodes_used: int | None = None


class ContainerStats(Struct):
    """What one container uses; `start_time` tells a restart from a counter that ran backwards."""

    name: str
    start_time: Time
    cpu: CPUStats | None = None
    memory: MemoryStats | None = None
    rootfs: FsStats | None = None
    logs: FsStats | None = None


class PodReference(Struct):
    """Which pod."""

    name: str
    namespace: str
    uid: str


class PodStats(Struct):
    """What one pod uses."""

    pod_ref: PodReference
    start_time: Time
    containers: tuple[ContainerStats, ...] = ()
    cpu: CPUStats | None = None
    memory: MemoryStats | None = None
    network: NetworkStats | None = None
    ephemeral_storage: FsStats | None = msgspec.field(default=None, name="ephemeral-storage")


class NodeStats(Struct):
    """What the node uses as a whole."""

    node_name: str
    start_time: Time
    cpu: CPUStats | None = None
    memory: MemoryStats | None = None
    network: NetworkStats | None = None
    fs: FsStats | None = None


class Summary(Struct):
    """The answer of `/stats/summary`."""

    node: NodeStats
    pods: tuple[PodStats, ...] = ()
