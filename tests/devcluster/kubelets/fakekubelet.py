"""A kubelet that is a script: TLS, a client certificate that it asks for, and answers byte by byte."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.devcluster.client import NODES, Client, node
from vk_core.devcluster import DevCluster
from vk_core.devcluster.authority import CertificateAuthority

DEADLINE_SECONDS = 10.0


@dataclass
class Exchange:
    """One request to the kubelet, and the connection it came over."""

    method: str
    path: str
    headers: dict[str, str]
    subject: dict[str, str]
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def answer(self, status: str, body: bytes = b"", *headers: str) -> None:
        """Sends a whole answer."""
        lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Content-Type: text/plain", *headers]
        await self.send("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

    async def switch(self, protocol: str, *headers: str, then: bytes = b"") -> None:
        """Agrees to an upgrade; `then` comes in the same write."""
        lines = ["HTTP/1.1 101 Switching Protocols", "Connection: Upgrade", f"Upgrade: {protocol}", *headers]
        await self.send("\r\n".join(lines).encode() + b"\r\n\r\n" + then)

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def chunk(self, data: bytes) -> None:
        """Sends one chunk of an answer that has begun with `begin_chunks`."""
        await self.send(b"%x\r\n%s\r\n" % (len(data), data))

    async def begin_chunks(self) -> None:
        await self.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n")


Script = Callable[[Exchange], Awaitable[None]]


async def refuses(exchange: Exchange) -> None:
    await exchange.answer("500 Internal Server Error", b"no script")


@dataclass
class FakeKubelet:
    """What was asked, and how it is answered."""

    port: int = 0
    script: Script = refuses
    requests: list[Exchange] = field(default_factory=list)
    ended: asyncio.Queue[str] = field(default_factory=asyncio.Queue)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            first, *lines = head.strip().split("\r\n")
            method, path, _ = first.split(" ")
            headers = dict(line.split(": ", 1) for line in lines)
            certificate: Any = writer.get_extra_info("peercert") or {}
            subject = {name: value for part in certificate.get("subject", ()) for name, value in part}
            exchange = Exchange(method, path, headers, subject, reader, writer)
            self.requests.append(exchange)
            await self.script(exchange)
        writer.close()
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            await writer.wait_closed()
        self.ended.put_nowait("connection")

    @property
    def asked(self) -> str:
        """Path and query of the last request."""
        return self.requests[-1].path

    async def connection_ends(self) -> None:
        """Waits until a connection to it has ended."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            await self.ended.get()


@contextlib.asynccontextmanager
async def fake_kubelet(cluster: DevCluster, folder: Path) -> AsyncIterator[FakeKubelet]:
    """Serves on a free port, and knows clients by the cluster's certificate authority."""
    kubelet = FakeKubelet()
    own = CertificateAuthority("somebody-else").server("system:node:n", ["n"], ["127.0.0.1"])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    pair = folder / "kubelet.pem"
    pair.write_bytes(own.certificate + own.key)
    context.load_cert_chain(pair)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cadata=client_authority(cluster))
    server = await asyncio.start_server(kubelet.serve, "127.0.0.1", 0, ssl=context)
    kubelet.port = server.sockets[0].getsockname()[1]
    try:
        yield kubelet
    finally:
        server.close()


def client_authority(cluster: DevCluster) -> str:
    """Who signs client certificates, as a kubelet learns it."""
    stored = next(
        found
        for found in cluster.objects("configmaps", "kube-system")
        if found["metadata"]["name"] == "extension-apiserver-authentication"
    )
    return str(stored["data"]["client-ca-file"])


async def register(client: Client, port: int) -> None:
    """Makes a node of the kubelet, with the pod `p` of one container and `many` of three on it."""
    made = node()
    made["status"]["addresses"] = [
        {"type": "Hostname", "address": "nowhere.invalid"},
        {"type": "InternalIP", "address": "127.0.0.1"},
    ]
    made["status"]["daemonEndpoints"] = {"kubeletEndpoint": {"Port": port}}
    assert (await client.post(NODES, made)).code == 201
    await client.create_pod("p", nodeName="n")
    container = {"image": "x"}
    await client.create_pod(
        "many",
        nodeName="n",
        containers=[{"name": "a", **container}, {"name": "b", **container}],
        initContainers=[{"name": "i", **container}],
    )
