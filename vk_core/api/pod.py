"""Pods: the specification that users write (core/v1). Their status is in `podstatus`."""

from __future__ import annotations

import msgspec

from vk_core.api.affinity import Affinity, TopologySpreadConstraint
from vk_core.api.container import (
    AppArmorProfile,
    Container,
    EphemeralContainer,
    ResourceRequirements,
    SeccompProfile,
    SELinuxOptions,
    WindowsSecurityContextOptions,
)
from vk_core.api.meta import LocalObjectReference, ObjectMeta
from vk_core.api.podstatus import PodStatus
from vk_core.api.struct import Struct
from vk_core.api.volumes import Volume


class Toleration(Struct):
    """Taints that the pod accepts; an empty key with `Exists` accepts all."""

    key: str = ""
    operator: str = ""
    value: str = ""
    effect: str = ""
    toleration_seconds: int | None = None


class HostAlias(Struct):
    """A line of the pod's `/etc/hosts`."""

    ip: str = ""
    hostnames: tuple[str, ...] = ()


class PodDNSConfigOption(Struct):
    """An option of the resolver."""

    name: str = ""
    value: str | None = None


class PodDNSConfig(Struct):
    """Resolver settings merged into those of the DNS policy."""

    nameservers: tuple[str, ...] = ()
    searches: tuple[str, ...] = ()
    options: tuple[PodDNSConfigOption, ...] = ()


class Sysctl(Struct):
    """A kernel parameter of the pod."""

    name: str = ""
    value: str = ""


class PodSecurityContext(Struct):
    """Security settings of all containers."""

    se_linux_options: SELinuxOptions | None = None
    windows_options: WindowsSecurityContextOptions | None = None
    run_as_user: int | None = None
    run_as_group: int | None = None
    run_as_non_root: bool | None = None
    supplemental_groups: tuple[int, ...] = ()
    supplemental_groups_policy: str | None = None
    fs_group: int | None = None
    fs_group_change_policy: str | None = None
    sysctls: tuple[Sysctl, ...] = ()
    seccomp_profile: SeccompProfile | None = None
    app_armor_profile: AppArmorProfile | None = None
    se_linux_change_policy: str | None = None


class PodReadinessGate(Struct):
    """A condition set by others that must be True before the pod is Ready."""

    condition_type: str = ""


class PodSchedulingGate(Struct):
    """Something that keeps the scheduler from looking at the pod."""

    name: str = ""


class PodOS(Struct):
    """The operating system that the pod needs: `linux` or `windows`."""

    name: str = ""


class PodResourceClaim(Struct):
    """A dynamic resource claim, by name or by template."""

    name: str = ""
    resource_claim_name: str | None = None
    resource_claim_template_name: str | None = None


class PodSpec(Struct):
    """What a pod shall be."""

    volumes: tuple[Volume, ...] = ()
    init_containers: tuple[Container, ...] = ()
    containers: tuple[Container, ...] = ()
    ephemeral_containers: tuple[EphemeralContainer, ...] = ()
    restart_policy: str = "Always"
    termination_grace_period_seconds: int | None = None
    active_deadline_seconds: int | None = None
    dns_policy: str = ""
    node_selector: dict[str, str] = {}
    service_account_name: str = ""
    automount_service_account_token: bool | None = None
    node_name: str = ""
    host_network: bool = False
    host_pid: bool = False
    host_ipc: bool = False
    share_process_namespace: bool | None = None
    security_context: PodSecurityContext | None = None
    image_pull_secrets: tuple[LocalObjectReference, ...] = ()
    hostname: str = ""
    subdomain: str = ""
    affinity: Affinity | None = None
    scheduler_name: str = ""
    tolerations: tuple[Toleration, ...] = ()
    host_aliases: tuple[HostAlias, ...] = ()
    priority_class_name: str = ""
    priority: int | None = None
    dns_config: PodDNSConfig | None = None
    readiness_gates: tuple[PodReadinessGate, ...] = ()
    runtime_class_name: str | None = None
    enable_service_links: bool | None = None
    preemption_policy: str | None = None
    overhead: dict[str, str] = {}
    topology_spread_constraints: tuple[TopologySpreadConstraint, ...] = ()
    set_hostname_as_fqdn: bool | None = None
    os: PodOS | None = None
    host_users: bool | None = None
    scheduling_gates: tuple[PodSchedulingGate, ...] = ()
    resource_claims: tuple[PodResourceClaim, ...] = ()
    resources: ResourceRequirements | None = None
    hostname_override: str | None = None


class Pod(Struct):
    """A pod: metadata, what it shall be and what it is."""

    api_version: str = ""
    kind: str = ""
    metadata: ObjectMeta = ObjectMeta()
    spec: PodSpec = PodSpec()
    status: PodStatus = PodStatus()


class PodChange(Struct):
    """A pod whose specification is left as it came, for those who have most likely read it before."""

    metadata: ObjectMeta = ObjectMeta()
    spec: msgspec.Raw = msgspec.Raw(b"{}")
    status: PodStatus = PodStatus()
