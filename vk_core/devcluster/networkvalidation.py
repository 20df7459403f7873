"""Whether what a pod knows itself and others by is valid: host names, DNS settings, lines of `/etc/hosts`."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from typing import Any, TypeAlias

from vk_core.devcluster.names import dns_label, dns_subdomain, like
from vk_core.devcluster.statuses import Cause, required, unsupported, wrong

Object: TypeAlias = dict[str, Any]

_POLICIES = ("ClusterFirstWithHostNet", "ClusterFirst", "Default", "None")
_MOST_NAMESERVERS, _MOST_SEARCHES, _LONGEST_SEARCH_LIST = 3, 32, 2048
_SEARCH = re.compile(r"_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?(\._?[a-z0-9]([-_a-z0-9]*[a-z0-9])?)*")


def network_causes(spec: Object) -> Iterator[Cause]:
    """Yields what is wrong with host names, DNS and host aliases of a pod."""
    for field, check in (("hostname", dns_label), ("subdomain", dns_label), ("hostnameOverride", dns_subdomain)):
        if spec.get(field) and (problem := check(spec[field])):
            yield wrong(f"spec.{field}", spec[field], problem)
    if spec["dnsPolicy"] not in _POLICIES:
        yield unsupported("spec.dnsPolicy", spec["dnsPolicy"], _POLICIES)
    yield from _dns_causes("spec.dnsConfig", spec)
    for index, alias in enumerate(spec.get("hostAliases", ())):
        at = f"spec.hostAliases[{index}]"
        yield from _address_causes(f"{at}.ip", alias.get("ip", ""))
        for position, name in enumerate(alias.get("hostnames", ())):
            if problem := dns_subdomain(name):
                yield wrong(f"{at}.hostnames[{position}]", name, problem)


def _dns_causes(path: str, spec: Object) -> Iterator[Cause]:
    config, is_alone = spec.get("dnsConfig"), spec["dnsPolicy"] == "None"
    if config is None:
        if is_alone:
            yield required(path, "must provide `dnsConfig` when `dnsPolicy` is None")
        return
    servers, searches = config.get("nameservers", []), config.get("searches", [])
    if is_alone and not servers:
        yield required(f"{path}.nameservers", "must provide at least one DNS nameserver when `dnsPolicy` is None")
    if len(servers) > _MOST_NAMESERVERS:
        yield wrong(f"{path}.nameservers", servers, f"must not have more than {_MOST_NAMESERVERS} nameservers")
    for index, server in enumerate(servers):
        yield from _address_causes(f"{path}.nameservers[{index}]", server)
    yield from _search_causes(f"{path}.searches", searches)
    for index, option in enumerate(config.get("options", ())):
        if not option.get("name"):
            yield required(f"{path}.options[{index}]", "must not be empty")


def _search_causes(path: str, searches: list[str]) -> Iterator[Cause]:
    if len(searches) > _MOST_SEARCHES:
        yield wrong(path, searches, f"must not have more than {_MOST_SEARCHES} search paths")
    if len(" ".join(searches)) > _LONGEST_SEARCH_LIST:
        why = f"must not have more than {_LONGEST_SEARCH_LIST} characters (including spaces) in the search list"
        yield wrong(path, searches, why)
    for index, search in enumerate(searches):
        if search != "." and not _SEARCH.fullmatch(search.removesuffix(".")):
            why = (
                "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', '-' or '.', "
                f"and must start and end with an alphanumeric character {like(_SEARCH, 'example.com')}"
            )
            yield wrong(f"{path}[{index}]", search, why)


def _address_causes(path: str, address: str) -> Iterator[Cause]:
    try:
        ipaddress.ip_address(address)
    except ValueError:
        yield wrong(path, address, "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)")
