"""What goes over HTTP/2, and what does not; credentials are renewed there as well."""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from tests.support.forwarding import certificate, tls_contexts
from tests.support.http2 import Http2Server, ServerSide, http2_server
from tests.support.loops import Stage
from vk_core.api.core import ConfigMap
from vk_core.kube.client import KubeClient
from vk_core.kube.credentials import CredentialSource
from vk_core.kube.errors import ApiUnavailable
from vk_core.kube.request import build
from vk_core.kube.resources import CONFIG_MAPS, PODS
from vk_core.kube.transport import HttpTransport
from vk_core.kube.watch import Watch

KUBECONFIG = """
apiVersion: v1
kind: Config
current-context: test
contexts: [{{name: test, context: {{cluster: test, user: test}}}}]
clusters: [{{name: test, cluster: {{server: "https://127.0.0.1:{port}/prefix", certificate-authority-data: {ca}}}}}]
users: [{{name: test, user: {{token: "{token}"}}}}]
"""
WATCH = build("watch", CONFIG_MAPS, namespace="default", query={"fieldSelector": "metadata.name=one"})
FOUND = b'{"type":"ADDED","object":{"metadata":{"name":"one","uid":"u"},"data":{"a":"b"}}}\n'


def kubeconfig(folder: Path, port: int, token: str = "first") -> Path:
    ca = base64.b64encode(certificate()[1]).decode()
    path = folder / "kubeconfig"
    path.write_text(KUBECONFIG.format(port=port, token=token, ca=ca))
    return path


@contextlib.asynccontextmanager
async def transport_to(path: Path) -> AsyncIterator[HttpTransport]:
    source = CredentialSource.find(path)
    transport = HttpTransport(source, await source.load(), "virtual-kubelet/test")
    client = KubeClient(transport)
    try:
        yield transport
    finally:
        await client.close()


@contextlib.asynccontextmanager
async def connected(folder: Path) -> AsyncIterator[tuple[HttpTransport, Http2Server]]:
    async with http2_server(folder) as server, transport_to(kubeconfig(folder, server.port)) as transport:
        server.answers = ServerSide.answer
        yield transport, server


async def test_a_watch_goes_over_http2_with_all_that_the_server_must_know(tmp_path: Path) -> None:
    async with connected(tmp_path) as (transport, server):
        async with transport.stream(WATCH, silence_seconds=10.0) as stream:
            assert (stream.status, stream.body, stream.retry_after_seconds) == (200, b"", None)
            server.connections[0].send(1, b"one", end=True)
            assert [piece async for piece in stream.chunks] == [b"one"]
        assert server.connections[0].requests[1] == {
            ":method": "GET",
            ":scheme": "https",
            ":authority": f"127.0.0.1:{server.port}",
            ":path": "/prefix/api/v1/namespaces/default/configmaps?fieldSelector=metadata.name%3Done",
            "accept": "application/json",
            "accept-encoding": "identity",
            "authorization": "Bearer first",
            "content-type": "application/json",
            "user-agent": "virtual-kubelet/test",
        }


@pytest.mark.parametrize("fast", [False, True], ids=["asyncio", "uvloop"])
def test_a_watch_that_nobody_follows_any_more_ends_at_the_server_at_once(tmp_path: Path, fast: bool) -> None:
    async def scenario() -> None:
        async with connected(tmp_path) as (transport, server):
            watches = [Watch(transport, CONFIG_MAPS, field_selector=f"metadata.name={name}") for name in "abc"]
            told: asyncio.Queue[str] = asyncio.Queue()

            async def follow(watch: Watch[ConfigMap]) -> None:
                async for event in watch.changes("1"):
                    told.put_nowait(type(event).__name__)

            tasks = [asyncio.create_task(follow(watch)) for watch in watches]
            await server.until(lambda: bool(server.connections) and len(server.connections[0].requests) == 3)
            for number in (1, 3, 5):
                server.connections[0].send(number, FOUND)
            assert [await told.get() for _ in tasks] == ["WatchEvent"] * 3
            tasks[1].cancel()
            await server.until(lambda: len(server.connections[0].resets) == 1)
            server.connections[0].send(1, FOUND)
            assert await told.get() == "WatchEvent"
            for task in tasks:
                task.cancel()
            await server.until(lambda: len(server.connections[0].resets) == 3)

    Stage(uvloop=fast, tls=True).run(scenario())


async def test_a_refusal_has_its_body_and_the_time_to_wait(tmp_path: Path) -> None:
    async with connected(tmp_path) as (transport, server):
        server.answers = lambda connection, number: connection.answer(
            number, b'{"code": 410}', status=410, end=True, retry_after="3"
        )
        async with transport.stream(WATCH, silence_seconds=10.0) as stream:
            assert (stream.status, stream.body, stream.retry_after_seconds) == (410, b'{"code": 410}', 3.0)


