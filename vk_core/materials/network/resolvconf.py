"""`/etc/resolv.conf` of a pod: what its DNS policy and its DNS configuration make of the node's and the cluster's.

Sources: `spec.dnsPolicy`, `spec.dnsConfig`, resolv.conf(5), KEP-2595 (limits).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from vk_core.api.pod import Pod, PodDNSConfig, PodDNSConfigOption
from vk_core.materials.objects import Notice, PodFacts

MOST_NAMESERVERS = 3
MOST_SEARCHES = 32
LONGEST_SEARCH = 253
LONGEST_SEARCH_LINE = 2048
_CLUSTER_OPTIONS = ("ndots:5",)


class Resolver(NamedTuple):
    """The settings of a DNS resolver, in the order in which they apply."""

    nameservers: tuple[str, ...] = ()
    searches: tuple[str, ...] = ()
    options: tuple[str, ...] = ()

    def text(self) -> str:
        """The content of a `resolv.conf` with these settings."""
        lines = [f"search {' '.join(self.searches)}\n"] if self.searches else []
        lines.extend(f"nameserver {server}\n" for server in self.nameservers)
        if self.options:
            lines.append(f"options {' '.join(self.options)}\n")
        return "".join(lines)


def parse_resolv_conf(text: str) -> Resolver:
    """Reads a `resolv.conf`: nameservers and options add up, of the same option and of `search` the last one holds.

    What it does not understand is passed over, as resolvers do. A trailing dot of a search domain means nothing and is
    taken away, so that domains can be compared; the root (`.`) is none to search in.
    """
    nameservers: list[str] = []
    searches: tuple[str, ...] = ()
    options: dict[str, str] = {}
    for line in text.split("\n"):
        match line.split():
            case ["nameserver", server, *_]:
                nameservers.append(server)
            case ["search", *domains]:
                searches = tuple(domain.removesuffix(".") for domain in domains if domain != ".")
            case ["options", *given]:
                options |= {option.partition(":")[0]: option for option in given}
    return Resolver(tuple(nameservers), searches, tuple(options.values()))


def pod_resolver(facts: PodFacts) -> tuple[Resolver, tuple[Notice, ...]]:
    """Returns the resolver of a pod, and warnings about what could not be as the pod asks for it."""
    pod, notices = facts.pod, []
    policy = _policy(pod)
    if policy == "ClusterFirst" and not facts.cluster_dns:
        notices.append(_no_cluster_dns(pod))
        policy = "Default"
    resolver = _base(policy, facts)
    if pod.spec.dns_config is not None:
        resolver = _merged(resolver, pod.spec.dns_config)
    fitting = Resolver(resolver.nameservers[:MOST_NAMESERVERS], _fitting(resolver.searches), resolver.options)
    if fitting.searches != resolver.searches:
        notices.append(_exceeded("Search Line", "search paths", "search line", fitting.searches))
    if fitting.nameservers != resolver.nameservers:
        notices.append(_exceeded("Nameserver", "nameservers", "nameserver line", fitting.nameservers))
    return fitting, tuple(notices)


def _policy(pod: Pod) -> str:
    """`None`, `Default` or `ClusterFirst`, which is also what an unknown policy is taken for."""
    policy = pod.spec.dns_policy
    if policy in {"None", "Default"}:
        return policy
    on_host = pod.spec.host_network and policy != "ClusterFirstWithHostNet"
    return "Default" if on_host else "ClusterFirst"


def _base(policy: str, facts: PodFacts) -> Resolver:
    if policy == "None":
        return Resolver()
    host = parse_resolv_conf(facts.host_resolv_conf)
    if policy == "Default":
        return host if facts.host_resolv_conf.strip() else _no_resolver(facts)
    domain = facts.cluster_domain
    own = (f"{facts.pod.metadata.namespace}.svc.{domain}", f"svc.{domain}", domain) if domain else ()
    return Resolver(tuple(facts.cluster_dns), _once((*own, *host.searches)), _CLUSTER_OPTIONS)


def _no_resolver(facts: PodFacts) -> Resolver:
    """For a node without a `resolv.conf`: resolvers then ask the local machine, so that is what the file says."""
    local = _once("::1" if ":" in ip else "127.0.0.1" for ip in facts.host_ips)
    return Resolver(local or ("127.0.0.1",), (".",))


def _merged(base: Resolver, config: PodDNSConfig) -> Resolver:
    return Resolver(
        _once((*base.nameservers, *config.nameservers)),
        _once((*base.searches, *config.searches)),
        _options(base.options, config.options),
    )


def _options(base: Iterable[str], own: Iterable[PodDNSConfigOption]) -> tuple[str, ...]:
    """Each option once, with the value that the pod gives it."""
    values: dict[str, str] = {}
    for option in base:
        name, _, value = option.partition(":")
        values[name] = value
    values.update((option.name, option.value or "") for option in own)
    return tuple(f"{name}:{value}" if value else name for name, value in values.items())


def _fitting(searches: tuple[str, ...]) -> tuple[str, ...]:
    fitting: list[str] = []
    length = -1
    for domain in searches[:MOST_SEARCHES]:
        if len(domain) > LONGEST_SEARCH:
            continue  # some resolvers abort on a domain that cannot exist
        length += len(domain) + 1
        if length > LONGEST_SEARCH_LINE:
            break
        fitting.append(domain)
    return tuple(fitting)


def _once(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(texts))


def _no_cluster_dns(pod: Pod) -> Notice:
    meta = pod.metadata
    return Notice(
        "MissingClusterDNS",
        f'pod: "{meta.name}_{meta.namespace}({meta.uid})". this node does not know the address of the cluster\'s DNS '
        'and cannot give a pod the "ClusterFirst" policy. Falling back to "Default" policy.',
    )


def _exceeded(limits: str, left_out: str, line: str, applied: tuple[str, ...]) -> Notice:
    return Notice(
        "DNSConfigForming",
        f"{limits} limits were exceeded, some {left_out} have been omitted, the applied {line} is: {' '.join(applied)}",
    )
