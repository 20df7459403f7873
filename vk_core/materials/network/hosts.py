"""`/etc/hosts` of a pod: its own addresses and names, and the aliases of its specification."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from vk_core.api.pod import HostAlias
from vk_core.materials.network.hostname import PodNames

HEADER = "# Kubernetes-managed hosts file.\n"
"""How Kubernetes' conformance tests recognise a file that was made for the pod."""

HOST_HEADER = "# Kubernetes-managed hosts file (host network).\n"
"""The same for a pod in the network of the host."""

_LOOPBACK = """\
127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::0\tip6-localnet
fe00::0\tip6-mcastprefix
fe00::1\tip6-allnodes
fe00::2\tip6-allrouters
"""


def pod_hosts(names: PodNames, pod_ips: Sequence[str], aliases: Iterable[HostAlias]) -> str:
    """The file of a pod with a network of its own; each of its addresses has all of its names."""
    both = f"{names.full}\t{names.short}" if names.domain else names.short
    return HEADER + _LOOPBACK + "".join(f"{ip}\t{both}\n" for ip in pod_ips) + _alias_lines(aliases)


def host_hosts(hosts: str, aliases: Iterable[HostAlias]) -> str:
    """The file of a pod in the network of the host: the host's own, and the aliases."""
    ending = "" if not hosts or hosts.endswith("\n") else "\n"
    return HOST_HEADER + hosts + ending + _alias_lines(aliases)


def _alias_lines(aliases: Iterable[HostAlias]) -> str:
    lines = "".join("\t".join((alias.ip, *alias.hostnames)) + "\n" for alias in aliases)
    return f"\n# Entries added by HostAliases.\n{lines}" if lines else ""
