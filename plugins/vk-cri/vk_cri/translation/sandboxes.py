"""Sandboxes in the words of CRI."""

from __future__ import annotations

from vk_core.engine.specs import SandboxConfig
from vk_cri.api import runtime_pb2 as pb
from vk_cri.translation import security


def sandbox_config(config: SandboxConfig) -> pb.PodSandboxConfig:
    """What is to be made."""
    return pb.PodSandboxConfig(
        metadata=pb.PodSandboxMetadata(
            name=config.name, uid=config.uid, namespace=config.namespace, attempt=config.attempt
        ),
        hostname=config.hostname,
        log_directory=str(config.log_directory),
        dns_config=pb.DNSConfig(servers=config.dns_servers, searches=config.dns_searches, options=config.dns_options),
        port_mappings=[
            pb.PortMapping(
                protocol=port.protocol,
                container_port=port.container_port,
                host_port=port.host_port,
                host_ip=port.host_ip,
            )
            for port in config.port_mappings
        ],
        labels=dict(config.labels),
        annotations=dict(config.annotations),
        linux=pb.LinuxPodSandboxConfig(
            cgroup_parent=config.cgroup_parent,
            sysctls=dict(config.sysctls),
            resources=security.resources(config.resources),
            overhead=None if config.overhead is None else security.resources(config.overhead),
            security_context=pb.LinuxSandboxSecurityContext(
                namespace_options=security.namespaces(config.namespaces),
                selinux_options=security.selinux(config.selinux),
                run_as_user=security.number(config.run_as_user),
                run_as_group=security.number(config.run_as_group),
                supplemental_groups=config.supplemental_groups,
                supplemental_groups_policy=config.supplemental_groups_policy,
                privileged=config.privileged,
                seccomp=security.profile(config.seccomp),
            ),
        ),
    )
