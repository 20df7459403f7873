"""Requests that become streams (SPDY, WebSocket): sent to a kubelet as they are, then joined with its connection."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterable

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter

from vk_core.devcluster.kubelets.head import Head, make_request
from vk_core.devcluster.kubelets.location import Address
from vk_core.devcluster.kubelets.pipe import Leg
from vk_core.devcluster.kubelets.wording import LONGEST_REFUSAL, unreachable, why

DIAL_SECONDS = 30.0
ANSWER_SECONDS = 60.0
"""A kubelet may have to ask its runtime before it agrees to an upgrade."""

_SWITCHING_PROTOCOLS, _LEAST_REFUSAL = 101, 400
_NOT_FORWARDED = frozenset({"authorization", "x-forwarded-for", "content-length", "transfer-encoding"})


class Taken(web.StreamResponse):
    """What a handler returns when it has taken over the connection: nothing is left to be sent."""

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        """Sends nothing."""
        return None

    async def write_eof(self, data: bytes = b"") -> None:
        """Sends nothing."""


def is_upgrade(request: web.BaseRequest) -> bool:
    """Tells whether a request asks for another protocol."""
    return "upgrade" in request.headers.get("Connection", "").lower() and "Upgrade" in request.headers


class Upgrades:
    """Proxies upgraded connections to kubelets.

    Args:
        context: TLS, with the client certificate that kubelets know.
    """

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        self._legs: set[Leg] = set()

    @property
    def open(self) -> int:
        """How many connections to kubelets there are."""
        return len(self._legs)

    def abort(self) -> None:
        """Ends all connections at once."""
        for leg in list(self._legs):
            leg.abort()

    async def proxy(self, request: web.BaseRequest, address: Address, path: str) -> web.StreamResponse:
        """Sends a request to `path` of a kubelet and becomes a pipe when it agrees; a refusal is handed on as it is.

        Raises:
            StatusError: the kubelet cannot be reached, or makes no sense.
        """
        node = await self._dial(address)
        try:
            node.write(make_request(request.method, path, _headers(request)))
            try:
                async with asyncio.timeout(ANSWER_SECONDS):
                    head = await node.read_head()
                    if head.status != _SWITCHING_PROTOCOLS:
                        return await _refusal(node, head)
            except (ValueError, OSError) as error:
                raise unreachable(f"error dialing backend: {why(error, str(address))}") from None
            await self._join(request, node, head)
            return Taken()
        finally:
            if not node.is_closing:
                node.abort()

    async def _dial(self, address: Address) -> Leg:
        leg = Leg(lambda _: self._legs.discard(leg))
        try:
            async with asyncio.timeout(DIAL_SECONDS):
                await asyncio.get_running_loop().create_connection(
                    lambda: leg, address.host, address.port, ssl=self._context, server_hostname=address.host
                )
        except OSError as error:
            raise unreachable(f"error dialing backend: {why(error, str(address))}") from None
        self._legs.add(leg)
        return leg

    async def _join(self, request: web.BaseRequest, node: Leg, head: Head) -> None:
        rest = await node.read_rest()
        transport = request.transport
        if transport is None:
            raise ConnectionResetError("the client went away")
        client = Leg(request.protocol.connection_lost)
        try:
            client.take_over(transport)
            client.write(head.raw + rest)
            client.join(node)
            await client.lost.wait()
        finally:
            # At an orderly end this does nothing; what is cancelled shall not linger.
            if not client.is_closing:
                client.abort()


def _headers(request: web.BaseRequest) -> Iterable[tuple[str, str]]:
    """The client's headers without its credentials, which are nobody else's business."""
    for name, value in request.headers.items():
        if name.lower() not in _NOT_FORWARDED:
            yield name, value
    if request.method == "POST":
        yield "Content-Length", "0"
    came_from = request.headers.getall("X-Forwarded-For", [])
    yield "X-Forwarded-For", ", ".join([*came_from, request.remote or ""])


async def _refusal(node: Leg, head: Head) -> web.Response:
    body = await node.read_body(head, LONGEST_REFUSAL)
    if head.status < _LEAST_REFUSAL:
        raise unreachable(f"invalid upgrade response: status code {head.status}")
    media = head.headers.get("content-type", "text/plain; charset=utf-8")
    accepted = {
        name.title(): value
        for name, value in head.headers.items()
        if name in {"x-accepted-stream-protocol-versions", "retry-after", "sec-websocket-protocol"}
    }
    return web.Response(status=head.status, body=body, headers={"Content-Type": media, **accepted})