async def test_no_more_of_a_refusal_is_read_than_anybody_would_look_at(tmp_path: Path) -> None:
    async with connected(tmp_path) as (transport, server):
        flood: list[asyncio.Task[None]] = []

        async def pour(connection: ServerSide, number: int) -> None:
            while number not in connection.resets:
                connection.fill(number)
                await asyncio.sleep(0)

        def answer(connection: ServerSide, number: int) -> None:
            connection.answer(number, status=500)
            flood.append(asyncio.create_task(pour(connection, number)))

        server.answers = answer
        async with transport.stream(WATCH, silence_seconds=10.0) as stream:
            assert 1 << 20 < len(stream.body) < 1 << 21
        await flood[0]


async def test_a_lost_connection_is_an_api_server_that_is_not_there(tmp_path: Path) -> None:
    async with connected(tmp_path) as (transport, server):
        with pytest.raises(ApiUnavailable, match="cannot reach the API server"):
            async with transport.stream(WATCH, silence_seconds=10.0) as stream:
                server.connections[0].close()
                async for _ in stream.chunks:
                    raise AssertionError
        with pytest.raises(ApiUnavailable, match="nothing came"):
            async with transport.stream(WATCH, silence_seconds=0.05) as stream:
                async for _ in stream.chunks:
                    raise AssertionError


async def test_credentials_are_renewed_and_what_runs_with_the_old_ones_goes_on(tmp_path: Path) -> None:
    async with connected(tmp_path) as (transport, server):
        async with transport.stream(WATCH, silence_seconds=10.0) as old:
            kubeconfig(tmp_path, server.port, "second")
            server.answers = lambda connection, number: connection.answer(
                number, status=200 if connection.requests[number]["authorization"] == "Bearer second" else 401, end=True
            )
            async with transport.stream(WATCH, silence_seconds=10.0) as refused:
                assert refused.status == 401
            async with transport.stream(WATCH, silence_seconds=10.0) as fresh:
                assert fresh.status == 200
            server.connections[0].send(1, b"goes on")
            assert await anext(old.chunks) == b"goes on"
        await server.until(lambda: server.connections[0].lost)
        assert not server.connections[1].lost


async def test_what_runs_with_old_credentials_ends_with_the_transport_too(tmp_path: Path) -> None:
    async with connected(tmp_path) as (transport, server), contextlib.AsyncExitStack() as streams:
        old = await streams.enter_async_context(transport.stream(WATCH, silence_seconds=10.0))
        kubeconfig(tmp_path, server.port, "second")
        await transport.renew()
        new = await streams.enter_async_context(transport.stream(WATCH, silence_seconds=10.0))
        await transport.close()
        for stream in (old, new):
            with pytest.raises(ConnectionAbortedError):
                await anext(stream.chunks)
        await server.until(lambda: all(connection.lost for connection in server.connections))
        assert len(server.connections) == 2


async def test_what_is_busy_and_what_the_server_cannot_have_over_http2_goes_over_http1(tmp_path: Path) -> None:
    seen: list[tuple[str, tuple[int, int]]] = []

    async def handle(request: web.Request) -> web.Response:
        seen.append((request.path_qs, (request.version.major, request.version.minor)))
        return web.Response(body=b"one")

    app = web.Application()
    app.router.add_get("/{tail:.*}", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls_contexts(tmp_path)[0])
    await site.start()
    async with transport_to(kubeconfig(tmp_path, runner.addresses[0][1])) as transport:
        for request in (WATCH, WATCH, build("watch", PODS)._replace(busy=True)):
            async with transport.stream(request, silence_seconds=10.0) as stream:
                assert [piece async for piece in stream.chunks] == [b"one"]
    await runner.cleanup()
    watched = "/prefix/api/v1/namespaces/default/configmaps?fieldSelector=metadata.name%3Done"
    assert seen == [(watched, (1, 1)), (watched, (1, 1)), ("/prefix/api/v1/pods", (1, 1))]


async def test_what_is_busy_does_not_go_over_http2_even_if_the_server_could(tmp_path: Path) -> None:
    async with connected(tmp_path) as (transport, server):
        server.answers = lambda _connection, _number: None
        with contextlib.suppress(ApiUnavailable):  # a server that speaks nothing else cannot answer
            async with transport.stream(WATCH._replace(busy=True), silence_seconds=0.05):
                raise AssertionError
        assert [connection.requests for connection in server.connections] == [{}]
        server.complaints.clear()
