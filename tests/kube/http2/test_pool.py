"""Connections to a server behind TLS: as many as its limit makes necessary, replaced when it wants them back."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from h2.errors import ErrorCodes

from tests.support.http2 import Http2Server, ServerSide, http2_server
from vk_core.kube.http2 import AnswerStream, NotSpoken, StreamPool

HEADERS = [
    (b":method", b"GET"),
    (b":scheme", b"https"),
    (b":authority", b"127.0.0.1"),
    (b":path", b"/watch?a=b%20c"),
    (b"authorization", b"Bearer secret"),
    (b"user-agent", b"virtual-kubelet/test"),
]
NUMBER_OF_FIRST = 1


@pytest.fixture(autouse=True)
async def no_complaints() -> AsyncIterator[None]:
    """Whatever the loop complains about fails the test, also when it is about something that was thrown away."""
    complaints: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: complaints.append(context))
    yield
    gc.collect()
    assert complaints == []


@contextlib.asynccontextmanager
async def pool_to(port: int, tls: ssl.SSLContext, *, connect_seconds: float = 10.0) -> AsyncIterator[StreamPool]:
    pool = StreamPool("127.0.0.1", port, tls, connect_seconds=connect_seconds)
    try:
        yield pool
    finally:
        pool.close()


@contextlib.asynccontextmanager
async def pool_and_server(folder: Path, *, most_streams: int = 100) -> AsyncIterator[tuple[StreamPool, Http2Server]]:
    """A server that begins each answer and goes on when the test says so."""
    async with (
        http2_server(folder, most_streams=most_streams) as server,
        pool_to(server.port, server.client_tls) as pool,
    ):
        server.answers = ServerSide.answer
        yield pool, server


async def ask(pool: StreamPool) -> AnswerStream:
    async with asyncio.timeout(10):
        return await pool.open(HEADERS, silence_seconds=10.0)


def open_streams(connection: ServerSide) -> int:
    return len(connection.requests) - len(connection.resets)


async def test_many_requests_at_once_share_as_few_connections_as_the_server_allows(tmp_path: Path) -> None:
    async with pool_and_server(tmp_path, most_streams=10) as (pool, server):
        streams = await asyncio.gather(*(ask(pool) for _ in range(35)))
        assert [open_streams(connection) for connection in server.connections] == [10, 10, 10, 5]
        streams[0].close()
        await server.until(lambda: len(server.connections[0].resets) == 1)
        assert server.connections[0].resets == {NUMBER_OF_FIRST: ErrorCodes.CANCEL}
        await ask(pool)
        assert [open_streams(connection) for connection in server.connections] == [10, 10, 10, 5]


async def test_the_server_gets_the_headers_as_they_are(tmp_path: Path) -> None:
    async with pool_and_server(tmp_path) as (pool, server):
        await ask(pool)
        [headers] = server.connections[0].requests.values()
        assert headers == {name.decode(): value.decode() for name, value in HEADERS}


async def test_a_server_that_says_goodbye_gets_no_more_requests_while_the_old_ones_go_on(tmp_path: Path) -> None:
    async with pool_and_server(tmp_path) as (pool, server):
        old = await ask(pool)
        first = server.connections[0]
        first.go_away(2**31 - 1)
        first.send(old.number, b"seen")
        assert await anext(old) == b"seen"  # and therefore the goodbye before it
        new = await ask(pool)
        assert [len(connection.requests) for connection in server.connections] == [1, 1]
        first.send(old.number, b"one")
        server.connections[1].send(new.number, b"two")
        assert (await anext(old), await anext(new)) == (b"one", b"two")
        old.close()
        await server.until(lambda: first.lost)
        assert not server.connections[1].lost


async def test_a_request_that_a_connection_refuses_is_sent_on_another(tmp_path: Path) -> None:
    async with pool_and_server(tmp_path) as (pool, server):
        await ask(pool)

        def lose_the_first(connection: ServerSide, number: int) -> None:
            if connection is server.connections[0]:
                connection.close()
            else:
                connection.answer(number)

        server.answers = lose_the_first
        assert (await ask(pool)).status == 200
        assert len(server.connections) == 2


async def test_a_request_that_is_refused_again_and_again_fails(tmp_path: Path) -> None:
    async with pool_and_server(tmp_path) as (pool, server):
        server.answers = lambda connection, number: connection.reset(number, ErrorCodes.REFUSED_STREAM)
        with pytest.raises(ConnectionError, match="REFUSED_STREAM"):
            await ask(pool)
        assert len(server.connections[0].requests) == 3


async def test_who_stops_waiting_for_an_answer_lets_the_server_know(tmp_path: Path) -> None:
    async with pool_and_server(tmp_path) as (pool, server):
        kept = await ask(pool)
        server.answers = lambda _connection, _number: None
        waiting = asyncio.create_task(ask(pool))
        [connection] = server.connections
        await server.until(lambda: len(connection.requests) == 2)
        waiting.cancel()
        await server.until(lambda: len(connection.resets) == 1)
        connection.send(kept.number, b"goes on")
        assert await anext(kept) == b"goes on"


async def test_who_stops_waiting_for_a_connection_does_not_stop_the_others(tmp_path: Path) -> None:
    async with pool_and_server(tmp_path) as (pool, server):
        first, second = asyncio.create_task(ask(pool)), asyncio.create_task(ask(pool))
        await asyncio.sleep(0)
        first.cancel()
        assert (await second).status == 200
        assert first.cancelled()
        assert len(server.connections) == 1


async def test_a_pool_that_is_closed_fails_its_streams_and_opens_no_more(tmp_path: Path) -> None:
    async with pool_and_server(tmp_path) as (pool, server):
        stream = await ask(pool)
        pool.close()
        for attempt in (anext(stream), ask(pool)):
            with pytest.raises(ConnectionAbortedError):
                await attempt
        await server.until(lambda: server.connections[0].lost)
        assert not pool.alive


async def test_who_waits_for_a_connection_when_the_pool_is_closed_is_told(tmp_path: Path) -> None:
    async with pool_and_server(tmp_path) as (pool, _server):
        waiting = asyncio.create_task(ask(pool))
        await asyncio.sleep(0)
        pool.close()
        with pytest.raises(ConnectionAbortedError):
            await waiting


async def test_a_pool_that_is_retired_ends_with_its_last_stream(tmp_path: Path) -> None:
    async with pool_and_server(tmp_path) as (pool, server):
        stream = await ask(pool)
        pool.retire()
        server.connections[0].send(stream.number, b"last words")
        assert await anext(stream) == b"last words"
        assert pool.alive
        stream.close()
        await server.until(lambda: server.connections[0].lost)
        assert not pool.alive


async def test_a_server_without_http2_is_asked_only_once(tmp_path: Path) -> None:
    async with (
        http2_server(tmp_path, protocol="http/1.1") as server,
        pool_to(server.port, server.client_tls) as pool,
    ):
        for _ in range(3):
            with pytest.raises(NotSpoken):
                await ask(pool)
        assert not pool.spoken
        assert len(server.connections) == 1


async def test_a_server_that_allows_no_streams_is_an_error(tmp_path: Path) -> None:
    async with pool_and_server(tmp_path, most_streams=0) as (pool, server):
        with pytest.raises(ConnectionError, match="allows no streams"):
            await ask(pool)
        assert len(server.connections) == 1


async def test_a_certificate_that_nobody_vouches_for_is_an_error(tmp_path: Path) -> None:
    async with http2_server(tmp_path) as server, pool_to(server.port, ssl.create_default_context()) as pool:
        with pytest.raises(ssl.SSLCertVerificationError):
            await ask(pool)


async def test_all_who_wait_learn_at_once_that_the_server_is_not_there(unused_tcp_port: int) -> None:
    async with pool_to(unused_tcp_port, ssl.create_default_context()) as pool:
        found = await asyncio.gather(*(ask(pool) for _ in range(50)), return_exceptions=True)
        assert {type(error) for error in found} == {ConnectionRefusedError}


async def test_a_server_that_takes_the_connection_and_says_nothing_is_given_up(tmp_path: Path) -> None:
    ended = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()
        ended.set()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with pool_to(port, ssl.create_default_context(), connect_seconds=0.05) as pool:
        with pytest.raises(TimeoutError):
            await ask(pool)
    async with asyncio.timeout(10):
        await ended.wait()
    server.close()
