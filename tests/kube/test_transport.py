"""Bytes over real HTTP: credentials are renewed, silence is noticed, connections are closed."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from vk_core.kube.client import KubeClient
from vk_core.kube.credentials import CredentialSource
from vk_core.kube.errors import ApiUnavailable, NotAuthenticated
from vk_core.kube.request import build
from vk_core.kube.resources import NODES, PODS
from vk_core.kube.transport import HttpTransport

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

KUBECONFIG = """
apiVersion: v1
kind: Config
current-context: test
contexts: [{{name: test, context: {{cluster: test, user: test}}}}]
clusters: [{{name: test, cluster: {{server: "{server}"}}}}]
users: [{{name: test, user: {{token: "{token}"}}}}]
"""


class Server:
    """A server, and the kubeconfig that leads to it."""

    def __init__(self, url: str, kubeconfig: Path) -> None:
        self.url = url
        self.kubeconfig = kubeconfig

    def give(self, token: str) -> None:
        self.kubeconfig.write_text(KUBECONFIG.format(server=self.url, token=token))


@pytest.fixture
async def serve(tmp_path: Path) -> AsyncIterator[Callable[[Handler], Awaitable[Server]]]:
    async with contextlib.AsyncExitStack() as stack:

        async def start(handler: Handler) -> Server:
            app = web.Application()
            app.router.add_route("*", "/{tail:.*}", handler)
            server = await stack.enter_async_context(TestServer(app))
            found = Server(str(server.make_url("")).rstrip("/"), tmp_path / "kubeconfig")
            found.give("first")
            return found

        yield start


@contextlib.asynccontextmanager
async def client_of(server: Server) -> AsyncIterator[KubeClient]:
    source = CredentialSource.find(server.kubeconfig)
    client = KubeClient(HttpTransport(source, await source.load(), "virtual-kubelet/test"))
    try:
        yield client
    finally:
        await client.close()


async def test_credentials_are_read_again_once_when_the_server_no_longer_takes_them(
    serve: Callable[[Handler], Awaitable[Server]],
) -> None:
    accepted, seen = "first", []

    async def handle(request: web.Request) -> web.Response:
        seen.append((request.headers["Authorization"], request.headers["User-Agent"]))
        if request.headers["Authorization"] != f"Bearer {accepted}":
            return web.json_response({"kind": "Status", "code": 401, "reason": "Unauthorized"}, status=401)
        return web.json_response({"metadata": {"name": "n"}})

    server = await serve(handle)
    async with client_of(server) as client:
        await client.get(NODES, "n")
        accepted = "second"
        server.give("second")
        found = await asyncio.gather(*(client.get(NODES, "n") for _ in range(5)))
        assert [node.metadata.name for node in found] == ["n"] * 5
        assert seen[0] == ("Bearer first", "virtual-kubelet/test")
        assert [header for header, _ in seen].count("Bearer second") == 5


async def test_credentials_that_are_the_same_when_read_again_are_not_tried_again(
    serve: Callable[[Handler], Awaitable[Server]],
) -> None:
    requests = 0

    async def handle(_request: web.Request) -> web.Response:
        nonlocal requests
        requests += 1
        return web.json_response({"kind": "Status", "code": 401, "reason": "Unauthorized"}, status=401)

    async with client_of(await serve(handle)) as client:
        with pytest.raises(NotAuthenticated):
            await client.get(NODES, "n")
        assert requests == 1


async def test_a_kubeconfig_that_is_broken_when_it_is_read_again_is_an_expected_error(
    serve: Callable[[Handler], Awaitable[Server]],
) -> None:
    async def handle(_request: web.Request) -> web.Response:
        return web.json_response({}, status=401)

    server = await serve(handle)
    async with client_of(server) as client:
        server.kubeconfig.write_text("a: [")
        with pytest.raises(NotAuthenticated):
            await client.get(NODES, "n")


async def test_the_time_to_wait_is_read_from_the_answer(serve: Callable[[Handler], Awaitable[Server]]) -> None:
    requests = 0

    async def handle(_request: web.Request) -> web.Response:
        nonlocal requests
        requests += 1
        if requests == 1:
            return web.json_response({}, status=429, headers={"Retry-After": "0"})
        return web.json_response({"metadata": {"name": "n"}})

    async with client_of(await serve(handle)) as client:
        transport = client.transport
        first = await transport.send(build("get", NODES, name="n"))
        assert (first.status, first.retry_after_seconds) == (429, 0.0)
        assert (await transport.send(build("get", NODES, name="n"))).retry_after_seconds is None


async def test_a_stream_comes_piece_by_piece_and_a_silence_that_is_too_long_is_an_error(
    serve: Callable[[Handler], Awaitable[Server]],
) -> None:
    async def handle(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"one\n")
        await asyncio.Event().wait()
        return response

    async with client_of(await serve(handle)) as client:
        received = b""
        with pytest.raises(ApiUnavailable):
            async with client.transport.stream(build("watch", PODS), silence_seconds=0.05) as stream:
                async for chunk in stream.chunks:
                    received += chunk
        assert received == b"one\n"


async def test_a_stream_that_is_refused_has_its_body(serve: Callable[[Handler], Awaitable[Server]]) -> None:
    async def handle(_request: web.Request) -> web.Response:
        return web.json_response({"code": 410}, status=410, headers={"Retry-After": "3"})

    async with (
        client_of(await serve(handle)) as client,
        client.transport.stream(build("watch", PODS), silence_seconds=5) as stream,
    ):
        assert (stream.status, stream.body, stream.retry_after_seconds) == (410, b'{"code": 410}', 3.0)


async def test_a_server_that_is_not_there_is_named(tmp_path: Path, unused_tcp_port: int) -> None:
    server = Server(f"http://127.0.0.1:{unused_tcp_port}", tmp_path / "kubeconfig")
    server.give("first")
    async with client_of(server) as client:
        with pytest.raises(ApiUnavailable, match=f"cannot reach the API server http://127.0.0.1:{unused_tcp_port}"):
            await client.get(NODES, "n")


async def test_a_proxy_gets_requests_and_watches_when_there_is_one(
    serve: Callable[[Handler], Awaitable[Server]], tmp_path: Path
) -> None:
    asked: list[str] = []

    async def proxy(request: web.Request) -> web.StreamResponse:
        asked.append(request.raw_path)
        return web.json_response({"metadata": {"name": "one"}})

    found = await serve(proxy)
    text = KUBECONFIG.format(server="http://api.invalid:8080", token="first")
    found.kubeconfig.write_text(text.replace("}}]\nusers", f', proxy-url: "{found.url}"}}}}]\nusers'))
    async with client_of(found) as client:
        assert (await client.get(NODES, "one")).metadata.name == "one"
        request = build("watch", NODES)
        async with client.transport.stream(request, silence_seconds=5.0) as stream:
            assert stream.status == 200
    assert asked == ["http://api.invalid:8080/api/v1/nodes/one", "http://api.invalid:8080/api/v1/nodes"]
