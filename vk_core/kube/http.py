"""HTTP/1.1 for many small requests to one server: kept connections, one request at a time on each, answers whole.

A status costs the node a request, so a request must cost little: this takes half the CPU that a general client takes.
It knows no redirects, proxies, cookies or compression; `httptools` reads what comes.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from typing import NamedTuple, cast

import httptools

KEEP_SECONDS = 60.0
"""A connection that was not used for so long is not trusted any more."""

FIRST_FINAL_STATUS = 200

REPEATABLE = frozenset({"GET", "HEAD", "PUT", "DELETE"})
"""Methods whose request is sent again when a kept connection turns out to be closed (RFC 9110, section 9.2.2)."""


class Answer(NamedTuple):
    """A whole answer; header names in lower case."""

    status: int
    headers: dict[bytes, bytes]
    body: bytes


class Stale(ConnectionError):
    """A kept connection was closed by the server before it answered anything."""


class HttpPool:
    """Connections to one server, made when they are needed.

    Args:
        host: name or address.
        port: TCP port.
        tls: for HTTPS; None for plain HTTP.
        limit: connections at most; more requests wait.
        connect_seconds: how long making a connection may take.
        answer_seconds: how long an answer may take.
    """

    def __init__(
        self,
        host: str,
        port: int,
        tls: ssl.SSLContext | None,
        *,
        limit: int,
        connect_seconds: float,
        answer_seconds: float,
    ) -> None:
        self._host = host
        self._port = port
        self._tls = tls
        self._slots = asyncio.Semaphore(limit)
        self._connect_seconds = connect_seconds
        self._answer_seconds = answer_seconds
        self._idle: deque[_Connection] = deque()
        self._closed = False

    async def request(self, method: str, head: bytes, body: bytes) -> Answer:
        """Send a request and read its whole answer.

        Args:
            method: the method, which `head` begins with.
            head: request line and headers, with the empty line at its end.
            body: what follows.

        Raises:
            OSError: no answer; TimeoutError and ssl.SSLError are such.
        """
        async with self._slots:
            connection = self._kept()
            if connection is not None:
                try:
                    return await self._exchange(connection, head, body)
                except Stale:
                    if method not in REPEATABLE:
                        raise
            return await self._exchange(await self._connect(), head, body)

    def close(self) -> None:
        """Close the connections that nobody uses; those in use are closed when they are done with."""
        self._closed = True
        while self._idle:
            self._idle.pop().close()

    async def _exchange(self, connection: _Connection, head: bytes, body: bytes) -> Answer:
        try:
            answer = await connection.exchange(head + body, self._answer_seconds)
        except BaseException:  # cancelled, too: what comes now belongs to nobody
            connection.close()
            raise
        if connection.reusable and not self._closed:
            self._idle.append(connection)
        else:
            connection.close()
        return answer

    def _kept(self) -> _Connection | None:
        oldest = asyncio.get_running_loop().time() - KEEP_SECONDS
        while self._idle:
            connection = self._idle.pop()
            if connection.reusable and connection.used_at > oldest:
                return connection
            connection.close()
        return None

    async def _connect(self) -> _Connection:
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(self._connect_seconds):
            _, connection = await loop.create_connection(_Connection, self._host, self._port, ssl=self._tls)
        return connection


class _Connection(asyncio.Protocol):
    """One connection with at most one request under way."""

    def __init__(self) -> None:
        self.used_at = 0.0
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[Answer] | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._headers: dict[bytes, bytes] = {}
        self._body: list[bytes] = []
        self._alive = True
        self._silent = True

    @property
    def reusable(self) -> bool:
        """Whether another request may be sent."""
        return self._alive and self._waiter is None

    async def exchange(self, request: bytes, seconds: float) -> Answer:
        """Send a request and wait for its answer."""
        if self._transport is None or self._transport.is_closing():
            raise Stale("the server has closed the connection")
        waiter: asyncio.Future[Answer] = self._loop.create_future()
        self._waiter = waiter
        self._silent = True
        timer = self._loop.call_later(seconds, self._fail, TimeoutError(f"no answer within {seconds:g} s"))
        try:
            self._transport.write(request)
            return await waiter
        finally:
            timer.cancel()
            self._waiter = None

    def close(self) -> None:
        """Close it."""
        self._alive = False
        if self._transport is not None:
            self._transport.close()

    # What the transport tells.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass

    def data_received(self, data: bytes) -> None:
        if self._waiter is None:  # nobody asked: whatever this is, it is not an answer
            self.close()
            return
        self._silent = False
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(ConnectionError(f"not HTTP: {error}"))

    def eof_received(self) -> None:
        self._alive = False

    def connection_lost(self, exc: Exception | None) -> None:
        self._alive = False
        if self._silent and self.used_at:
            self._fail(Stale("the server has closed the connection"))
        else:
            self._fail(exc or ConnectionResetError("the server closed the connection before its answer was whole"))

    # What the parser tells.

    def on_message_begin(self) -> None:
        self._headers, self._body = {}, []

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.lower()] = value

    def on_body(self, data: bytes) -> None:
        self._body.append(data)

    def on_message_complete(self) -> None:
        status = self._parser.get_status_code()
        if status < FIRST_FINAL_STATUS:
            return
        self._alive = self._alive and self._parser.should_keep_alive()
        self.used_at = self._loop.time()
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(Answer(status, self._headers, b"".join(self._body)))

    def _fail(self, error: Exception) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(error)
