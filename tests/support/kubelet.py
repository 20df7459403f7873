"""The kubelet API on a free port of 127.0.0.1, over a provider whose behaviour the test decides."""

from __future__ import annotations

import contextlib
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence

from aiohttp import web
from msgspec.structs import replace

from tests.support.pods import pod_with, running, status_of
from tests.support.providers import TinyProvider
from vk_core.api.pod import Pod
from vk_core.api.podkey import PodKey
from vk_core.api.stats import Summary
from vk_core.kubelet.backend import KubeletBackend
from vk_core.kubelet.refusal import Handler, answer_refusals
from vk_core.provider import Provider
from vk_core.provider.streams import ContainerIO, LogOptions, LogStream, PortStream

Attach = Callable[[web.Application], object]
"""Adds routes to an application."""


class ScriptedProvider(TinyProvider):
    """Can do everything; a test replaces the functions that it is about.

    Attributes:
        logs, command, attached, port, stats: what the methods of the provider call.
        seen: how often each of them was called.
    """

    def __init__(self) -> None:
        super().__init__()
        self.seen: Counter[str] = Counter()
        self.logs: Callable[[PodKey, str, LogOptions], Awaitable[LogStream]] = _no_logs
        self.command: Callable[[Sequence[str], ContainerIO], Awaitable[int]] = _no_command
        self.attached: Callable[[ContainerIO], Awaitable[None]] = _nothing_attached
        self.port: Callable[[int, PortStream], Awaitable[None]] = _echo
        self.stats: Callable[[], Awaitable[Summary]] = _no_stats

    async def get_container_logs(self, key: PodKey, container_name: str, options: LogOptions) -> LogStream:
        self.seen["get_container_logs"] += 1
        return await self.logs(key, container_name, options)

    async def run_in_container(self, key: PodKey, container_name: str, command: Sequence[str], io: ContainerIO) -> int:
        del key, container_name
        self.seen["run_in_container"] += 1
        return await self.command(command, io)

    async def attach_to_container(self, key: PodKey, container_name: str, io: ContainerIO) -> None:
        del key, container_name
        self.seen["attach_to_container"] += 1
        await self.attached(io)

    async def port_forward(self, key: PodKey, port: int, stream: PortStream) -> None:
        del key
        self.seen["port_forward"] += 1
        await self.port(port, stream)

    async def get_stats_summary(self) -> Summary:
        self.seen["get_stats_summary"] += 1
        return await self.stats()


async def _no_logs(_key: PodKey, _container: str, _options: LogOptions) -> LogStream:
    return LogStream(chunks=pieces())


async def _no_command(_command: Sequence[str], _io: ContainerIO) -> int:
    return 0


async def _nothing_attached(_io: ContainerIO) -> None:
    return


async def _echo(_port: int, stream: PortStream) -> None:
    while data := await stream.read():
        await stream.write(data)
    await stream.write_eof()


async def _no_stats() -> Summary:
    raise AssertionError("this test has no stats")


async def pieces(*chunks: bytes) -> AsyncIterator[bytes]:
    """A log in pieces."""
    for chunk in chunks:
        yield chunk


def running_pod(*containers: str, name: str = "web") -> Pod:
    """A pod in the namespace `default` whose containers run; one named `main` unless told otherwise."""
    names = containers or ("main",)
    return replace(pod_with(*names, name=name), status=status_of(*map(running, names), phase="Running"))


def backend_of(provider: Provider, pods: Iterable[Pod]) -> KubeletBackend:
    """A node with these pods, taken anew for every request."""

    def find(namespace: str, name: str) -> Pod | None:
        for pod in pods:
            if (pod.metadata.namespace, pod.metadata.name) == (namespace, name):
                return pod
        return None

    return KubeletBackend(
        node_name="virtual", provider=provider, provider_name="scripted", pods=lambda: pods, find=find
    )


@contextlib.asynccontextmanager
async def serving(*attach: Attach, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """An application with these routes, such as `lambda app: attach_stats_routes(app, backend)`; yields its URL."""
    app = web.Application(middlewares=[answer_refusals])
    for add in attach:
        add(app)
    # As the kubelet API is served: a handler is cancelled when its client goes away.
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
        await site.start()
        host, port = runner.addresses[0][:2]
        yield f"http{'s' if tls else ''}://{host}:{port}"
    finally:
        await runner.cleanup()


def route(path: str, handler: Handler) -> Attach:
    """One handler for every method of a path, for tests of a handler alone."""
    return lambda app: app.router.add_route("*", path, handler)
