"""One HTTP/2 connection: frames between the socket and its streams, flow control, and whether the server is alive."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any, cast

from h2.config import H2Configuration
from h2.connection import ConnectionInputs, H2Connection, H2ConnectionStateMachine
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    RemoteSettingsChanged,
    ResponseReceived,
    StreamEnded,
    StreamReset,
)
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes, Settings

from vk_core.kube.gathering import GATHER_BYTES, GATHER_SECONDS
from vk_core.kube.http2.stream import WINDOW_BYTES, AnswerStream, Refused

CONNECTION_WINDOW_BYTES = 1 << 20
"""How much the server may send on all streams together before we have received it.

It is given back as soon as something comes, not when it is read, so that a stream with a slow reader stops only itself.
"""

MOST_STREAMS = 1000
"""On one connection, of a server that would take more."""

PING_SECONDS = 30.0
"""After a silence of this length the server is asked whether it is there, as Go's clients do."""

PONG_SECONDS = 15.0
"""How long it has for its answer."""

PING = bytes(8)

Headers = Iterable[tuple[bytes, bytes]]


class _Draining(H2ConnectionStateMachine):
    """Does not take GOAWAY for the end: what is under way goes on (RFC 9113, section 6.8)."""

    def process_input(self, input_: ConnectionInputs) -> list[Event]:
        if input_ is ConnectionInputs.RECV_GOAWAY:
            return []
        return super().process_input(input_)


class _Frames(H2Connection):
    """A client's side that can be drained."""

    MAX_CLOSED_STREAMS = 1 << 10

    def __init__(self) -> None:
        super().__init__(H2Configuration(client_side=True, header_encoding=None))
        self.state_machine = _Draining()
        values = {
            SettingCodes.ENABLE_PUSH: 0,
            SettingCodes.INITIAL_WINDOW_SIZE: WINDOW_BYTES,
            SettingCodes.MAX_HEADER_LIST_SIZE: self.DEFAULT_MAX_HEADER_LIST_SIZE,
        }
        self.local_settings = Settings(client=True, initial_values=values)

    def clear_outbound_data_buffer(self) -> None:
        """Not after GOAWAY, either: what stands there is about streams that go on."""


