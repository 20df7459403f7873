"""Servers for port forwarding in tests: on plain HTTP or TLS, and what is left of them afterwards."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import ipaddress
import ssl
from collections.abc import AsyncIterator
from functools import cache
from pathlib import Path

from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.support.kubelet import ScriptedProvider, backend_of, running_pod
from vk_core.api.pod import Pod
from vk_core.kubelet.backend import StreamTimeouts
from vk_core.kubelet.portforward.handler import port_forward_handler
from vk_core.kubelet.refusal import answer_refusals
from vk_core.provider import Provider

PATH = "/portForward/default/web"


@contextlib.asynccontextmanager
async def forwarding(
    provider: Provider | None = None,
    *,
    pods: tuple[Pod, ...] = (),
    timeouts: StreamTimeouts | None = None,
    tls: ssl.SSLContext | None = None,
    cancelling: bool = True,
) -> AsyncIterator[str]:
    """A kubelet API that only forwards ports; yields the URL for the pod `web`, and leaves no task behind.

    `cancelling` is whether aiohttp cancels handlers whose clients go away, which not every application lets it do.
    """
    before = asyncio.all_tasks()
    app = web.Application(middlewares=[answer_refusals])
    backend = backend_of(provider or ScriptedProvider(), pods or (running_pod(),))
    handler = port_forward_handler(backend, timeouts or StreamTimeouts())
    for path in ("/portForward/{namespace}/{pod}", "/portForward/{namespace}/{pod}/{uid}"):
        app.router.add_route("*", path, handler)
    runner = web.AppRunner(app, access_log=None, handler_cancellation=cancelling, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
        await site.start()
        yield f"http{'s' if tls else ''}://127.0.0.1:{runner.addresses[0][1]}{PATH}"
    finally:
        await runner.cleanup()
    async with asyncio.timeout(10):
        while left := asyncio.all_tasks() - before:
            await asyncio.wait(left, return_when=asyncio.FIRST_COMPLETED)


@cache
def certificate() -> tuple[bytes, bytes]:
    """A key and a certificate for 127.0.0.1, PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "system:node:virtual")])
    now = dt.datetime.now(dt.UTC)
    built = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private, built.public_bytes(serialization.Encoding.PEM)


def tls_contexts(directory: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """TLS as the server has it, and as its client does."""
    key, chain = certificate()
    path = directory / "both.pem"
    path.write_bytes(key + chain)
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(path)
    server.set_alpn_protocols(["http/1.1"])
    client = ssl.create_default_context(cadata=chain.decode())
    return server, client
