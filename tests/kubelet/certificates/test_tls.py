"""TLS of the kubelet API as clients of every sort meet it, on both event loops."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import io
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import uvloop
from aiohttp import web
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.support.authority import DAY, Authority, client_context
from vk_core.api.node import NodeAddress
from vk_core.kubelet.certificates.keypair import KeyPair, Subject
from vk_core.kubelet.certificates.tls import Authorities, ClientCertificate, ServingContext, TlsObject
from vk_core.kubelet.server import KubeletServer, bind

NODE = Subject("node", (NodeAddress(type="InternalIP", address="127.0.0.1"),))
OTHER = Subject("other", (NodeAddress(type="InternalIP", address="127.0.0.1"),))
Scenario = Callable[[], Coroutine[Any, Any, None]]


@pytest.fixture(params=["asyncio", "uvloop"])
def on_loop(request: pytest.FixtureRequest) -> Callable[[Scenario], None]:
    """Runs a scenario on either event loop: each drives TLS in its own way."""

    def run(scenario: Scenario) -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop if request.param == "uvloop" else None) as runner:
            runner.run(asyncio.wait_for(scenario(), 30))  # uvloop would not notice the alarm of a test that hangs

    return run


async def who(request: web.Request) -> web.Response:
    assert request.transport is not None
    tls = request.transport.get_extra_info("ssl_object")
    assert isinstance(tls, TlsObject)
    name = tls.client.certificate.subject.rfc4514_string() if tls.client else "nobody"
    trusted = tls.client is not None and tls.client.verified(tls.context.authorities, dt.datetime.now(dt.UTC))
    return web.json_response(
        {"who": name, "verified": trusted, "protocol": tls.version(), "der": len(tls.getpeercert(True) or b"")}
    )


async def echo(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    async for chunk in request.content.iter_any():
        await response.write(chunk)
    return response


def attach(app: web.Application) -> None:
    app.router.add_get("/who", who)
    app.router.add_post("/echo", echo)


@contextlib.asynccontextmanager
async def serving(tls: ServingContext) -> AsyncIterator[str]:
    server = KubeletServer(bind("127.0.0.1", 0), attach, tls=tls)
    url = f"https://127.0.0.1:{server.port}"
    async with server:
        yield url


def context_with(authorities: Authorities | None = None, subject: Subject = NODE) -> ServingContext:
    tls = ServingContext()
    tls.use(subject.self_signed())
    if authorities is not None:
        tls.trust(authorities)
    return tls


@contextlib.asynccontextmanager
async def client(context: ssl.SSLContext) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context)) as session:
        yield session


async def asked(url: str, context: ssl.SSLContext) -> Any:
    async with client(context) as session, session.get(f"{url}/who") as response:
        return await response.json()


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


def test_a_certificate_of_our_authority_is_verified_and_every_other_is_only_noted(
    on_loop: Callable[[Scenario], None], authority: Authority, tmp_path: Path
) -> None:
    between = Authority("between", authority)
    cases: list[tuple[KeyPair | None, str, bool]] = [
        (authority.client("alice", "team"), "CN=alice,O=team", True),
        (between.client("bob"), "CN=bob", True),
        (None, "nobody", False),
        (Authority().client("mallory"), "CN=mallory", False),
        (authority.client("late", until=-DAY), "CN=late", False),
        (authority.client("server", usage=ExtendedKeyUsageOID.SERVER_AUTH), "CN=server", False),
    ]

    async def scenario() -> None:
        async with serving(context_with(authority.authorities)) as url:
            for pair, name, verified in cases:
                answer = await asked(url, client_context(tmp_path, pair))
                assert (answer["who"], answer["verified"]) == (name, verified)
                assert bool(answer["der"]) == (pair is not None)

    on_loop(scenario)


def test_a_leaf_cannot_vouch_for_others(
    on_loop: Callable[[Scenario], None], authority: Authority, tmp_path: Path
) -> None:
    honest = authority.client("honest")
    dishonest = Authority("honest")
    dishonest.key, dishonest.certificate = honest.key, honest.certificate  # type: ignore[assignment]
    forged = dishonest.client("system:admin", "system:masters")
    pair = KeyPair(forged.key, (forged.certificate, honest.certificate))

    async def scenario() -> None:
        async with serving(context_with(authority.authorities)) as url:
            answer = await asked(url, client_context(tmp_path, pair))
            assert (answer["who"], answer["verified"]) == ("CN=system:admin,O=system:masters", False)

    on_loop(scenario)


def test_without_an_authority_nobody_is_asked(on_loop: Callable[[Scenario], None], tmp_path: Path) -> None:
    async def scenario() -> None:
        async with serving(context_with()) as url:
            assert (await asked(url, client_context(tmp_path, Authority().client("alice"))))["who"] == "nobody"

    on_loop(scenario)


def test_another_authority_counts_at_once_for_new_connections_and_for_those_that_are_there(
    on_loop: Callable[[Scenario], None], authority: Authority, tmp_path: Path
) -> None:
    """B20: the client CA was never read again."""
    old, new = authority.client("old"), Authority("new-ca")

    async def scenario() -> None:
        tls = context_with(authority.authorities)
        async with serving(tls) as url, client(client_context(tmp_path, old)) as kept:

            async def verified() -> bool:
                async with kept.get(f"{url}/who") as response:
                    return bool((await response.json())["verified"])

            assert await verified()
            tls.trust(Authorities((authority.certificate, new.certificate)))
            assert await verified()
            tls.trust(new.authorities)
            assert not await verified()
            assert not (await asked(url, client_context(tmp_path, old)))["verified"]
            assert (await asked(url, client_context(tmp_path, new.client("new"))))["verified"]

    on_loop(scenario)


def test_a_certificate_that_runs_out_while_its_connection_lasts_counts_no_longer(authority: Authority) -> None:
    pair = authority.client("short", until=dt.timedelta(hours=1))
    found = ClientCertificate(pair.certificate, (), flawed=False, seen=authority.authorities)
    now = dt.datetime.now(dt.UTC)
    assert found.verified(authority.authorities, now)
    assert not found.verified(authority.authorities, now + dt.timedelta(hours=2))


def test_another_serving_certificate_is_shown_to_the_next_client_and_streams_go_on(
    on_loop: Callable[[Scenario], None], tmp_path: Path
) -> None:
    """B20: the serving certificate was never read again."""

    async def shown(url: str) -> str:
        host, _, port = url.removeprefix("https://").partition(":")
        _, writer = await asyncio.open_connection(host, int(port), ssl=client_context(tmp_path))
        der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        writer.close()
        await writer.wait_closed()
        return x509.load_der_x509_certificate(der).subject.rfc4514_string()

    async def scenario() -> None:
        tls = context_with()
        async with serving(tls) as url, client(client_context(tmp_path)) as session:
            more: asyncio.Queue[bytes] = asyncio.Queue()

            async def pieces() -> AsyncIterator[bytes]:
                while piece := await more.get():
                    yield piece

            more.put_nowait(b"before")
            async with session.post(f"{url}/echo", data=pieces()) as response:
                assert await response.content.readany() == b"before"
                assert await shown(url) == "CN=system:node:node,O=system:nodes"
                tls.use(OTHER.self_signed())
                assert await shown(url) == "CN=system:node:other,O=system:nodes"
                more.put_nowait(b"behind")
                assert await response.content.readany() == b"behind"
                more.put_nowait(b"")
                assert await response.content.read() == b""

    on_loop(scenario)


def test_megabytes_pass_in_both_directions_and_arrive_the_same(
    on_loop: Callable[[Scenario], None], tmp_path: Path
) -> None:
    body = bytes(range(256)) * (1 << 14)

    async def scenario() -> None:
        async with (
            serving(context_with()) as url,
            client(client_context(tmp_path)) as session,
            session.post(f"{url}/echo", data=io.BytesIO(body)) as response,
        ):
            assert await response.read() == body

    on_loop(scenario)


@pytest.mark.parametrize(
    ("versions", "spoken"),
    [
        pytest.param((ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2), "TLSv1.2", id="1.2"),
        pytest.param((ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_3), "TLSv1.3", id="1.3"),
    ],
)
async def test_tls_1_2_and_1_3_are_spoken_and_http_1_1_is_agreed(
    versions: tuple[ssl.TLSVersion, ssl.TLSVersion], spoken: str, authority: Authority, tmp_path: Path
) -> None:
    context = client_context(tmp_path, authority.client("alice"))
    context.minimum_version, context.maximum_version = versions
    context.set_alpn_protocols(["h2", "http/1.1"])
    async with serving(context_with(authority.authorities)) as url:
        answer = await asked(url, context)
        assert (answer["protocol"], answer["who"], answer["verified"]) == (spoken, "CN=alice", True)
        host, _, port = url.removeprefix("https://").partition(":")
        _, writer = await asyncio.open_connection(host, int(port), ssl=context)
        assert writer.get_extra_info("ssl_object").selected_alpn_protocol() == "http/1.1"
        writer.close()
        await writer.wait_closed()


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated")
@pytest.mark.parametrize(
    ("version", "ciphers"),
    [
        pytest.param(ssl.TLSVersion.TLSv1_1, "ALL:@SECLEVEL=0", id="older than TLS 1.2"),
        pytest.param(ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-AES128-SHA:ECDHE-ECDSA-AES128-SHA256", id="CBC"),
    ],
)
async def test_what_is_weak_is_refused(version: ssl.TLSVersion, ciphers: str, tmp_path: Path) -> None:
    context = client_context(tmp_path)
    context.minimum_version = context.maximum_version = version
    context.set_ciphers(ciphers)
    async with serving(context_with()) as url:
        with pytest.raises(aiohttp.ClientConnectorError):
            await asked(url, context)


def test_a_client_that_vanishes_or_talks_nonsense_leaves_nothing_behind(
    on_loop: Callable[[Scenario], None], tmp_path: Path
) -> None:
    async def scenario() -> None:
        errors: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.append(context))
        async with serving(context_with()) as url:
            host, _, port = url.removeprefix("https://").partition(":")
            for sent in (b"", b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"\0" * 4096):
                reader, writer = await asyncio.open_connection(host, int(port))
                writer.write(sent)
                if sent.startswith((b"GET", b"\0")):
                    await reader.read()  # refused at once
                writer.close()
            assert (await asked(url, client_context(tmp_path)))["who"] == "nobody"
        assert not errors

    on_loop(scenario)
