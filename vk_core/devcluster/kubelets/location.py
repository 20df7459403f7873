"""Where on a kubelet a request for a pod or a node goes, and with which query: what an API server makes of its own.

Pure: pods and nodes in, paths and addresses out. Options are those of `PodLogOptions`, `PodExecOptions`,
`PodAttachOptions` and `PodPortForwardOptions` (core/v1).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import quote, urlencode

from vk_core.api.container import Container
from vk_core.api.node import Node
from vk_core.api.pod import Pod
from vk_core.devcluster.kubelets.logoptions import LogOptions
from vk_core.devcluster.requests import is_true
from vk_core.devcluster.statuses import StatusError, bad_request

DEFAULT_PORT = 10250
_ADDRESS_TYPES = ("InternalIP", "ExternalIP", "Hostname")
"""In order of preference, as kubeadm sets `--kubelet-preferred-address-types`."""

_STREAMS = (("stdin", "input"), ("stdout", "output"), ("stderr", "error"), ("tty", "tty"))
"""Options of the API and what kubelets call them."""


class Query(Protocol):
    """A query whose parameters may occur more than once."""

    def get(self, key: str, /) -> str | None:
        """The first value, or `None`."""

    def getall(self, key: str, default: list[str], /) -> list[str]:
        """All values."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a kubelet listens."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    def url(self, path: str) -> str:
        """The address of something on the kubelet; `path` is encoded and begins with a slash."""
        return f"https://{self}{path}"


def address_of(node: Node) -> Address:
    """Returns where the kubelet of a node listens, by the node's status.

    Raises:
        StatusError: 500 if the node has no address.
    """
    addresses = {address.type: address.address for address in reversed(node.status.addresses) if address.address}
    found = next((addresses[kind] for kind in _ADDRESS_TYPES if kind in addresses), None)
    if found is None:
        known = ", ".join(f"{kind} {address}" for kind, address in addresses.items())
        raise StatusError(500, f"no preferred addresses found; known addresses: [{known}]", reason="Unknown")
    return Address(found, node.status.daemon_endpoints.kubelet_endpoint.port or DEFAULT_PORT)


def container_name(pod: Pod, asked: str) -> str:
    """Returns the container that is meant: the one that is asked for, or else the only one.

    Raises:
        StatusError: 400 if there is no such container, or more than one to choose from.
    """
    spec, name = pod.spec, pod.metadata.name
    if asked:
        everything = (*spec.containers, *spec.init_containers, *spec.ephemeral_containers)
        if all(container.name != asked for container in everything):
            raise bad_request(f"container {asked} is not valid for pod {name}")
        return asked
    if len(spec.containers) == 1:
        return spec.containers[0].name
    message = f"a container name must be specified for pod {name}"
    if spec.containers:
        message += f", choose one of: {_names(spec.containers)}"
    if spec.containers and spec.init_containers:
        message += f" or one of the init containers: {_names(spec.init_containers)}"
    raise bad_request(message)


def log_path(pod: Pod, options: LogOptions) -> str:
    """Returns the path and query of a container's log.

    Raises:
        StatusError: 400 for a container that is not there.
    """
    container = container_name(pod, options.container)
    return _path("containerLogs", pod, container, query=options.pairs())


def stream_path(pod: Pod, subresource: str, query: Query) -> str:
    """Returns the path and query of `exec`, `attach` or `portforward`.

    Raises:
        StatusError: 400 for a container that is not there, or a pod that is nowhere.
    """
    if subresource == "portforward":
        _check_host(pod)
        ports = query.getall("ports", [])
        return _path("portForward", pod, query=[("port", ",".join(ports))] if ports else [])
    container = container_name(pod, query.get("container") or "")
    _check_host(pod)
    flags = [(theirs, "1") for ours, theirs in _STREAMS if is_true(query.get(ours))]
    commands = [("command", part) for part in query.getall("command", [])] if subresource == "exec" else []
    return _path(subresource, pod, container, query=[*commands, *flags])


def _check_host(pod: Pod) -> None:
    if not pod.spec.node_name:
        raise bad_request(f"pod {pod.metadata.name} does not have a host assigned")


def _path(verb: str, pod: Pod, *container: str, query: Iterable[tuple[str, str]]) -> str:
    parts = (verb, pod.metadata.namespace, pod.metadata.name, *container)
    path = "".join(f"/{quote(part, safe='')}" for part in parts)
    # Go sorts the names of a query and keeps the order of equal ones.
    encoded = urlencode(sorted(query, key=lambda pair: pair[0]))
    return f"{path}?{encoded}" if encoded else path


def _names(containers: Iterable[Container]) -> str:
    return f"[{' '.join(container.name for container in containers)}]"
