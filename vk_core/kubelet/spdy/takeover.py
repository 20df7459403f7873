"""Taking the connection of an HTTP request away from aiohttp, to speak SPDY on it.

aiohttp goes on to own the connection: it is told when it is lost, and closes it when the server shuts down.

The end takes its time: if bytes of the client were left unread at a close, the kernel would reset the connection and
destroy what was sent last. So the client is listened to until it leaves by itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import logging
from collections.abc import AsyncIterator, Callable

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter

from vk_core.kubelet.sockets import buffered, hung_up, keep_alive, unsent
from vk_core.kubelet.spdy.connection import SpdyConnection
from vk_core.kubelet.upgrade import PROTOCOL_HEADER, SPDY

LINGER_SECONDS = 30.0
"""How long a client may take to leave when it has got everything."""

FLUSH_SECONDS = 5.0
"""How long a closed connection may take to send its last bytes."""

HANGUP_SECONDS = 5.0
"""How often a client is looked for whose bytes are not read at the moment."""

WRITE_HIGH = 256 * 1024

log = logging.getLogger("virtual_kubelet.kubelet.spdy")


class TakenConnection(SpdyConnection):
    """A SPDY connection that was an HTTP request.

    Attributes:
        response: what the handler returns to aiohttp; everything is said already.
    """

    response: UpgradedResponse


class UpgradedResponse(web.StreamResponse):
    """Stands for a response that was sent past aiohttp."""

    def __init__(self) -> None:
        super().__init__(status=101)
        self.force_close()

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        """Send nothing."""
        del request
        return None

    async def write_eof(self, data: bytes = b"") -> None:
        """Send nothing."""
        del data


@contextlib.asynccontextmanager
async def take_over(request: web.Request, *, protocol: str, idle: dt.timedelta) -> AsyncIterator[TakenConnection]:
    """Answer 101, and speak SPDY on the request's connection from then on.

    At the end of the context the client is told that all is said, and has 30 s to leave. There is nobody to answer
    errors to any more: that the client went away ends the context quietly, a bug is logged and ends the connection.

    Args:
        request: asks for the upgrade (`negotiate_spdy`).
        protocol: which of the client's protocols was chosen.
        idle: without a byte in either direction for so long the connection is closed.

    Raises:
        ConnectionResetError: the client has gone before it could be answered.
    """
    transport = request.transport
    if transport is None or transport.is_closing():
        raise ConnectionResetError("the client went away before the upgrade")
    wire = _TransportWire(transport, request.protocol)
    connection = TakenConnection(wire, idle=idle)
    connection.response = UpgradedResponse()
    wire.take(connection, protocol)
    try:
        yield connection
        connection.discard()
        connection.goaway()
        await _linger(connection, wire)
    except ConnectionError as error:
        log.debug("a SPDY client went away: %s", error)
    except Exception:
        log.exception("%s %s failed behind its upgrade", request.method, request.path)
    finally:
        wire.close()
        connection.lose()


async def _linger(connection: SpdyConnection, wire: _TransportWire) -> None:
    """Wait until the client leaves; the time it has for that begins when nothing is on its way to it any more."""
    left = LINGER_SECONDS
    while left > 0 and not connection.closed.is_set():
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1.0):
                await connection.closed.wait()
        if not wire.unsent():
            left -= 1.0


class _TransportWire(asyncio.Protocol):
    """The transport of an HTTP request and the protocol on it."""

    def __init__(self, transport: asyncio.Transport, http: asyncio.Protocol) -> None:
        self._transport = transport
        self._http = http
        self._connection: SpdyConnection | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._lost = False

    def take(self, connection: SpdyConnection, protocol: str) -> None:
        """Begin."""
        self._connection = connection
        self._transport.set_protocol(self)
        self._transport.set_write_buffer_limits(high=WRITE_HIGH)
        keep_alive(self._transport)
        self._transport.write(
            "HTTP/1.1 101 Switching Protocols\r\n"
            f"Connection: Upgrade\r\nUpgrade: {SPDY}\r\n{PROTOCOL_HEADER}: {protocol}\r\n\r\n".encode()
        )

    # What the connection asks for.

    def write(self, data: bytes) -> None:
        # aiohttp closes the transport as well, when the server stops; the loss of the connection is told later.
        if not self._transport.is_closing():
            self._transport.write(data)

    def pending(self) -> int:
        return buffered(self._transport)

    def unsent(self) -> int:
        """Bytes that the client's machine has not confirmed."""
        return unsent(self._transport)

    def pause_reading(self) -> None:
        if not self._transport.is_closing():
            self._transport.pause_reading()
            self._after(HANGUP_SECONDS, self._look_for_client)

    def resume_reading(self) -> None:
        self._stop_timer()
        if not self._transport.is_closing():
            self._transport.resume_reading()

    def close(self) -> None:
        if not self._lost:
            self._transport.close()
            self._after(FLUSH_SECONDS, self._transport.abort)

    # What the transport tells.

    def data_received(self, data: bytes) -> None:
        if self._connection is not None:
            self._connection.feed(data)

    def pause_writing(self) -> None:
        if self._connection is not None:
            self._connection.pause_writing()

    def resume_writing(self) -> None:
        if self._connection is not None:
            self._connection.resume_writing()

    def eof_received(self) -> None:
        self._lose()

    def connection_lost(self, exc: BaseException | None) -> None:
        self._lost = True
        self._stop_timer()
        self._lose()
        self._http.connection_lost(exc if isinstance(exc, Exception) else None)

    def _lose(self) -> None:
        if self._connection is not None:
            self._connection.lose()
            self._connection = None

    def _look_for_client(self) -> None:
        """Notice that the client has gone while its bytes are not read, for then its leaving is not seen either."""
        if hung_up(self._transport):
            log.info("a client has gone while the bytes it had sent were waiting")
            self._transport.abort()
            self._lose()
        else:
            self._after(HANGUP_SECONDS, self._look_for_client)

    def _after(self, seconds: float, call: Callable[[], None]) -> None:
        self._stop_timer()
        self._timer = asyncio.get_running_loop().call_later(seconds, call)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
