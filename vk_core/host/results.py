"""What a provider gets of the volumes on this machine: plain data, with paths that no container can turn elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class HostMount:
    """Something of a volume on this machine and where a container wants it.

    Attributes:
        path: where in the container; absolute.
        host_path: what to mount there.
        is_directory: whether that is a directory; else it is a file (or a socket or device of a `hostPath` volume).
        read_only: whether the container must not write to it; always so for files that core makes, as in a kubelet.
        recursive_read_only: the same for mounts below it: `Disabled`, `IfPossible` or `Enabled`.
        propagation: `None`, `HostToContainer` or `Bidirectional`.
        volume: the volume's name.
    """

    path: str
    host_path: Path
    is_directory: bool
    read_only: bool
    recursive_read_only: str
    propagation: str
    volume: str


@dataclass(frozen=True, slots=True)
class HostNetworkFiles:
    """The files by which a pod knows names, to be mounted into each of its containers.

    Attributes:
        hostname: what `hostname` says in the pod.
        domain: the domain of its full name; empty without a subdomain.
        hosts: what to mount as `/etc/hosts`; None while the pod's address is not known.
        resolv_conf: what to mount as `/etc/resolv.conf`.
    """

    hostname: str
    domain: str
    hosts: Path | None
    resolv_conf: Path
