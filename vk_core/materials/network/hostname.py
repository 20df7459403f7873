"""What a pod is called: its hostname, and the domain that a subdomain gives it.

Sources: `spec.hostname`, `spec.subdomain`, `spec.setHostnameAsFQDN`, `spec.hostnameOverride` (KEP-4762).
"""

from __future__ import annotations

from typing import NamedTuple

from vk_core.api.pod import Pod

LONGEST_LABEL = 63
LONGEST_HOSTNAME = 64
"""What the Linux kernel keeps of a hostname."""


class PodNames(NamedTuple):
    """The names of a pod.

    Attributes:
        short: its name without domain, as `/etc/hosts` has it.
        domain: the domain of its full name; empty without a subdomain.
        hostname: what `hostname` says in its containers.
    """

    short: str
    domain: str
    hostname: str

    @property
    def full(self) -> str:
        """The full name; the short one without a domain."""
        return f"{self.short}.{self.domain}" if self.domain else self.short


def pod_names(pod: Pod, cluster_domain: str) -> PodNames:
    """Returns the names of a pod.

    In the network of the host `hostname` says what it says there, for which the node's name stands.

    Raises:
        ValueError: with `setHostnameAsFQDN` the full name is longer than a hostname may be.
    """
    spec = pod.spec
    if spec.hostname_override:
        return PodNames(spec.hostname_override, "", spec.hostname_override)
    short = (spec.hostname or pod.metadata.name)[:LONGEST_LABEL].rstrip("-.")
    domain = f"{spec.subdomain}.{pod.metadata.namespace}.svc.{cluster_domain}" if spec.subdomain else ""
    if spec.host_network:
        return PodNames(short, domain, spec.node_name or short)
    names = PodNames(short, domain, short)
    if not spec.set_hostname_as_fqdn:
        return names
    if len(names.full) > LONGEST_HOSTNAME:
        raise ValueError(
            f"failed to construct FQDN from pod hostname and cluster domain, FQDN {names.full} is too long "
            f"({LONGEST_HOSTNAME} characters is the max, {len(names.full)} characters requested)"
        )
    return names._replace(hostname=names.full)
