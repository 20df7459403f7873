"""The HTTP/2 connections to one server: as many as its limit of streams for each makes necessary, and no more."""

from __future__ import annotations

import asyncio
import ssl

from vk_core.kube.http2.connection import PING_SECONDS, PONG_SECONDS, Connection, Headers
from vk_core.kube.http2.stream import AnswerStream, Refused

MOST_TRIES = 3
"""How often a request is sent that connections refuse."""


class NotSpoken(Exception):
    """The server does not speak HTTP/2."""


class StreamPool:
    """Connections to one server, made when they are needed.

    Args:
        host: name or address.
        port: TCP port.
        tls: offers `h2` by ALPN.
        connect_seconds: how long making a connection may take.
        ping_seconds: the silence after which a server is asked whether it is there.
        pong_seconds: how long it has for its answer.
    """

    def __init__(
        self,
        host: str,
        port: int,
        tls: ssl.SSLContext,
        *,
        connect_seconds: float,
        ping_seconds: float = PING_SECONDS,
        pong_seconds: float = PONG_SECONDS,
    ) -> None:
        self.spoken = True
        self._host = host
        self._port = port
        self._tls = tls
        self._connect_seconds = connect_seconds
        self._ping_seconds, self._pong_seconds = ping_seconds, pong_seconds
        self._connections: list[Connection] = []
        self._connecting: asyncio.Task[None] | None = None
        self._closed = False

    @property
    def alive(self) -> bool:
        """Whether any connection is open."""
        return any(connection.alive for connection in self._connections)

    async def open(self, headers: Headers, *, silence_seconds: float) -> AnswerStream:
        """Send a GET and wait until its answer begins; the caller closes the stream.

        Args:
            headers: pseudo-headers first, names in lower case.
            silence_seconds: how long to wait for anything to come, now and while the answer is read.

        Raises:
            NotSpoken: the server chose another protocol; it is not asked again (`spoken` is False).
            OSError: no answer.
        """
        tries = 1
        while True:
            connection = await self._with_room()
            stream = connection.open(headers, silence_seconds=silence_seconds)
            try:
                await stream.answered()
            except BaseException as error:
                stream.close()
                if not isinstance(error, Refused) or tries == MOST_TRIES:
                    raise
                tries += 1
            else:
                return stream

    def retire(self) -> None:
        """Open no more streams, and close each connection when its last one has ended."""
        self._stop_connecting()
        for connection in self._connections:
            connection.retire()

    def close(self) -> None:
        """Close all connections; their streams fail."""
        self._stop_connecting()
        for connection in self._connections:
            connection.close()

    async def _with_room(self) -> Connection:
        """The oldest connection that takes another stream; one is made if there is none, once for all who wait."""
        while True:
            self._connections = [connection for connection in self._connections if connection.alive]
            for connection in self._connections:
                if connection.room > 0:
                    return connection
            if self._closed:
                raise ConnectionAbortedError("the connection was closed")
            if not self.spoken:
                raise NotSpoken
            await self._one_more()

    async def _one_more(self) -> None:
        connecting = self._connecting
        if connecting is None:
            connecting = self._connecting = asyncio.create_task(self._connect(), name="connect-http2")
            connecting.add_done_callback(self._connected)
        await asyncio.wait({connecting})  # who waits may be cancelled without ending it for the others
        if not connecting.cancelled():
            error = connecting.exception()
            if error is not None:
                raise error

    async def _connect(self) -> None:
        connection = None
        try:
            async with asyncio.timeout(self._connect_seconds):
                _, connection = await asyncio.get_running_loop().create_connection(
                    self._new, self._host, self._port, ssl=self._tls
                )
                self.spoken = connection.spoken
                if not self.spoken:
                    raise NotSpoken
                await connection.settled()
                if connection.room < 1:
                    raise ConnectionError("the server allows no streams")
        except BaseException:
            if connection is not None:
                connection.close()
            raise
        self._connections.append(connection)

    def _new(self) -> Connection:
        return Connection(ping_seconds=self._ping_seconds, pong_seconds=self._pong_seconds)

    def _connected(self, task: asyncio.Task[None]) -> None:
        self._connecting = None
        if not task.cancelled():
            task.exception()  # whoever waits raises it; there may be nobody left

    def _stop_connecting(self) -> None:
        self._closed = True
        if self._connecting is not None:
            self._connecting.cancel()
