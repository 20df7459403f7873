"""What the API server does not let a node say about itself, when it acts as a node (admission plug-in NodeRestriction).

A node could otherwise make itself look fit for pods that it should not get. So these labels are left to administrators,
and taints can be given at registration only.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

from msgspec.structs import replace

from vk_core.api.node import Node

ALLOWED = frozenset(
    {
        "beta.kubernetes.io/arch",
        "beta.kubernetes.io/instance-type",
        "beta.kubernetes.io/os",
        "failure-domain.beta.kubernetes.io/region",
        "failure-domain.beta.kubernetes.io/zone",
        "kubernetes.io/arch",
        "kubernetes.io/hostname",
        "kubernetes.io/os",
        "node.kubernetes.io/instance-type",
        "topology.kubernetes.io/region",
        "topology.kubernetes.io/zone",
    }
)
"""Labels of Kubernetes' own that a node may set on itself."""

ALLOWED_DOMAINS = ("kubelet.kubernetes.io", "node.kubernetes.io")
"""Domains of which a node may set any label; those below them as well."""

KUBERNETES_DOMAINS = ("kubernetes.io", "k8s.io")

log = logging.getLogger("virtual_kubelet.node")


def may_set(label: str) -> bool:
    """Whether a node may set this label on itself."""
    domain = label.rpartition("/")[0]
    if label in ALLOWED or _is_in(domain, ALLOWED_DOMAINS):
        return True
    return not _is_in(domain, KUBERNETES_DOMAINS)


def _is_in(domain: str, domains: Iterable[str]) -> bool:
    return any(domain == found or domain.endswith(f".{found}") for found in domains)


class Restriction:
    """Leaves out what a node may not say, and tells so once."""

    def __init__(self) -> None:
        self._said: set[str] = set()

    def apply(self, node: Node) -> Node:
        """The node without labels that would be refused."""
        labels = {key: value for key, value in node.metadata.labels.items() if may_set(key)}
        for key in node.metadata.labels.keys() - labels.keys():
            self._say(key, f"label {key}={node.metadata.labels[key]}")
        return replace(node, metadata=replace(node.metadata, labels=labels))

    def keep_taints(self, known: Node, wanted: Node) -> Node:
        """The wanted node with the taints that it has: they cannot be changed once it is registered."""
        missing = {(it.key, it.value, it.effect) for it in wanted.spec.taints} - {
            (it.key, it.value, it.effect) for it in known.spec.taints
        }
        for key, value, effect in missing:
            self._say(f"{key}:{effect}", f"taint {key}={value}:{effect}")
        return replace(wanted, spec=replace(wanted.spec, taints=known.spec.taints))

    def _say(self, key: str, what: str) -> None:
        if key not in self._said:
            log.warning("left out, because the API server does not let a node set it on itself: %s", what)
        self._said.add(key)