class Connection(asyncio.Protocol):
    """A connection to a server.

    Args:
        ping_seconds: the silence after which the server is asked whether it is there; an unused connection is closed.
        pong_seconds: how long it has for its answer.

    Attributes:
        spoken: whether the server speaks HTTP/2, which ALPN has told.
    """

    def __init__(self, *, ping_seconds: float = PING_SECONDS, pong_seconds: float = PONG_SECONDS) -> None:
        self.spoken = False
        self._loop = asyncio.get_running_loop()
        self._frames = _Frames()
        self._streams: dict[int, AnswerStream] = {}
        self._transport: asyncio.Transport | None = None
        self._settled: asyncio.Future[None] = self._loop.create_future()
        self._failure: OSError | None = None
        self._draining = False
        self._received = 0
        self._acknowledged = 0
        self._holds: set[str] = set()
        self._ping_seconds, self._pong_seconds = ping_seconds, pong_seconds
        self._heard_at = 0.0
        self._timer: asyncio.TimerHandle | None = None

    @property
    def alive(self) -> bool:
        """Whether it is open."""
        return self._failure is None

    @property
    def room(self) -> int:
        """How many more streams it takes."""
        if self._draining or self._failure is not None:
            return 0
        return min(self._frames.remote_settings.max_concurrent_streams, MOST_STREAMS) - len(self._streams)

    async def settled(self) -> None:
        """Wait until the server has said what it allows.

        Raises:
            OSError: it does not speak HTTP/2 after all, or went away.
        """
        await self._settled

    def open(self, headers: Headers, *, silence_seconds: float) -> AnswerStream:
        """Ask for something; there must be room.

        Raises:
            Refused: the connection has used up its numbers.
        """
        try:
            number = self._frames.get_next_available_stream_id()
            self._frames.send_headers(number, headers, end_stream=True)
        except ProtocolError as error:
            self.retire()
            raise Refused(str(error)) from error
        stream = self._streams[number] = AnswerStream(number, self, silence_seconds=silence_seconds)
        self._flush()
        return stream

    def retire(self) -> None:
        """Take no more streams, and close when the last one has ended."""
        self._draining = True
        self._close_if_done()

    def close(self) -> None:
        """Close it; its streams fail."""
        self._fail(ConnectionAbortedError("the connection was closed"))

    # What streams ask for.

    def widen(self, number: int, size: int) -> None:
        """Let the server send more on a stream, in bytes."""
        if number in self._streams:
            self._frames.increment_flow_control_window(size, number)
            self._flush()

    def cancel(self, number: int) -> None:
        """Tell the server that nobody reads a stream any more."""
        if self._streams.pop(number, None) is not None:
            self._frames.reset_stream(number, ErrorCodes.CANCEL)
            self._flush()
            self._close_if_done()

    # What the transport tells.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Say what we allow, if it is HTTP/2 that both have agreed on."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass
        self.spoken = transport.get_extra_info("ssl_object").selected_alpn_protocol() == "h2"
        if not self.spoken:
            return
        self._frames.initiate_connection()
        self._frames.increment_flow_control_window(CONNECTION_WINDOW_BYTES - self._frames.inbound_flow_control_window)
        self._flush()
        self._heard_at = self._loop.time()
        self._timer = self._loop.call_later(self._ping_seconds, self._check_silence)

    def data_received(self, data: bytes) -> None:
        """Give each stream its part."""
        self._heard_at = self._loop.time()
        received = self._received
        try:
            events = self._frames.receive_data(data)
        except ProtocolError as error:
            self._flush()  # says so to the server
            self._fail(ConnectionError(f"not HTTP/2: {error}"))
            return
        for event in events:
            handle = HANDLERS.get(type(event))
            if handle is not None:
                handle(self, event)
        self._acknowledge()
        self._flush()
        if self._received > received and len(data) < GATHER_BYTES:
            self._hold("gathering")
            self._loop.call_later(GATHER_SECONDS, self._release, "gathering")

    def pause_writing(self) -> None:
        """Answer no more frames of a server that does not read the answers."""
        self._hold("congested")

    def resume_writing(self) -> None:
        """The server reads again."""
        self._release("congested")

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the streams."""
        self._fail(ConnectionResetError(str(exc or "the server closed the connection")))

    # What frames tell.

    def _on_settings(self, _event: RemoteSettingsChanged) -> None:
        if not self._settled.done():
            self._settled.set_result(None)

    def _on_head(self, event: ResponseReceived) -> None:
        stream = self._streams.get(event.stream_id)
        if stream is None:
            return
        headers: dict[bytes, bytes] = dict(event.headers)
        status = headers.get(b":status", b"")
        if status.isdigit():
            stream.begin(int(status), headers)
        else:
            stream.fail(ConnectionError(f"not HTTP/2: status {status!r}"))

    def _on_data(self, event: DataReceived) -> None:
        size = event.flow_controlled_length
        self._received += size
        stream = self._streams.get(event.stream_id)
        if stream is not None:
            stream.receive(event.data, size - len(event.data))

    def _on_end(self, event: StreamEnded) -> None:
        stream = self._streams.pop(event.stream_id, None)
        if stream is not None:
            stream.end()
            self._close_if_done()

    def _on_reset(self, event: StreamReset) -> None:
        stream = self._streams.pop(event.stream_id, None)
        if stream is not None:
            refused = event.error_code == ErrorCodes.REFUSED_STREAM and not stream.status
            stream.fail((Refused if refused else ConnectionResetError)(f"the server ended it: {_name(event)}"))
            self._close_if_done()

    def _on_goaway(self, event: ConnectionTerminated) -> None:
        """What the server has not begun with is refused; the rest goes on until it ends or the server closes."""
        self._draining = True
        for number in [number for number in self._streams if number > (event.last_stream_id or 0)]:
            self._streams.pop(number).fail(Refused(f"the server takes no more: {_name(event)}"))
        self._close_if_done()

    # Liveness and the end.

    def _check_silence(self) -> None:
        left = self._heard_at + self._ping_seconds - self._loop.time()
        if left > 0:
            self._timer = self._loop.call_later(left, self._check_silence)
        elif not self._streams:
            self.close()
        else:
            self._frames.ping(PING)
            self._flush()
            self._timer = self._loop.call_later(self._pong_seconds, self._check_pong, self._heard_at)

    def _check_pong(self, heard_at: float) -> None:
        if self._heard_at == heard_at:
            silence = self._ping_seconds + self._pong_seconds
            self._fail(TimeoutError(f"the server has been silent for {silence:g} s"))
        else:
            self._check_silence()

    def _close_if_done(self) -> None:
        if self._draining and not self._streams:
            self.close()

    def _fail(self, error: OSError) -> None:
        if self._failure is not None:
            return
        self._failure = error
        if self._timer is not None:
            self._timer.cancel()
        if not self._settled.done():
            self._settled.set_exception(error)
            self._settled.exception()  # nobody need wait for it
        streams, self._streams = self._streams, {}
        for stream in streams.values():
            # Without an answer nothing was lost but the connection; and each reader raises an error of its own.
            lost = isinstance(error, ConnectionResetError) and not stream.status
            stream.fail((Refused if lost else type(error))(str(error)))
        if self._transport is None:
            return
        if isinstance(error, TimeoutError):
            self._transport.abort()  # nobody is there to say goodbye to
        else:
            self._transport.close()

    def _acknowledge(self) -> None:
        """Now and then, because each time is a frame."""
        size = self._received - self._acknowledged
        if size >= CONNECTION_WINDOW_BYTES // 2:
            self._acknowledged = self._received
            self._frames.increment_flow_control_window(size)

    def _flush(self) -> None:
        data = self._frames.data_to_send()
        if data and self._transport is not None and self._failure is None:
            self._transport.write(data)

    def _hold(self, reason: str) -> None:
        """Leave what comes where it is, for one or more reasons."""
        if not self._holds and self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()
        self._holds.add(reason)

    def _release(self, reason: str) -> None:
        self._holds.discard(reason)
        if not self._holds and self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()


def _name(event: StreamReset | ConnectionTerminated) -> str:
    code = event.error_code
    return code.name if isinstance(code, ErrorCodes) else f"error code {code}"


HANDLERS: dict[type[Event], Callable[[Connection, Any], None]] = {
    RemoteSettingsChanged: Connection._on_settings,
    ResponseReceived: Connection._on_head,
    DataReceived: Connection._on_data,
    StreamEnded: Connection._on_end,
    StreamReset: Connection._on_reset,
    ConnectionTerminated: Connection._on_goaway,
}
