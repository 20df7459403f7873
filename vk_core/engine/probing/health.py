"""The `grpc` probe: asks a server for its health, by the gRPC health checking protocol over HTTP/2 without TLS."""

from __future__ import annotations

import asyncio
import re
from typing import NamedTuple, cast

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    RemoteSettingsChanged,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    TrailersReceived,
)
from h2.exceptions import ProtocolError

from vk_core.engine.probing import healthmessages as messages
from vk_core.engine.probing.dialing import DialError, dial
from vk_core.engine.probing.outcomes import Outcome, failed, succeeded
from vk_core.engine.probing.words import VERSION, duration, host_port, quoted

AGAIN_SECONDS = 1.0
"""After which a server that cannot be reached is tried again, as gRPC's clients do."""

_NUMBER = re.compile(r"[0-9]{1,9}")

MOST_BODY = 1 << 14
"""Bytes of an answer; a status takes two."""


class Reply(NamedTuple):
    """What a call has ended with.

    Attributes:
        code: its status code.
        message: what the server says about it.
        body: the framed message of the answer.
    """

    code: int
    message: str = ""
    body: bytes = b""


async def probe_grpc(host: str, port: int, service: str, timeout_seconds: int) -> Outcome:
    """Whether a server says that a service is healthy; an empty service is the server itself."""
    where = host_port(host, port)
    limit = duration(timeout_seconds)
    call: _Call | None = None
    try:
        async with asyncio.timeout(timeout_seconds):
            call = await _reach(host, port)
            reply = await call.check(where, service, timeout_seconds)
    except TimeoutError:
        if call is not None:
            return failed(f"timeout: health rpc did not complete within {limit}")
        reason = "context deadline exceeded"
        return failed(f"timeout: failed to connect service {quoted(where)} within {limit}: {reason}")
    finally:
        if call is not None:
            call.leave()
    return judge(reply, limit)


def judge(reply: Reply, limit: str) -> Outcome:
    """What a server's reply means.

    Args:
        reply: what the call has ended with.
        limit: how long it had, to show.
    """
    if reply.code == messages.UNIMPLEMENTED:
        text = "this server does not implement the grpc health protocol (grpc.health.v1.Health)"
        return failed(f"error: {text}: {reply.message}")
    if reply.code == messages.DEADLINE_EXCEEDED:
        return failed(f"timeout: health rpc did not complete within {limit}")
    if reply.code != messages.OK:
        return _rpc_failed(reply.code, reply.message)
    try:
        status = messages.serving_status(reply.body)
    except ValueError as error:
        return _rpc_failed(messages.INTERNAL, f"grpc: failed to unmarshal the received message: {error}")
    if status != messages.SERVING:
        return failed(f"service unhealthy (responded with {quoted(status)})")
    return succeeded("service healthy")


def _rpc_failed(code: int, message: str) -> Outcome:
    error = f"rpc error: code = {messages.code_name(code)} desc = {message}"
    return failed(f"error: health rpc probe failed: {error}")


async def _reach(host: str, port: int) -> _Call:
    """A connection to a server that speaks HTTP/2; it may begin to listen at any time."""
    while True:
        call: _Call | None = None
        try:
            call = await dial(_Call, host, port)
            await call.settled
        except (DialError, ConnectionError):
            await asyncio.sleep(AGAIN_SECONDS)
        else:
            reached, call = call, None
            return reached
        finally:
            if call is not None:
                call.leave()


class _Call(asyncio.Protocol):
    """A connection for one call.

    Attributes:
        settled: done when the server has said what it allows.
    """

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.settled: asyncio.Future[None] = loop.create_future()
        self._reply: asyncio.Future[Reply] = loop.create_future()
        self._frames = H2Connection(H2Configuration(client_side=True, header_encoding="utf-8"))
        self._transport: asyncio.Transport | None = None
        self._status = ""
        self._http_status = 0
        self._message = ""
        self._content_type = ""
        self._body = bytearray()

    async def check(self, where: str, service: str, timeout_seconds: int) -> Reply:
        """Ask for the health of a service."""
        number = self._frames.get_next_available_stream_id()
        headers = [
            (":method", "POST"),
            (":scheme", "http"),
            (":path", messages.PATH),
            (":authority", where),
            ("content-type", "application/grpc"),
            ("user-agent", f"kube-probe/{VERSION}"),
            ("te", "trailers"),
            ("grpc-timeout", f"{timeout_seconds * 1000}m"),
        ]
        self._frames.send_headers(number, headers)
        self._frames.send_data(number, messages.check_request(service), end_stream=True)
        self._flush()
        return await self._reply

    def leave(self) -> None:
        """Have no more to do with it."""
        for future in (self.settled, self._reply):
            if not future.cancel() and not future.cancelled():
                future.exception()  # was seen to, if anybody still waited
        if self._transport is not None:
            self._transport.close()

    # What the transport tells.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass
        self._frames.initiate_connection()
        self._flush()

    def data_received(self, data: bytes) -> None:
        try:
            events = self._frames.receive_data(data)
            for event in events:
                self._on(event)
        except (ProtocolError, UnicodeDecodeError) as error:
            self._break(f"connection error: {error}")
            return
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        self._break(f"error reading from server: {exc or 'EOF'}")

    # What frames tell.

    def _on(self, event: Event) -> None:
        match event:
            case RemoteSettingsChanged():
                if not self.settled.done():
                    self.settled.set_result(None)
            case ResponseReceived() | TrailersReceived():
                self._read({str(name): str(value) for name, value in event.headers})
            case DataReceived():
                self._body += event.data
                if len(self._body) > MOST_BODY:
                    self._end(Reply(messages.INTERNAL, "the answer is too long"))
            case StreamEnded():
                self._end(self._ended())
            case StreamReset():
                code = event.error_code
                self._end(Reply(messages.UNAVAILABLE, f"stream terminated by RST_STREAM with error code: {code}"))
            case ConnectionTerminated() if self.settled.done():
                self._break("the server closes the connection")

    def _read(self, headers: dict[str, str]) -> None:
        http_status = _number(headers.get(":status", ""))
        if http_status is not None:
            self._http_status = http_status
            self._content_type = headers.get("content-type", "")
        self._status = headers.get("grpc-status", self._status)
        self._message = headers.get("grpc-message", self._message)

    def _ended(self) -> Reply:
        """What status and headers say, now that there are no more."""
        code = _number(self._status)
        if code is not None:
            return Reply(code, messages.status_message(self._message), bytes(self._body))
        text = f"unexpected HTTP status code received from server: {self._http_status}"
        if self._content_type:
            text += f"; transport: received unexpected content-type {quoted(self._content_type)}"
        return Reply(messages.code_of_http_status(self._http_status), text)

    # What comes of it.

    def _end(self, reply: Reply) -> None:
        if not self._reply.done():
            self._reply.set_result(reply)

    def _break(self, text: str) -> None:
        """The connection is of no more use."""
        if not self.settled.done():
            self.settled.set_exception(ConnectionError(text))
        self._end(Reply(messages.UNAVAILABLE, text))

    def _flush(self) -> None:
        data = self._frames.data_to_send()
        if data and self._transport is not None:
            self._transport.write(data)


def _number(text: str) -> int | None:
    return int(text) if _NUMBER.fullmatch(text) else None
