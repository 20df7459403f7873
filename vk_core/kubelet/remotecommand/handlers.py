"""`/exec` and `/attach` as aiohttp handlers: refuse what can be refused, upgrade, run.

Paths have the names `namespace`, `pod`, `container` and perhaps `uid`. Who may call is not asked here.
"""

from __future__ import annotations

from aiohttp import web

from vk_core.kubelet.backend import KubeletBackend, StreamTimeouts
from vk_core.kubelet.refusal import Handler
from vk_core.kubelet.remotecommand.legacyrun import run_handler
from vk_core.kubelet.remotecommand.outcome import Outcome, exited
from vk_core.kubelet.remotecommand.request import StreamOptions, exec_command, running_target, stream_options
from vk_core.kubelet.remotecommand.runner import Work
from vk_core.kubelet.remotecommand.spdy import serve_spdy
from vk_core.kubelet.remotecommand.websocket import serve_websocket
from vk_core.kubelet.upgrade import is_websocket
from vk_core.provider.capabilities import AttachesToContainer, RunsInContainer
from vk_core.provider.streams import ContainerIO
from vk_core.telemetry.metrics import stream_open

__all__ = ["attach_handler", "exec_handler", "run_handler"]


def exec_handler(backend: KubeletBackend, timeouts: StreamTimeouts) -> Handler:
    """`/exec/{namespace}/{pod}[/{uid}]/{container}?command=`, GET for WebSocket and POST for SPDY."""

    async def handle(request: web.Request) -> web.StreamResponse:
        target = running_target(backend, request.match_info)
        provider = backend.provider
        if not isinstance(provider, RunsInContainer):
            raise backend.unsupported("run commands in containers")
        command, options = exec_command(request.query), stream_options(request.query)

        async def call(io: ContainerIO) -> Outcome:
            return exited(await provider.run_in_container(target.pod, target.container, command, io))

        with stream_open("exec"):
            return await _stream(request, options, timeouts, Work("executing command in", call))

    return handle


def attach_handler(backend: KubeletBackend, timeouts: StreamTimeouts) -> Handler:
    """`/attach/{namespace}/{pod}[/{uid}]/{container}`, GET for WebSocket and POST for SPDY."""

    async def handle(request: web.Request) -> web.StreamResponse:
        target = running_target(backend, request.match_info)
        provider = backend.provider
        if not isinstance(provider, AttachesToContainer):
            raise backend.unsupported("attach to containers")
        options = stream_options(request.query)

        async def call(io: ContainerIO) -> Outcome:
            await provider.attach_to_container(target.pod, target.container, io)
            return Outcome()

        with stream_open("attach"):
            return await _stream(request, options, timeouts, Work("attaching to", call))

    return handle


async def _stream(
    request: web.Request, options: StreamOptions, timeouts: StreamTimeouts, work: Work
) -> web.StreamResponse:
    if is_websocket(request):
        return await serve_websocket(request, options, timeouts.idle, work)
    return await serve_spdy(request, options, timeouts, work)
