"""Many small requests over kept connections, against servers that behave and servers that do not."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vk_core.kube.http import Answer, HttpPool

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
HEAD = b"%s /path HTTP/1.1\r\nHost: here\r\nContent-Length: 0\r\n\r\n"


class Counted:
    """A server that counts its connections."""

    def __init__(self, serve: Serve) -> None:
        self._serve = serve
        self.connections = 0
        self.open = 0
        self.idle = asyncio.Event()

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open += 1
        self.idle.clear()
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await self._serve(reader, writer)
        writer.close()
        self.open -= 1
        if not self.open:
            self.idle.set()


@contextlib.asynccontextmanager
async def pool_to(
    serve: Serve, *, answer_seconds: float = 10.0, limit: int = 4
) -> AsyncIterator[tuple[HttpPool, Counted]]:
    counted = Counted(serve)
    server = await asyncio.start_server(counted, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    pool = HttpPool("127.0.0.1", port, None, limit=limit, connect_seconds=5.0, answer_seconds=answer_seconds)
    try:
        yield pool, counted
    finally:
        pool.close()
        server.close()
        if counted.connections:
            async with asyncio.timeout(10):
                await counted.idle.wait()


async def ask(pool: HttpPool, method: bytes = b"GET") -> Answer:
    return await pool.request(method.decode(), HEAD % method, b"")


def answering(*pieces: bytes) -> Serve:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await reader.readuntil(b"\r\n\r\n")
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0)

    return serve


async def test_requests_one_after_the_other_share_a_connection() -> None:
    async with pool_to(answering(OK)) as (pool, server):
        for _ in range(5):
            assert await ask(pool) == (200, {b"content-length": b"2"}, b"ok")
    assert server.connections == 1


async def test_requests_at_the_same_time_have_a_connection_each_up_to_the_limit() -> None:
    async with pool_to(answering(OK), limit=3) as (pool, server):
        await asyncio.gather(*(ask(pool) for _ in range(20)))
    assert server.connections == 3


async def test_an_answer_may_come_in_chunks_in_pieces_and_after_a_provisional_one() -> None:
    chunked = b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    whole = b"HTTP/1.1 100 Continue\r\n\r\n" + chunked
    async with pool_to(answering(*(whole[i : i + 7] for i in range(0, len(whole), 7)))) as (pool, server):
        for _ in range(2):
            answer = await ask(pool)
            assert (answer.status, answer.body) == (201, b"abcde")
    assert server.connections == 1


async def test_a_connection_that_the_server_wants_closed_is_not_used_again() -> None:
    async with pool_to(answering(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")) as (
        pool,
        server,
    ):
        await ask(pool)
        await ask(pool)
    assert server.connections == 2


def once_per_connection(closing: asyncio.Event) -> Serve:
    """Answers the first request of a connection, takes the second one and hangs up."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK)
        await reader.readuntil(b"\r\n\r\n")
        closing.set()

    return serve


async def test_what_may_be_repeated_is_sent_again_when_a_kept_connection_turns_out_to_be_closed() -> None:
    closing = asyncio.Event()
    async with pool_to(once_per_connection(closing)) as (pool, server):
        await ask(pool)
        assert (await ask(pool)).status == 200
    assert closing.is_set()
    assert server.connections == 2


async def test_what_may_not_be_repeated_is_not() -> None:
    async with pool_to(once_per_connection(asyncio.Event())) as (pool, server):
        await ask(pool, b"POST")
        with pytest.raises(ConnectionError):
            await ask(pool, b"POST")
    assert server.connections == 1


async def test_a_connection_that_breaks_in_the_middle_of_an_answer_is_an_error() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart")

    async with pool_to(serve) as (pool, server):
        with pytest.raises(ConnectionError, match="whole"):
            await ask(pool)
    assert server.connections == 1


async def test_a_server_that_does_not_answer_is_given_up_and_its_connection_with_it() -> None:
    async with pool_to(answering(), answer_seconds=0.05) as (pool, server):
        for _ in range(2):
            with pytest.raises(TimeoutError):
                await ask(pool)
    assert server.connections == 2


async def test_the_answer_to_a_cancelled_request_reaches_nobody_else() -> None:
    asked, answered = asyncio.Event(), asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = await reader.readuntil(b"\r\n\r\n")
        if line.startswith(b"DELETE"):
            asked.set()
            await answered.wait()
            writer.write(b"HTTP/1.1 500 Wrong\r\nContent-Length: 0\r\n\r\n")
        writer.write(OK)
        await reader.read()

    async with pool_to(serve) as (pool, server):
        task = asyncio.create_task(ask(pool, b"DELETE"))
        await asked.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        answered.set()
        assert (await ask(pool)).status == 200
    assert server.connections == 2


@given(st.binary(max_size=300))
def test_no_bytes_whatever_do_more_than_fail_a_request(noise: bytes) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(noise)

    async def run() -> None:
        async with pool_to(serve, answer_seconds=5.0) as (pool, _):
            with contextlib.suppress(OSError):
                await ask(pool)

    asyncio.run(run())
