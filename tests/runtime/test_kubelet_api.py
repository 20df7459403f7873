"""The kubelet API of a running node: what it opens, what it shows, and what ends its start."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import resource
import signal
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.support.authority import Authority, client_context
from vk_core.__main__ import main
from vk_core.devcluster.cluster import DevCluster
from vk_core.errors import UsageError
from vk_core.kubelet.certificates.keypair import Subject
from vk_core.runtime.connection import connect
from vk_core.runtime.kubeletapi import KubeletApi
from vk_core.runtime.options import NodeOptions
from vk_core.runtime.serve import serve
from vk_mock import PROVIDER
from vk_mock.settings import MockSettings

DEADLINE_SECONDS = 15.0


@pytest.fixture
def options(cluster: DevCluster, tmp_path: Path) -> NodeOptions:
    kubeconfig = tmp_path / "kubeconfig"
    cluster.write_kubeconfig(kubeconfig)
    return NodeOptions(
        provider="mock",
        node_name="virtual",
        kubeconfig=kubeconfig,
        internal_ip="127.0.0.1",
        address="127.0.0.1",
        port=0,
    )


@contextlib.asynccontextmanager
async def running(options: NodeOptions) -> AsyncIterator[asyncio.Task[None]]:
    """A node until SIGTERM, which it must obey."""
    ready = asyncio.Event()
    task = asyncio.create_task(serve(options, PROVIDER, MockSettings(), on_ready=ready.set))
    waiter = asyncio.create_task(ready.wait())
    await asyncio.wait({task, waiter}, timeout=DEADLINE_SECONDS, return_when=asyncio.FIRST_COMPLETED)
    waiter.cancel()
    if task.done():
        task.result()
    assert ready.is_set()
    yield task
    signal.raise_signal(signal.SIGTERM)
    async with asyncio.timeout(DEADLINE_SECONDS):
        await task


def port_of(cluster: DevCluster) -> int:
    (node,) = cluster.objects("nodes")
    port: int = node["status"]["daemonEndpoints"]["kubeletEndpoint"]["Port"]
    return port


def calling(cluster: DevCluster, folder: Path, *, token: str | None = None) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        f"https://127.0.0.1:{port_of(cluster)}",
        connector=aiohttp.TCPConnector(ssl=client_context(folder)),
        headers={"Authorization": f"Bearer {cluster.token if token is None else token}"},
    )


async def test_a_node_serves_on_a_free_port_that_it_reports_and_releases_it_at_a_stop(
    cluster: DevCluster, options: NodeOptions, tmp_path: Path
) -> None:
    async with running(options):
        port = port_of(cluster)
        assert port not in {0, 10250}
        async with calling(cluster, tmp_path) as session:
            async with session.get("/pods") as response:
                assert response.status == 200
            async with session.get("/readyz") as response:
                assert await response.text() == "ok"
            async with session.get("/configz") as response:
                shown = (await response.json())["kubeletconfig"]
                assert shown["port"] == port
                assert shown["authentication"]["anonymous"] == {"enabled": False}
                assert shown["authorization"]["mode"] == "Webhook"
        async with calling(cluster, tmp_path, token="wrong") as session, session.get("/pods") as response:
            assert response.status == 401
        pki = tmp_path / "state" / "virtual-kubelet" / "virtual"
        assert (pki / "serving-self-signed.pem").stat().st_mode & 0o777 == 0o600
    with socket.create_server(("127.0.0.1", port)):
        pass


async def test_a_stop_ends_what_is_being_streamed(cluster: DevCluster, options: NodeOptions, tmp_path: Path) -> None:
    async with running(options):
        port = port_of(cluster)
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=client_context(tmp_path))
        writer.write(f"GET /healthz HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {cluster.token}\r\n\r\n".encode())
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
    async with asyncio.timeout(5):
        await reader.read()
    writer.close()


async def test_health_and_metrics_are_served_without_tls_where_that_was_asked_for(
    cluster: DevCluster, options: NodeOptions
) -> None:
    """B28: `--metrics-addr` did nothing."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    options = dataclasses.replace(options, metrics_addr=f"127.0.0.1:{port}")
    async with running(options), aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
        for path, status in (
            ("/healthz", 200),
            ("/readyz", 200),
            ("/metrics", 200),
            ("/pods", 404),
            ("/exec/a/b/c", 404),
        ):
            async with session.get(path) as response:
                assert (path, response.status) == (path, status)


