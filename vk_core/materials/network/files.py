"""Joins the names of a pod, `/etc/hosts` and `/etc/resolv.conf`."""

from __future__ import annotations

from vk_core.materials.network.hostname import pod_names
from vk_core.materials.network.hosts import host_hosts, pod_hosts
from vk_core.materials.network.resolvconf import pod_resolver
from vk_core.materials.objects import Notice, PodFacts
from vk_core.provider.materials import NetworkFiles


def network_files(facts: PodFacts) -> NetworkFiles:
    """Returns the names by which a pod knows itself and others.

    Raises:
        ValueError: the pod wants its full name as hostname, and that is too long; such a pod cannot be started.
    """
    spec = facts.pod.spec
    names = pod_names(facts.pod, facts.cluster_domain)
    hosts = None
    if spec.host_network:
        hosts = host_hosts(facts.host_hosts, spec.host_aliases)
    elif facts.pod_ips:
        hosts = pod_hosts(names, facts.pod_ips, spec.host_aliases)
    resolver, _ = pod_resolver(facts)
    return NetworkFiles(names.hostname, names.domain, hosts, resolver.text())


def network_notices(facts: PodFacts) -> tuple[Notice, ...]:
    """Returns warnings about what of the pod's DNS settings could not be as it asks for it."""
    return pod_resolver(facts)[1]
