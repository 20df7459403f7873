"""Namespaces, profiles and resources, which sandboxes and containers have in common."""

from __future__ import annotations

from vk_core.api.container import SELinuxOptions
from vk_core.engine.specs import ContainerResources, Namespaces, SecurityProfile
from vk_cri.api import runtime_pb2 as pb

MASKED_PATHS = (
    "/proc/asound",
    "/proc/acpi",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/sys/firmware",
    "/sys/devices/virtual/powercap",
)
READONLY_PATHS = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")
"""What the default of `procMount` is; runtimes are told it in full, for to them nothing means nothing."""


def namespaces(wanted: Namespaces) -> pb.NamespaceOption:
    """Which namespaces."""
    option = pb.NamespaceOption(
        network=wanted.network,
        pid=wanted.pid,
        ipc=wanted.ipc,
        target_id=wanted.target_id,
    )
    mapping = id_mappings(wanted)
    if mapping:
        option.userns_options.CopyFrom(pb.UserNamespace(mode=pb.POD, uids=mapping, gids=mapping))
    return option


def id_mappings(wanted: Namespaces) -> list[pb.IDMapping]:
    """Which IDs of the host those inside are; empty for the same ones."""
    if wanted.user_mapping is None:
        return []
    host, container, count = wanted.user_mapping
    return [pb.IDMapping(host_id=host, container_id=container, length=count)]


def profile(wanted: SecurityProfile) -> pb.SecurityProfile:
    """A seccomp or AppArmor profile."""
    return pb.SecurityProfile(profile_type=wanted.type, localhost_ref=wanted.localhost)


def selinux(options: SELinuxOptions | None) -> pb.SELinuxOption | None:
    """A label."""
    if options is None:
        return None
    return pb.SELinuxOption(user=options.user, role=options.role, type=options.type, level=options.level)


def number(value: int | None) -> pb.Int64Value | None:
    """A number that may be missing."""
    return None if value is None else pb.Int64Value(value=value)


def resources(wanted: ContainerResources) -> pb.LinuxContainerResources:
    """What a container may use."""
    return pb.LinuxContainerResources(
        cpu_period=wanted.cpu_period_microseconds,
        cpu_quota=wanted.cpu_quota_microseconds,
        cpu_shares=wanted.cpu_shares,
        memory_limit_in_bytes=wanted.memory_limit_bytes,
        memory_swap_limit_in_bytes=wanted.memory_swap_limit_bytes,
        oom_score_adj=wanted.oom_score_adj,
        hugepage_limits=[
            pb.HugepageLimit(page_size=size, limit=limit) for size, limit in wanted.hugepage_limits_bytes.items()
        ],
        unified=dict(wanted.unified),
    )
