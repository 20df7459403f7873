"""The settings of a pod's resolver for runtimes, which make its `resolv.conf` themselves."""

from __future__ import annotations

from typing import NamedTuple


class Resolver(NamedTuple):
    """Settings of a resolver, in the order in which they apply."""

    servers: tuple[str, ...] = ()
    searches: tuple[str, ...] = ()
    options: tuple[str, ...] = ()


def read_resolver(resolv_conf: str) -> Resolver:
    """Reads the `resolv.conf` that core has made for a pod (`NetworkFiles.resolv_conf`)."""
    servers: list[str] = []
    searches: list[str] = []
    options: list[str] = []
    kinds = {"nameserver": servers, "search": searches, "options": options}
    for line in resolv_conf.splitlines():
        kind, *values = line.split() or ("",)
        kinds.get(kind, []).extend(values)
    return Resolver(tuple(servers), tuple(searches), tuple(options))
