"""Upgraded connections: what the kubelet is asked for, and that what goes in at one end comes out at the other."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import socket
import ssl
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest

from tests.devcluster.client import NODES, PODS, Client, pod
from tests.devcluster.kubelets.fakekubelet import DEADLINE_SECONDS, Exchange, FakeKubelet

SPDY = {"Connection": "Upgrade", "Upgrade": "SPDY/3.1", "X-Stream-Protocol-Version": "v4.channel.k8s.io"}
WEBSOCKET = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Protocol": "v5.channel.k8s.io",
}
MEGABYTE = 1024 * 1024
SMALL_BUFFER = 32 * 1024
"""With so much room at the client, bytes wait in the API server when the kubelet closes."""


@contextlib.asynccontextmanager
async def upgraded(
    client: Client,
    path: str,
    *,
    method: str = "POST",
    headers: dict[str, str] | None = None,
    receive_buffer: int | None = None,
) -> AsyncIterator[tuple[str, asyncio.StreamReader, asyncio.StreamWriter]]:
    """A raw connection to the API server, and the head of its answer."""
    cluster = client.cluster
    url = urlsplit(cluster.url)
    context = ssl.create_default_context(cadata=cluster.certificate_authority)
    connection = socket.socket()
    if receive_buffer is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    connection.setblocking(False)
    await asyncio.get_running_loop().sock_connect(connection, (url.hostname, url.port))
    reader, writer = await asyncio.open_connection(sock=connection, ssl=context, server_hostname=url.hostname)
    sent = {"Host": "api", "Authorization": f"Bearer {cluster.token}", **(SPDY if headers is None else headers)}
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in sent.items())]
    writer.write("\r\n".join(lines).encode() + b"\r\n\r\n")
    try:
        async with asyncio.timeout(DEADLINE_SECONDS):
            yield (await reader.readuntil(b"\r\n\r\n")).decode(), reader, writer
    finally:
        writer.transport.abort()


async def echoes(exchange: Exchange) -> None:
    await exchange.switch(exchange.headers["Upgrade"], "X-Chosen: yes", then=b"early ")
    while data := await exchange.reader.read(65536):
        await exchange.send(data)


async def is_silent(exchange: Exchange) -> None:
    await exchange.switch("SPDY/3.1")
    await exchange.reader.read()


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        (
            "p/exec?command=sh&command=-c&command=a%26b%20c&stdin=true&stdout=true&tty=true&stderr=false",
            "/exec/default/p/c?command=sh&command=-c&command=a%26b+c&input=1&output=1&tty=1",
        ),
        ("many/exec?container=b&command=x&stderr=1", "/exec/default/many/b?command=x&error=1"),
        ("p/attach?stdin=1&command=ignored", "/attach/default/p/c?input=1"),
        ("p/portforward", "/portForward/default/p"),
        ("p/portforward?ports=80&ports=81", "/portForward/default/p?port=80%2C81"),
    ],
)
async def test_the_kubelet_is_asked_for_streams_in_its_own_words(
    client: Client, kubelet: FakeKubelet, path: str, asked: str
) -> None:
    kubelet.script = echoes
    async with upgraded(client, f"{PODS}/{path}"):
        assert kubelet.asked == asked
    await kubelet.connection_ends()


@pytest.mark.parametrize(("method", "headers"), [("POST", SPDY), ("GET", WEBSOCKET)], ids=["spdy", "websocket"])
async def test_both_sides_see_the_handshake_and_every_byte_unchanged(
    client: Client, kubelet: FakeKubelet, method: str, headers: dict[str, str]
) -> None:
    kubelet.script = echoes
    path = f"{PODS}/p/exec?stdout=1&command=x"
    async with upgraded(client, path, method=method, headers=headers) as (head, reader, writer):
        assert head.startswith("HTTP/1.1 101 Switching Protocols\r\n")
        assert "X-Chosen: yes" in head
        asked = kubelet.requests[0]
        assert (asked.method, asked.subject["commonName"]) == (method, "kube-apiserver-kubelet-client")
        assert {name: asked.headers[name] for name in headers} == headers
        assert "Authorization" not in asked.headers
        assert asked.headers["X-Forwarded-For"] == "127.0.0.1"
        sent = os.urandom(3 * MEGABYTE)
        writer.write(sent)
        assert await reader.readexactly(6) == b"early "
        assert hashlib.sha256(await reader.readexactly(len(sent))).digest() == hashlib.sha256(sent).digest()


async def test_a_client_that_leaves_ends_the_connection_to_the_kubelet(client: Client, kubelet: FakeKubelet) -> None:
    kubelet.script = is_silent
    async with upgraded(client, f"{PODS}/p/attach?stdout=1"):
        assert client.cluster.open_streams == 1
    await kubelet.connection_ends()
    assert client.cluster.open_streams == 0


async def test_a_kubelet_that_ends_a_connection_ends_the_clients_after_the_last_byte(
    client: Client, kubelet: FakeKubelet
) -> None:
    sent = os.urandom(12 * MEGABYTE)

    async def hand_out(exchange: Exchange) -> None:
        await exchange.switch("SPDY/3.1", then=sent)

    kubelet.script = hand_out
    path = f"{PODS}/p/exec?stdout=1&command=x"
    async with upgraded(client, path, receive_buffer=SMALL_BUFFER) as (_, reader, _):
        assert hashlib.sha256(await reader.read()).digest() == hashlib.sha256(sent).digest()


async def test_a_client_that_does_not_read_stops_the_kubelet(client: Client, kubelet: FakeKubelet) -> None:
    written = 0
    stalled = asyncio.Event()

    async def flood(exchange: Exchange) -> None:
        nonlocal written
        await exchange.switch("SPDY/3.1")
        while True:
            try:
                async with asyncio.timeout(0.5):
                    await exchange.send(bytes(65536))
                    await asyncio.sleep(0)  # sending into the void does not suspend
            except TimeoutError:
                stalled.set()
                await exchange.writer.drain()
            written += 65536

    kubelet.script = flood
    async with upgraded(client, f"{PODS}/p/exec?stdout=1&command=x") as (_, reader, _):
        await stalled.wait()
        # What two sockets, TLS and two streams hold between the kubelet and a client on one machine.
        assert written < 24 * MEGABYTE
        before = written
        await reader.readexactly(before)
    await kubelet.connection_ends()


@pytest.mark.parametrize(("method", "headers"), [("POST", SPDY), ("GET", WEBSOCKET)], ids=["spdy", "websocket"])
async def test_a_refused_upgrade_is_handed_on_as_it_is_and_the_connection_serves_on(
    client: Client, kubelet: FakeKubelet, method: str, headers: dict[str, str]
) -> None:
    async def refuse(exchange: Exchange) -> None:
        await exchange.answer("404 Not Found", b"pod does not exist\n")

    kubelet.script = refuse
    path = f"{PODS}/p/exec?stdout=1&command=x"
    async with upgraded(client, path, method=method, headers=headers) as (head, reader, _):
        assert head.startswith("HTTP/1.1 404 Not Found\r\n")
        assert await reader.readexactly(len("pod does not exist\n")) == b"pod does not exist\n"
    assert client.cluster.open_streams == 0


async def test_a_refusal_in_chunks_is_put_together(client: Client, kubelet: FakeKubelet) -> None:
    async def refuse(exchange: Exchange) -> None:
        await exchange.send(b"HTTP/1.1 400 Bad Request\r\nTransfer-Encoding: chunked\r\n\r\n")
        for part in (b"you must ", b"say more"):
            await exchange.chunk(part)
        await exchange.send(b"0\r\n\r\n")
        await exchange.reader.read()

    kubelet.script = refuse
    async with upgraded(client, f"{PODS}/p/exec?command=x") as (head, reader, _):
        assert head.startswith("HTTP/1.1 400 ")
        assert await reader.readexactly(17) == b"you must say more"


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "invalid upgrade response: status code 200"),
        (b"SSH-2.0-OpenSSH_9\r\n\r\n", "malformed HTTP response"),
        (b"HTTP/1.1 101 X\r\nno header\r\n\r\n", "malformed HTTP header"),
        (b"HTTP/1.1 101 X\r\n" + b"A: b\r\n" * 20_000, "an HTTP head of more than 65536 bytes"),
        (b"", "EOF"),
    ],
)
async def test_a_kubelet_that_makes_no_sense_is_an_error_of_the_server(
    client: Client, kubelet: FakeKubelet, answer: bytes, message: str
) -> None:
    async def babble(exchange: Exchange) -> None:
        await exchange.send(answer)

    kubelet.script = babble
    answered = await client.request("POST", f"{PODS}/p/portforward", headers=SPDY)
    assert answered.code == 500
    assert message in answered.body["message"]


@pytest.mark.parametrize(
    ("path", "code", "message"),
    [
        ("none/exec?command=x", 404, 'pods "none" not found'),
        ("many/attach", 400, "a container name must be specified for pod many"),
        ("waiting/exec?command=x", 400, "pod waiting does not have a host assigned"),
        ("waiting/portforward", 400, "pod waiting does not have a host assigned"),
        ("p/exec?command=x&container=x", 400, "container x is not valid for pod p"),
    ],
)
async def test_streams_that_lead_nowhere_are_refused_by_the_api_server(
    client: Client, kubelet: FakeKubelet, path: str, code: int, message: str
) -> None:
    await client.post(PODS, pod("waiting", nodeSelector={"no": "where"}))
    answer = await client.request("POST", f"{PODS}/{path}", headers=SPDY)
    assert answer.code == code
    assert answer.body["message"].startswith(message)
    assert not kubelet.requests


async def test_a_cluster_that_stops_ends_all_streams(client: Client, kubelet: FakeKubelet) -> None:
    kubelet.script = is_silent
    async with upgraded(client, f"{PODS}/p/attach?stdout=1") as (_, reader, _):
        await client.cluster.stop()
        await kubelet.connection_ends()
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            assert await reader.read() == b""


async def test_the_proxy_of_a_node_hands_on_requests_and_answers(client: Client, kubelet: FakeKubelet) -> None:
    async def answer(exchange: Exchange) -> None:
        size = int(exchange.headers.get("Content-Length", "0"))
        body = await exchange.reader.readexactly(size)
        await exchange.answer("202 Accepted", b'{"got": "' + body + b'"}', "X-Own: 1", "Keep-Alive: 5")

    kubelet.script = answer
    got = await client.request("POST", f"{NODES}/n/proxy/run//a%2Fb/?cmd=x%20y", b"body", accept="text/plain")
    assert (got.code, got.headers["X-Own"], "Keep-Alive" in got.headers) == (202, "1", False)
    asked = kubelet.requests[0]
    assert (asked.method, asked.path) == ("POST", "/run//a%2Fb/?cmd=x%20y")
    assert (asked.headers["Accept"], "Authorization" in asked.headers) == ("text/plain", False)
    await client.get(f"{NODES}/https:n:{kubelet.port}/proxy")
    assert kubelet.asked == "/"
    answer_ = await client.get(f"{NODES}/n:1/proxy/pods")
    assert (answer_.code, len(kubelet.requests)) == (400, 2)


async def test_streams_below_the_proxy_of_a_node_are_upgraded_as_well(client: Client, kubelet: FakeKubelet) -> None:
    kubelet.script = echoes
    async with upgraded(client, f"{NODES}/n/proxy/exec/default/p/c?output=1&command=x") as (head, reader, writer):
        assert " 101 " in head
        writer.write(b"ping")
        assert await reader.readexactly(10) == b"early ping"
    assert kubelet.asked == "/exec/default/p/c?output=1&command=x"