async def test_what_is_unsafe_warns_at_every_start(
    cluster: DevCluster, options: NodeOptions, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    defaults = NodeOptions(provider="mock")
    assert (defaults.authorization, defaults.anonymous_auth, defaults.metrics_addr) == ("webhook", False, "")
    options = dataclasses.replace(options, authorization="always-allow", anonymous_auth=True)
    async with (
        running(options),
        calling(cluster, tmp_path) as session,
        session.get("/pods", headers={"Authorization": ""}) as response,
    ):
        assert response.status == 200
    assert "--authorization always-allow: " in caplog.text
    assert "--anonymous-auth: " in caplog.text


async def test_a_long_command_fits_into_a_request_and_many_streams_into_the_process(
    cluster: DevCluster, options: NodeOptions, tmp_path: Path
) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    async with running(options), calling(cluster, tmp_path) as session:
        async with session.get("/pods", params={"command": "x" * 500_000}) as response:
            assert response.status == 200
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] >= min(hard, 1 << 20)


async def test_a_port_that_is_taken_ends_the_start(options: NodeOptions) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        taken = dataclasses.replace(options, port=port)
        with pytest.raises(
            UsageError, match=f"--port: expected a free port, 127.0.0.1:{port}: is used by another"
        ) as e:
            async with running(taken):
                pass
        assert e.value.exit_status == 2
        taken = dataclasses.replace(options, metrics_addr=f"127.0.0.1:{port}")
        with pytest.raises(UsageError, match="--metrics-addr: expected a free port"):
            async with running(taken):
                pass


async def test_ports_are_released_when_the_provider_cannot_start(options: NodeOptions) -> None:
    async with connect(options) as (client, _):
        with contextlib.closing(KubeletApi(options, client)) as api:
            port = api.port
        with socket.create_server(("127.0.0.1", port)):
            pass


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        pytest.param(
            lambda folder: ["--tls-cert-file", f"{folder}/a.crt", "--tls-private-key-file", f"{folder}/b.key"],
            "--tls-private-key-file: {folder}/b.key: expected the private key of the certificate, got another one",
            id="key of another certificate",
        ),
        pytest.param(
            lambda folder: ["--tls-cert-file", f"{folder}/b.key", "--tls-private-key-file", f"{folder}/b.key"],
            "--tls-cert-file: {folder}/b.key: expected a certificate in PEM",
            id="no certificate",
        ),
        pytest.param(
            lambda folder: ["--client-ca-file", f"{folder}/b.key"],
            "--client-ca-file: {folder}/b.key: expected one or more certificates in PEM",
            id="no CA",
        ),
    ],
)
def test_files_that_are_no_good_are_one_line_and_exit_status_2(
    flags: Callable[[Path], list[str]], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "never-read"))
    first, second = Subject("node").self_signed().pem, Subject("node").self_signed().pem
    end = b"-----END PRIVATE KEY-----\n"
    (tmp_path / "a.crt").write_bytes(first.partition(end)[2])
    (tmp_path / "b.key").write_bytes(second.partition(end)[0] + end)
    assert main(["run", "--provider", "mock", *flags(tmp_path)]) == 2
    assert capsys.readouterr().err.splitlines() == [f"virtual-kubelet: {told.format(folder=tmp_path)}"]


async def test_the_certificate_that_was_given_is_shown(
    cluster: DevCluster, options: NodeOptions, tmp_path: Path
) -> None:
    pair = Authority().client("given")
    (tmp_path / "both.pem").write_bytes(pair.pem)
    options = dataclasses.replace(
        options, tls_cert_file=tmp_path / "both.pem", tls_private_key_file=tmp_path / "both.pem"
    )
    async with running(options):
        _, writer = await asyncio.open_connection("127.0.0.1", port_of(cluster), ssl=client_context(tmp_path))
        shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        writer.close()
        from cryptography.hazmat.primitives.serialization import Encoding

        assert shown == pair.certificate.public_bytes(Encoding.DER)
