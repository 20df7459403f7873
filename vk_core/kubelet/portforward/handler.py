"""`/portForward` as an aiohttp handler: refuse what can be refused, then serve the client on the wire it asks for.

Paths have the names `namespace`, `pod` and perhaps `uid`. Who may call is not asked here.
"""

from __future__ import annotations

from aiohttp import hdrs, web

from vk_core.api.pod import Pod
from vk_core.api.podkey import PodKey
from vk_core.kubelet.backend import KubeletBackend, StreamTimeouts
from vk_core.kubelet.portforward import channels
from vk_core.kubelet.portforward.forward import Forward, forward_to
from vk_core.kubelet.portforward.pairs import PROTOCOL, forward_pairs
from vk_core.kubelet.portforward.tunnel import TUNNEL, serve_tunnel
from vk_core.kubelet.refusal import Handler, Refusal
from vk_core.kubelet.spdy.connection import SpdyConnection
from vk_core.kubelet.spdy.takeover import take_over
from vk_core.kubelet.upgrade import is_websocket, negotiate_spdy
from vk_core.provider.capabilities import ForwardsPorts
from vk_core.telemetry.metrics import stream_open


def port_forward_handler(backend: KubeletBackend, timeouts: StreamTimeouts) -> Handler:
    """`/portForward/{namespace}/{pod}[/{uid}]`, GET for WebSockets and POST for SPDY."""

    async def handle(request: web.Request) -> web.StreamResponse:
        names = request.match_info
        pod = backend.pod(names["namespace"], names["pod"], names.get("uid", ""))
        if not isinstance(backend.provider, ForwardsPorts):
            raise backend.unsupported("forward ports")
        _check_running(pod)
        forward = forward_to(backend.provider, PodKey.of(pod))
        serve = _serve_websocket if is_websocket(request) else _serve_spdy
        return await serve(request, forward, timeouts)

    return handle


def _check_running(pod: Pod) -> None:
    """As for kubelet, a pod whose init containers (sidecars among them) run has ports as well."""
    begun = any(status.state.running is not None for status in pod.status.init_container_statuses)
    if pod.status.phase != "Running" and not begun:
        phase = pod.status.phase or "Pending"
        raise Refusal(400, f'pod "{pod.metadata.name}" is not running, its phase is {phase}: no port can be forwarded')


async def _serve_spdy(request: web.Request, forward: Forward, timeouts: StreamTimeouts) -> web.StreamResponse:
    protocol = negotiate_spdy(request, (PROTOCOL,))
    with stream_open("portForward"):
        async with take_over(request, protocol=protocol, idle=timeouts.idle) as connection:
            await forward_pairs(connection, forward, timeouts.creation)
        return connection.response


async def _serve_websocket(request: web.Request, forward: Forward, timeouts: StreamTimeouts) -> web.StreamResponse:
    name = _negotiate_websocket(request)
    if name == TUNNEL:

        async def serve(connection: SpdyConnection) -> None:
            await forward_pairs(connection, forward, timeouts.creation)

        with stream_open("portForward"):
            return await serve_tunnel(request, timeouts.idle, serve)
    ports = channels.ports_of(request.query)
    with stream_open("portForward"):
        return await channels.forward_channels(request, channels.PROTOCOLS[name], ports, forward, timeouts.idle)


def _negotiate_websocket(request: web.Request) -> str:
    offered = [
        name.strip() for value in request.headers.getall(hdrs.SEC_WEBSOCKET_PROTOCOL, ()) for name in value.split(",")
    ]
    for name in offered or [""]:
        if name == TUNNEL or name in channels.PROTOCOLS:
            return name
    known = ", ".join((TUNNEL, *filter(None, channels.PROTOCOLS)))
    raise Refusal(403, f"unable to upgrade: none of the offered WebSocket protocols is known here, only {known}")
