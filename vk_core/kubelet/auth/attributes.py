"""What a request does to the node, in the words of RBAC: a verb, and the subresources of `nodes` that allow it.

The rules are kubelet's, with one difference: what runs in containers is `create` by any method. Kubelet takes the
WebSocket variants for `get`, by which the right to read (`get nodes/proxy`) becomes the right to run commands.
"""

from __future__ import annotations

from typing import NamedTuple

VERBS = {"POST": "create", "GET": "get", "HEAD": "get", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}

PROXY = "proxy"
"""The subresource that allows everything."""

SUBRESOURCES = {
    "stats": ("stats",),
    "metrics": ("metrics",),
    "logs": ("log",),
    "checkpoint": ("checkpoint",),
    "pods": ("pods", PROXY),
    "runningpods": ("pods", PROXY),
    "healthz": ("healthz", PROXY),
    "livez": ("healthz", PROXY),
    "readyz": ("healthz", PROXY),
    "configz": ("configz", PROXY),
}
"""By the first part of the path; any one that is allowed is enough (KEP-2862, fine-grained kubelet authorization)."""

INTO_CONTAINERS = frozenset({"exec", "attach", "portForward", "run"})


class Attributes(NamedTuple):
    """What is to be allowed."""

    verb: str
    subresources: tuple[str, ...]


def attributes(method: str, route: str) -> Attributes:
    """What a request asks for.

    Args:
        method: of HTTP.
        route: the path of the route that serves it, never the path that the client wrote: the two must not be able
            to differ. Empty when there is none.
    """
    first = route.strip("/").partition("/")[0]
    verb = "create" if first in INTO_CONTAINERS else VERBS.get(method, method.lower())
    return Attributes(verb, SUBRESOURCES.get(first, (PROXY,)))
