"""The subresources of pods and nodes that lead to a kubelet: looks up the pod and its node, and connects."""

from __future__ import annotations

import ssl

import msgspec
from aiohttp import web

from vk_core.api.node import Node
from vk_core.api.pod import Pod
from vk_core.devcluster.kubelets.forwarding import Forwarder
from vk_core.devcluster.kubelets.location import Address, address_of, log_path, stream_path
from vk_core.devcluster.kubelets.logoptions import parse_log_options
from vk_core.devcluster.kubelets.upgrade import Upgrades, is_upgrade
from vk_core.devcluster.registry import Registry
from vk_core.devcluster.requests import Target
from vk_core.devcluster.resources import NODES, PODS
from vk_core.devcluster.statuses import bad_request

_NO_CONTENT = 204
_PROXY_PREFIX = 6
"""Parts of `/api/v1/nodes/NAME/proxy` between slashes."""


class KubeletProxy:
    """Connects clients with the kubelets of the nodes.

    Args:
        registry: where pods and nodes are looked up.
        context: TLS, with the client certificate that kubelets know.
    """

    def __init__(self, registry: Registry, context: ssl.SSLContext) -> None:
        self._registry = registry
        self._forwarder = Forwarder(context)
        self._upgrades = Upgrades(context)

    @property
    def open_upgrades(self) -> int:
        """How many exec, attach and port-forward connections to kubelets there are."""
        return self._upgrades.open

    async def close(self) -> None:
        """Ends all connections to kubelets."""
        self._upgrades.abort()
        await self._forwarder.close()

    async def handle(self, request: web.BaseRequest, target: Target) -> web.StreamResponse:
        """Answers a request for `pods/log`, `pods/exec`, `pods/attach`, `pods/portforward` or `nodes/proxy`.

        Raises:
            StatusError: the request is refused, or the kubelet cannot be reached.
        """
        assert target.subresource is not None
        if target.resource is NODES:
            return await self._node(request, target.name)
        if target.subresource.name == "log":
            return await self._log(request, target)
        pod = self._pod(target)
        path = stream_path(pod, target.subresource.name, request.query)
        address = self._address(pod.spec.node_name)
        if not is_upgrade(request):
            # A kubelet would say the same, in words that depend on the protocol.
            raise bad_request("Upgrade request required")
        return await self._upgrades.proxy(request, address, path)

    async def metrics(self, node: str) -> str:
        """Returns what the kubelet of a node says at `/metrics/resource`.

        Raises:
            StatusError: there is no such node, or it has no address.
            aiohttp.ClientError: it cannot be reached, or refuses.
            TimeoutError: it does not answer.
            OSError: the connection broke.
        """
        return await self._forwarder.metrics(self._address(node))

    async def _log(self, request: web.BaseRequest, target: Target) -> web.StreamResponse:
        options = parse_log_options(request.query, target.name)
        pod = self._pod(target)
        path = log_path(pod, options)
        if not pod.spec.node_name:
            return web.Response(status=_NO_CONTENT)
        return await self._forwarder.log(request, self._address(pod.spec.node_name), path, target.name)

    async def _node(self, request: web.BaseRequest, name: str) -> web.StreamResponse:
        host, path = name.removeprefix("https:"), _below_proxy(request)
        node, _, port = host.partition(":")
        address = self._address(node)
        if port not in {"", str(address.port)}:
            raise bad_request(f"only the kubelet's own port {address.port} of node {node} is proxied, not {port}")
        if is_upgrade(request):
            return await self._upgrades.proxy(request, address, path)
        return await self._forwarder.forward(request, address, path)

    def _pod(self, target: Target) -> Pod:
        return msgspec.json.decode(self._registry.get(PODS, target.key).encoded, type=Pod)

    def _address(self, name: str) -> Address:
        node = self._registry.get(NODES, ("", name))
        return address_of(msgspec.json.decode(node.encoded, type=Node))


def _below_proxy(request: web.BaseRequest) -> str:
    """What is asked of the kubelet: the rest of the path as it was written, and the query."""
    url = request.rel_url
    parts = url.raw_path.split("/", _PROXY_PREFIX)
    path = f"/{parts[_PROXY_PREFIX]}" if len(parts) > _PROXY_PREFIX else "/"
    return f"{path}?{url.raw_query_string}" if url.raw_query_string else path
