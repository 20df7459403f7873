"""What a pod is: phase, conditions, addresses and the state of each container (core/v1 `PodStatus`)."""

from __future__ import annotations

from vk_core.api.container import ResourceRequirements
from vk_core.api.meta import Time
from vk_core.api.struct import Struct


class PodCondition(Struct):
    """One aspect of a pod's state; `status` is `True`, `False` or `Unknown`."""

    type: str = ""
    observed_generation: int = 0
    status: str = ""
    last_probe_time: Time | None = None
    last_transition_time: Time | None = None
    reason: str = ""
    message: str = ""


class ContainerStateWaiting(Struct):
    """Not running yet, and why."""

    reason: str = ""
    message: str = ""


class ContainerStateRunning(Struct):
    """Running since."""

    started_at: Time | None = None


class ContainerStateTerminated(Struct):
    """Ended; `exit_code` 0 to 255, or 128 + n for signal n."""

    exit_code: int
    signal: int = 0
    reason: str = ""
    message: str = ""
    started_at: Time | None = None
    finished_at: Time | None = None
    container_id: str = ""


class ContainerState(Struct):
    """The state of a container; at most one is set, none means waiting."""

    waiting: ContainerStateWaiting | None = None
    running: ContainerStateRunning | None = None
    terminated: ContainerStateTerminated | None = None


class VolumeMountStatus(Struct):
    """A mount as it was made."""

    name: str = ""
    mount_path: str = ""
    read_only: bool = False
    recursive_read_only: str | None = None


class LinuxContainerUser(Struct):
    """The identity of the first process of a Linux container."""

    uid: int = 0
    gid: int = 0
    supplemental_groups: tuple[int, ...] = ()


class ContainerUser(Struct):
    """The identity of the first process."""

    linux: LinuxContainerUser | None = None


class ContainerStatus(Struct):
    """The state of one container of a pod."""

    name: str = ""
    state: ContainerState = ContainerState()
    last_state: ContainerState = ContainerState()
    ready: bool = False
    restart_count: int = 0
    image: str = ""
    image_id: str = ""
    container_id: str = ""
    started: bool | None = None
    allocated_resources: dict[str, str] = {}
    resources: ResourceRequirements | None = None
    volume_mounts: tuple[VolumeMountStatus, ...] = ()
    user: ContainerUser | None = None
    stop_signal: str | None = None


class PodIP(Struct):
    """An address of the pod."""

    ip: str = ""


class HostIP(Struct):
    """An address of the node the pod runs on."""

    ip: str = ""


class PodResourceClaimStatus(Struct):
    """The claim that was made for a claim template of the pod."""

    name: str = ""
    resource_claim_name: str | None = None


class PodStatus(Struct):
    """The observed state of a pod; `phase` is Pending, Running, Succeeded, Failed or Unknown."""

    observed_generation: int = 0
    phase: str = ""
    conditions: tuple[PodCondition, ...] = ()
    message: str = ""
    reason: str = ""
    nominated_node_name: str = ""
    host_ip: str = ""
    host_ips: tuple[HostIP, ...] = ()
    pod_ip: str = ""
    pod_ips: tuple[PodIP, ...] = ()
    start_time: Time | None = None
    init_container_statuses: tuple[ContainerStatus, ...] = ()
    container_statuses: tuple[ContainerStatus, ...] = ()
    qos_class: str = ""
    ephemeral_container_statuses: tuple[ContainerStatus, ...] = ()
    resize: str = ""
    resource_claim_statuses: tuple[PodResourceClaimStatus, ...] = ()
