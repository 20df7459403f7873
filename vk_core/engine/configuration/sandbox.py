"""The configuration of a pod's sandbox."""

from __future__ import annotations

from vk_core.api.pod import Pod, PodSecurityContext
from vk_core.engine.configuration.cgroups import pod_cgroup
from vk_core.engine.configuration.host import Host
from vk_core.engine.configuration.labels import sandbox_annotations, sandbox_labels
from vk_core.engine.configuration.namespaces import UserMapping, format_user_mapping, sandbox_namespaces
from vk_core.engine.configuration.paths import log_directory
from vk_core.engine.configuration.ports import port_mappings
from vk_core.engine.configuration.resolver import read_resolver
from vk_core.engine.configuration.resources import overhead_resources, sandbox_resources
from vk_core.engine.configuration.security import further_groups, groups_policy, has_privileged_container
from vk_core.engine.configuration.sysctls import sysctls_of
from vk_core.engine.specs import SandboxConfig
from vk_core.provider.materials import NetworkFiles


def sandbox_config(
    pod: Pod,
    *,
    host: Host,
    names: NetworkFiles,
    owner: str,
    attempt: int = 0,
    runtime_handler: str = "",
    user_mapping: UserMapping | None = None,
    groups: tuple[int, ...] = (),
) -> SandboxConfig:
    """Returns the configuration of a pod's sandbox.

    Args:
        pod: the pod.
        host: where it runs.
        names: its hostname and resolver (`PodMaterials.network_files`).
        owner: the owner mark of this node.
        attempt: how many sandboxes it has had before.
        runtime_handler: by its runtime class; empty for the default one.
        user_mapping: which IDs it has on the host, if it has users of its own (`namespaces.choose_user_mapping`).
        groups: further groups that its volumes ask for.

    Raises:
        ConfigurationError: it asks for what the runtime cannot do.
    """
    spec, meta = pod.spec, pod.metadata
    context = spec.security_context or PodSecurityContext()
    namespaces = sandbox_namespaces(pod, host, runtime_handler, user_mapping)
    mapping = namespaces.user_mapping
    resolver = read_resolver(names.resolv_conf)
    return SandboxConfig(
        name=meta.name,
        namespace=meta.namespace,
        uid=meta.uid,
        attempt=attempt,
        hostname="" if spec.host_network else names.hostname,
        log_directory=log_directory(host.settings.log_root, pod),
        dns_servers=resolver.servers,
        dns_searches=resolver.searches,
        dns_options=resolver.options,
        port_mappings=port_mappings(pod),
        labels=sandbox_labels(pod, owner),
        annotations=sandbox_annotations(pod, owner, format_user_mapping(mapping) if mapping is not None else ""),
        cgroup_parent=pod_cgroup(pod, host.settings),
        resources=sandbox_resources(pod, host),
        overhead=overhead_resources(pod, host),
        sysctls=sysctls_of(pod),
        namespaces=namespaces,
        privileged=has_privileged_container(pod),
        run_as_user=context.run_as_user,
        run_as_group=context.run_as_group,
        supplemental_groups=further_groups(pod, groups),
        supplemental_groups_policy=groups_policy(pod),
        selinux=context.se_linux_options,
        runtime_handler=runtime_handler,
    )
