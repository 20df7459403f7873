"""SPDY on connections taken over from aiohttp: plain and TLS, asyncio and uvloop, and how they end."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import logging
import os
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp import web

from tests.support.loops import Stage, stages
from tests.support.spdy_client import Refused, SpdyClient, control, spdy_client, upgrade_headers, within
from tests.support.spdy_wire import settle
from vk_core.kubelet.refusal import answer_refusals
from vk_core.kubelet.spdy import takeover
from vk_core.kubelet.spdy.connection import SpdyConnection
from vk_core.kubelet.spdy.takeover import take_over
from vk_core.kubelet.upgrade import negotiate_spdy

PROTOCOLS = ("v4.channel.k8s.io", "v3.channel.k8s.io")
HOURS = dt.timedelta(hours=4)

Serve = Callable[[SpdyConnection], Awaitable[None]]


@pytest.fixture(params=stages(), ids=str)
def stage(request: pytest.FixtureRequest, tmp_path: Path) -> Stage:
    """Each kind of event loop, with and without TLS."""
    made: Stage = request.param
    return made.prepared(tmp_path)


@contextlib.asynccontextmanager
async def serving(serve: Serve, *, tls: ssl.SSLContext | None = None, idle: dt.timedelta = HOURS) -> AsyncIterator[str]:
    """A server that upgrades every request; leaves no task and no connection behind."""
    before = asyncio.all_tasks()

    async def handle(request: web.Request) -> web.StreamResponse:
        protocol = negotiate_spdy(request, PROTOCOLS)
        async with take_over(request, protocol=protocol, idle=idle) as connection:
            await serve(connection)
        return connection.response

    app = web.Application(middlewares=[answer_refusals])
    app.router.add_route("*", "/", handle)
    runner = web.AppRunner(app, access_log=logging.getLogger("access"), handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
        async with asyncio.timeout(10):
            while left := asyncio.all_tasks() - before:
                await asyncio.wait(left, return_when=asyncio.FIRST_COMPLETED)
            await settle()
        assert runner.server is not None
        assert runner.server.connections == []
    finally:
        await runner.cleanup()


async def echo(connection: SpdyConnection) -> None:
    """Echo the first stream."""
    stream = await connection.accept()
    stream.reply()
    while data := await stream.read():
        await stream.write(data)
    await stream.write_eof()


def client(url: str, stage: Stage | None = None) -> contextlib.AbstractAsyncContextManager[SpdyClient]:
    """A client of this server."""
    return spdy_client(url, protocols=("v5.channel.k8s.io", *PROTOCOLS), tls=stage.client_tls if stage else None)


def test_bytes_come_back_as_they_were_sent(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    blob = os.urandom(3_000_001)

    async def scenario() -> None:
        async with serving(echo, tls=stage.server_tls) as url, client(url, stage) as spdy:
            assert spdy.headers["x-stream-protocol-version"] == "v4.channel.k8s.io"
            assert {"upgrade", "connection"} <= spdy.headers.keys()
            stream = await spdy.open({"streamType": "stdin"})
            reading = asyncio.create_task(stream.read_all())
            await stream.write(blob)
            await stream.finish()
            assert await reading == blob

    with caplog.at_level(logging.INFO):
        stage.run(scenario())
    assert [record for record in caplog.records if record.levelno > logging.INFO] == []


def test_the_last_byte_arrives_although_the_client_goes_on_sending(stage: Stage) -> None:
    blob = os.urandom(2_000_000)

    async def one_way(connection: SpdyConnection) -> None:
        stream = await connection.accept()
        stream.reply()
        await stream.write(blob)
        await stream.write_eof()

    async def scenario() -> None:
        async with serving(one_way, tls=stage.server_tls) as url, client(url, stage) as spdy:
            stream = await spdy.open({})
            for number in range(200):
                await spdy.send(control(6, (2 * number + 1).to_bytes(4, "big")))
                await stream.write(bytes(5000))
            assert await stream.read_all() == blob
            await within(spdy.goaway.wait())
            await spdy.ping(1001)

    stage.run(scenario())


def test_a_client_that_goes_away_wakes_the_handler(stage: Stage) -> None:
    async def scenario() -> None:
        ended = asyncio.Event()

        async def wait(connection: SpdyConnection) -> None:
            stream = await connection.accept()
            stream.reply()
            try:
                await stream.read()
            finally:
                ended.set()

        async with serving(wait, tls=stage.server_tls) as url:
            async with client(url, stage) as spdy:
                await spdy.open({})
            await within(ended.wait())

    stage.run(scenario())


def test_a_client_that_goes_away_while_it_is_not_read_is_noticed(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(takeover, "HANGUP_SECONDS", 0.05)
    stalled = asyncio.Event()
    pause = SpdyConnection._control_reading

    def control_reading(connection: SpdyConnection) -> None:
        pause(connection)
        if connection._paused:
            stalled.set()

    monkeypatch.setattr(SpdyConnection, "_control_reading", control_reading)

    async def scenario() -> None:

        async def stall(connection: SpdyConnection) -> None:
            (await connection.accept()).reply()
            await connection.closed.wait()

        async with serving(stall, tls=stage.server_tls) as url, client(url, stage) as spdy:
            stream = await spdy.open({})
            await stream.write(bytes(300_000))
            await within(stalled.wait())
            spdy.kill()

    stage.run(scenario())


def test_a_server_that_stops_closes_its_connections(stage: Stage) -> None:
    async def scenario() -> None:
        cancelled = asyncio.Event()

        async def wait(connection: SpdyConnection) -> None:
            (await connection.accept()).reply()
            try:
                await asyncio.Event().wait()
            finally:
                cancelled.set()

        leaving = contextlib.AsyncExitStack()
        async with contextlib.AsyncExitStack() as stack:
            runner_url = await leaving.enter_async_context(_stoppable(wait, stage))
            spdy = await stack.enter_async_context(client(runner_url, stage))
            await spdy.open({})
            await leaving.aclose()
            await within(cancelled.wait())
            await within(spdy.gone.wait())

    stage.run(scenario())


@contextlib.asynccontextmanager
async def _stoppable(serve: Serve, stage: Stage) -> AsyncIterator[str]:
    async def handle(request: web.Request) -> web.StreamResponse:
        async with take_over(request, protocol="v4.channel.k8s.io", idle=HOURS) as connection:
            await serve(connection)
        return connection.response

    app = web.Application()
    app.router.add_route("*", "/", handle)
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=stage.server_tls).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    finally:
        await runner.cleanup()


def test_an_idle_connection_is_closed(stage: Stage) -> None:
    async def scenario() -> None:
        async def wait(connection: SpdyConnection) -> None:
            await connection.closed.wait()

        idle = dt.timedelta(milliseconds=50)
        async with serving(wait, tls=stage.server_tls, idle=idle) as url, client(url, stage) as spdy:
            await within(spdy.gone.wait())
            assert spdy.frames == []

    stage.run(scenario())


async def test_a_client_that_never_leaves_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(takeover, "LINGER_SECONDS", 1.0)
    async with serving(echo) as url, client(url) as spdy:
        stream = await spdy.open({})
        await stream.finish()
        await within(spdy.goaway.wait())
        assert not spdy.gone.is_set()
        await within(spdy.gone.wait())


async def test_a_bug_behind_the_upgrade_is_logged_and_ends_the_connection(caplog: pytest.LogCaptureFixture) -> None:
    async def fail(connection: SpdyConnection) -> None:
        (await connection.accept()).reply()
        raise RuntimeError("a bug")

    async with serving(fail) as url, client(url) as spdy:
        await spdy.open({})
        await within(spdy.gone.wait())
        assert spdy.frames == [2]
    assert [record.exc_info is not None for record in caplog.records if record.levelno >= logging.ERROR] == [True]


@pytest.mark.parametrize(
    ("headers", "status", "words"),
    [
        pytest.param([], 400, "Upgrade: SPDY/3.1", id="no upgrade"),
        pytest.param([("Connection", "Upgrade"), ("Upgrade", "h2c")], 400, "Upgrade: SPDY/3.1", id="another upgrade"),
        pytest.param(upgrade_headers(()), 400, "X-Stream-Protocol-Version", id="no protocol"),
        pytest.param(upgrade_headers((" , ",)), 400, "X-Stream-Protocol-Version", id="empty protocol"),
        pytest.param(upgrade_headers(("v9.channel.k8s.io",)), 403, "v9.channel.k8s.io", id="unknown protocol"),
        pytest.param(
            [*upgrade_headers(PROTOCOLS)[1:], ("Content-Length", "5")], 400, "without a body", id="with a body"
        ),
    ],
)
async def test_an_upgrade_that_cannot_be_is_refused(headers: list[tuple[str, str]], status: int, words: str) -> None:
    async with serving(echo) as url:
        with pytest.raises(Refused) as caught:
            async with spdy_client(url, protocols=(), headers=headers or [("Content-Length", "0")]):
                pass
    assert caught.value.status == status
    assert words in caught.value.body
    accepted = [value for name, value in caught.value.headers if name == "x-accepted-stream-protocol-versions"]
    assert accepted == (list(PROTOCOLS) if status == 403 else [])


async def test_protocols_may_stand_in_one_header_and_the_clients_order_counts() -> None:
    async with serving(echo) as url:
        headers = upgrade_headers(("v9.channel.k8s.io, v3.channel.k8s.io , v4.channel.k8s.io",))
        async with spdy_client(url, protocols=(), headers=headers) as spdy:
            assert spdy.headers["x-stream-protocol-version"] == "v3.channel.k8s.io"
