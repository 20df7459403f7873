"""What the rules of materials work on: objects with keys, found or not, and what is known about the pod."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from vk_core.api.pod import Pod

CONFIG_ERROR = "CreateContainerConfigError"
"""Why a container waits: its environment cannot be made (as kubelet names it)."""

FAILED_MOUNT = "FailedMount"
"""Why a pod waits: one of its volumes cannot be made (as kubelet names it)."""


class Ref(NamedTuple):
    """A config map or a secret, by name."""

    kind: Literal["ConfigMap", "Secret"]
    namespace: str
    name: str


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class KeyedObject:
    """A config map or a secret that was read; values are bytes, decoded once for all who use them.

    Attributes:
        ref: which one.
        data: all values by key.
        binary: keys that came from `binaryData`, which are files but no variables.
        type: the type of a secret.
        immutable: whether it will never change.
        resource_version: the version it was read at.
    """

    ref: Ref
    data: Mapping[str, bytes]
    binary: frozenset[str] = frozenset()
    type: str = ""
    immutable: bool = False
    resource_version: str = ""

    def __repr__(self) -> str:
        return f"KeyedObject({self.ref.kind} {self.ref.namespace}/{self.ref.name}, keys={sorted(self.data)})"


class Absent(NamedTuple):
    """There is no such object."""

    ref: Ref


class Unreadable(NamedTuple):
    """The object could not be read; `message` says why, without any value."""

    ref: Ref
    message: str


Lookup = Callable[[Ref], KeyedObject | Absent | Unreadable]
"""What is known about an object right now."""


class Notice(NamedTuple):
    """A warning event about the pod."""

    reason: str
    message: str


def container_failed(message: str) -> Notice:
    """That a container cannot be started, for what has no reason of its own: the event is kubelet's."""
    return Notice("Failed", f"Error: {message}")


@dataclass(frozen=True, slots=True)
class PodFacts:
    """What is known about a pod and where it runs.

    Attributes:
        pod: the pod.
        pod_ips: its addresses, the preferred one first; empty as long as they are not known.
        host_ips: those of the node.
        allocatable: the node's resources as quantities, which stand in for limits that a container does not have.
        cluster_domain: DNS domain of the cluster.
        cluster_dns: addresses of the cluster's DNS servers.
        host_resolv_conf: content of the machine's own `/etc/resolv.conf`.
        host_hosts: content of the machine's own `/etc/hosts`, for pods in its network.
    """

    pod: Pod
    pod_ips: Sequence[str] = ()
    host_ips: Sequence[str] = ()
    allocatable: Mapping[str, str] = field(default_factory=dict)
    cluster_domain: str = "cluster.local"
    cluster_dns: Sequence[str] = ()
    host_resolv_conf: str = ""
    host_hosts: str = ""
