"""What configurations depend on beside the pod: the machine, the settings, and what the runtime can do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from vk_core.engine.runtime import HandlerFeatures


@dataclass(frozen=True, kw_only=True, slots=True)
class Machine:
    """What the kernel of this machine offers (`vk_core.engine.configuration.machine.read_machine`).

    Attributes:
        memory_bytes: how much memory it has.
        kernel: its version, such as (6, 1).
        cgroup_version: 1 (also where version 2 is mounted beside it) or 2.
        limits_swap: whether cgroups can limit swap.
        huge_page_sizes: such as `2MB`.
        cpu_throttle_paths: what tells of the heat of its processors; hidden from containers.
        has_selinux: whether SELinux labels mean something.
        has_apparmor: whether AppArmor profiles can be enforced.
    """

    memory_bytes: int
    kernel: tuple[int, int]
    cgroup_version: int = 2
    limits_swap: bool = False
    huge_page_sizes: tuple[str, ...] = ()
    cpu_throttle_paths: tuple[str, ...] = ()
    has_selinux: bool = False
    has_apparmor: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class PodSettings:
    """What whoever runs this node decides about its pods; defaults are kubelet's where it has some.

    Attributes:
        log_root: below which pods have their logs.
        cgroup_parent: below which pods have their cgroups; of its own, as a kubelet ends what it does not know in its.
        cgroup_driver: `cgroupfs` or `systemd`: how cgroups are named.
        seccomp_root: where profiles of the type `Localhost` are.
        seccomp_default: whether containers that ask for no profile have the runtime's (`seccompDefault`).
        cpu_quota: whether limits of CPU are enforced (`cpuCFSQuota`).
        cpu_period_microseconds: in which periods (`cpuCFSQuotaPeriod`).
        kills_single_processes: whether a container without memory loses one process and not all of them, on cgroup v2
            (`singleProcessOOMKill`).
        unsafe_sysctls: names that pods may set beside the safe ones; `*` at the end stands for anything
            (`allowedUnsafeSysctls`).
    """

    log_root: Path
    cgroup_parent: str = "/virtual-kubelet"
    cgroup_driver: str = "cgroupfs"
    seccomp_root: Path = Path("/var/lib/kubelet/seccomp")
    seccomp_default: bool = False
    cpu_quota: bool = True
    cpu_period_microseconds: int = 100_000
    kills_single_processes: bool = False
    unsafe_sysctls: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Host:
    """Where pods run.

    Attributes:
        machine: the machine.
        settings: what was decided about its pods.
        handlers: what the runtime's handlers can do, by name (`RuntimeState.handlers`).
        supplemental_groups_policy: whether the runtime knows the policy `Strict`.
    """

    machine: Machine
    settings: PodSettings
    handlers: Mapping[str, HandlerFeatures] = field(default_factory=dict)
    supplemental_groups_policy: bool = False

    def features(self, runtime_handler: str) -> HandlerFeatures:
        """What a handler can do; nothing special if the runtime does not say."""
        return self.handlers.get(runtime_handler, HandlerFeatures())
