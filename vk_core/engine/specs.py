"""What the engine tells a runtime to make: sandboxes and containers as plain data, in Kubernetes' words and units."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from vk_core.api.container import SELinuxOptions


@dataclass(frozen=True, kw_only=True, slots=True)
class SecurityProfile:
    """A seccomp or AppArmor profile.

    Attributes:
        type: `RuntimeDefault`, `Unconfined` or `Localhost`.
        localhost: the profile of this machine, for `Localhost`: a file for seccomp, a name for AppArmor.
    """

    type: str
    localhost: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Namespaces:
    """Which namespaces a sandbox or container has, each `POD`, `CONTAINER`, `NODE` or `TARGET`.

    Attributes:
        network: `POD`, or `NODE` for the host's.
        pid: `CONTAINER`, `POD` (shared), `NODE`, or `TARGET` (that of `target_id`).
        ipc: `POD`, or `NODE`.
        target_id: the container whose processes a debugging container sees.
        user_mapping: first IDs and count of a user namespace as (host, container, count); None for the host's.
    """

    network: str = "POD"
    pid: str = "CONTAINER"
    ipc: str = "POD"
    target_id: str = ""
    user_mapping: tuple[int, int, int] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ContainerResources:
    """What a container may use, as cgroups say it (Linux).

    Attributes:
        cpu_shares: relative weight, 2 to 262144.
        cpu_quota_microseconds: CPU time in each period; 0 for no limit.
        cpu_period_microseconds: the period.
        memory_limit_bytes: 0 for no limit.
        memory_swap_limit_bytes: memory and swap together (cgroup v1); 0 for no limit.
        oom_score_adj: how soon it is killed when memory runs out, -1000 to 1000.
        hugepage_limits_bytes: limits by page size, such as `2MB`.
        unified: further settings of cgroup v2 by file name.
    """

    cpu_shares: int = 2
    cpu_quota_microseconds: int = 0
    cpu_period_microseconds: int = 100_000
    memory_limit_bytes: int = 0
    memory_swap_limit_bytes: int = 0
    oom_score_adj: int = 0
    hugepage_limits_bytes: Mapping[str, int] = field(default_factory=dict)
    unified: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class PortMapping:
    """A port of the host that leads into the pod.

    Attributes:
        protocol: `TCP`, `UDP` or `SCTP`.
        container_port: in the pod.
        host_port: on the host.
        host_ip: on which address; empty for all.
    """

    protocol: str
    container_port: int
    host_port: int
    host_ip: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class SandboxConfig:
    """The surroundings of a pod's containers.

    Attributes:
        name: the pod's name.
        namespace: its namespace.
        uid: its UID.
        attempt: how many sandboxes it has had before.
        hostname: what `hostname` says in it; empty in the host's network.
        log_directory: where its containers' logs go.
        dns_servers: of its resolver.
        dns_searches: domains that its resolver tries.
        dns_options: options of its resolver.
        port_mappings: ports of the host that lead into it.
        labels: kept by the runtime.
        annotations: kept by the runtime.
        cgroup_parent: the pod's cgroup.
        resources: what all its containers may use together.
        overhead: what the sandbox itself uses, by the pod's runtime class; None for nothing worth counting.
        sysctls: kernel parameters.
        namespaces: which it has.
        privileged: whether any of its containers is.
        run_as_user: user of its own process.
        run_as_group: group of its own process.
        supplemental_groups: further groups.
        supplemental_groups_policy: `Merge` or `Strict`.
        seccomp: its profile.
        selinux: its label.
        runtime_handler: the runtime's handler, by the pod's runtime class; empty for its default.
    """

    name: str
    namespace: str
    uid: str
    attempt: int = 0
    hostname: str = ""
    log_directory: Path = Path()
    dns_servers: tuple[str, ...] = ()
    dns_searches: tuple[str, ...] = ()
    dns_options: tuple[str, ...] = ()
    port_mappings: tuple[PortMapping, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    cgroup_parent: str = ""
    resources: ContainerResources = ContainerResources()
    overhead: ContainerResources | None = None
    sysctls: Mapping[str, str] = field(default_factory=dict)
    namespaces: Namespaces = Namespaces()
    privileged: bool = False
    run_as_user: int | None = None
    run_as_group: int | None = None
    supplemental_groups: tuple[int, ...] = ()
    supplemental_groups_policy: str = "Merge"
    seccomp: SecurityProfile = SecurityProfile(type="RuntimeDefault")
    selinux: SELinuxOptions | None = None
    runtime_handler: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class ContainerMount:
    """Something of the host, or an image, inside a container.

    Attributes:
        container_path: where in the container.
        host_path: what of the host; None for an image.
        image: what image, as the runtime knows it; empty for a path of the host.
        image_sub_path: what of the image; empty for all.
        read_only: whether the container must not write to it.
        recursive_read_only: whether that holds for mounts below it.
        selinux_relabel: whether it is relabelled for the container.
        propagation: `None`, `HostToContainer` or `Bidirectional`.
    """

    container_path: str
    host_path: Path | None = None
    image: str = ""
    image_sub_path: str = ""
    read_only: bool = False
    recursive_read_only: bool = False
    selinux_relabel: bool = False
    propagation: str = "None"


@dataclass(frozen=True, kw_only=True, slots=True)
class ContainerSecurity:
    """What a container's processes may do.

    Attributes:
        namespaces: which it has.
        privileged: whether it may do everything.
        run_as_user: user by number; None for the image's.
        run_as_username: user by name; empty for the image's.
        run_as_group: group; None for the user's own.
        supplemental_groups: further groups.
        supplemental_groups_policy: `Merge` or `Strict`.
        read_only_root: whether its own file system is read-only.
        no_new_privileges: whether programs gain none by set-user-ID bits.
        add_capabilities: beyond the runtime's default; `ALL` is all.
        drop_capabilities: of the runtime's default.
        masked_paths: hidden; None for the runtime's default.
        readonly_paths: not writable; None for the runtime's default.
        seccomp: its profile.
        apparmor: its profile; None for the runtime's default.
        selinux: its label.
    """

    namespaces: Namespaces = Namespaces()
    privileged: bool = False
    run_as_user: int | None = None
    run_as_username: str = ""
    run_as_group: int | None = None
    supplemental_groups: tuple[int, ...] = ()
    supplemental_groups_policy: str = "Merge"
    read_only_root: bool = False
    no_new_privileges: bool = False
    add_capabilities: tuple[str, ...] = ()
    drop_capabilities: tuple[str, ...] = ()
    masked_paths: tuple[str, ...] | None = None
    readonly_paths: tuple[str, ...] | None = None
    seccomp: SecurityProfile = SecurityProfile(type="Unconfined")
    apparmor: SecurityProfile | None = None
    selinux: SELinuxOptions | None = None


@dataclass(frozen=True, kw_only=True, slots=True, repr=False)
class ContainerConfig:
    """A container. Its environment is in no `repr`.

    Attributes:
        name: its name in the pod.
        attempt: how often it was started before.
        image_id: what it runs: the runtime's ID of the image.
        image: the image as the pod asks for it.
        command: in place of the image's entry point; empty for that.
        args: in place of the image's command; empty for that.
        working_dir: where it starts; empty for the image's.
        environment: its variables.
        mounts: what it has mounted.
        labels: kept by the runtime.
        annotations: kept by the runtime.
        log_path: its log, below the sandbox's `log_directory`.
        stdin: whether its input stays open for those who attach.
        stdin_once: whether it ends when the first of them leaves.
        tty: whether it has a terminal.
        stop_signal: what asks it to end, such as `SIGTERM`; empty for the image's.
        resources: what it may use.
        security: what it may do.
    """

    name: str
    attempt: int = 0
    image_id: str = ""
    image: str = ""
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    working_dir: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    mounts: tuple[ContainerMount, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    log_path: str = ""
    stdin: bool = False
    stdin_once: bool = False
    tty: bool = False
    stop_signal: str = ""
    resources: ContainerResources = ContainerResources()
    security: ContainerSecurity = ContainerSecurity()

    def __repr__(self) -> str:
        return f"ContainerConfig(name={self.name!r}, attempt={self.attempt}, image={self.image!r})"
