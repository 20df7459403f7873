"""One HTTP/2 connection against a real server's side in memory, on virtual time."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator

import pytest
from h2.errors import ErrorCodes
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    Frame,
    GoAwayFrame,
    HeadersFrame,
    PingFrame,
    PushPromiseFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)
from hypothesis import given
from hypothesis import strategies as st

from tests.support.http2 import ServerSide, Wire
from vk_core.kube.gathering import GATHER_SECONDS
from vk_core.kube.http2.connection import CONNECTION_WINDOW_BYTES, PING_SECONDS, PONG_SECONDS, Connection
from vk_core.kube.http2.stream import WINDOW_BYTES, AnswerStream, Refused
from vk_core.testing import run_in_virtual_time, virtual_time

HEADERS = [(b":method", b"GET"), (b":scheme", b"https"), (b":authority", b"here"), (b":path", b"/watch")]
HOUR = 3600.0


async def connected(*, most_streams: int = 100) -> tuple[Connection, Wire]:
    connection = Connection()
    wire = Wire(connection, most_streams=most_streams)
    wire.start()
    await connection.settled()
    return connection, wire


def ask(connection: Connection, count: int = 1, *, silence_seconds: float = HOUR) -> list[AnswerStream]:
    return [connection.open(HEADERS, silence_seconds=silence_seconds) for _ in range(count)]


async def answered(connection: Connection, server: ServerSide, count: int = 1) -> list[AnswerStream]:
    streams = ask(connection, count)
    for stream in streams:
        server.answer(stream.number)
    for stream in streams:
        await stream.answered()
    return streams


async def rest(stream: AnswerStream) -> bytes:
    return b"".join([piece async for piece in stream])


@virtual_time
async def test_streams_get_each_their_own_answer() -> None:
    connection, wire = await connected()
    streams = ask(connection, 3)
    for stream in reversed(streams):
        wire.server.answer(stream.number, b"%d" % stream.number, retry_after=str(stream.number))
    for stream in streams:
        await stream.answered()
        wire.server.send(stream.number, b"!", end=True)
        assert (stream.status, stream.headers[b"retry-after"]) == (200, b"%d" % stream.number)
    assert [await rest(stream) for stream in streams] == [b"1!", b"3!", b"5!"]
    assert wire.server.resets == {}


@virtual_time
async def test_there_is_room_for_what_the_server_allows() -> None:
    connection, wire = await connected(most_streams=2)
    assert connection.room == 2
    first, _ = await answered(connection, wire.server, 2)
    assert connection.room == 0
    wire.server.send(first.number, b"", end=True)
    assert await rest(first) == b""
    assert connection.room == 1


@virtual_time
async def test_a_slow_reader_holds_no_more_than_its_window_and_stops_nobody_else() -> None:
    connection, wire = await connected()
    slow, quick = await answered(connection, wire.server, 2)
    assert wire.server.fill(slow.number) == WINDOW_BYTES
    for _ in range(3 * CONNECTION_WINDOW_BYTES // 50_000):
        assert wire.server.fill(quick.number, at_most=50_000) == 50_000
        received = 0
        while received < 50_000:
            received += len(await anext(quick))
    assert wire.server.allowed(slow.number) == 0
    assert len(await anext(slow)) == WINDOW_BYTES
    assert wire.server.allowed(slow.number) == WINDOW_BYTES


@virtual_time
async def test_padding_counts_although_nobody_reads_it() -> None:
    connection, wire = await connected()
    [stream] = await answered(connection, wire.server)
    for _ in range(2 * WINDOW_BYTES // 256):
        wire.server.send(stream.number, b"x", padding=255)
        assert await anext(stream) == b"x"
    assert wire.server.allowed(stream.number) > WINDOW_BYTES // 4


@virtual_time
async def test_what_was_sent_to_closed_streams_is_not_missing_to_the_others() -> None:
    connection, wire = await connected()
    for _ in range(2 * CONNECTION_WINDOW_BYTES // WINDOW_BYTES):
        [stream] = await answered(connection, wire.server)
        assert wire.server.fill(stream.number) == WINDOW_BYTES
        if stream.number % 4 == 1:
            await asyncio.sleep(1)  # has arrived, but was not read
        stream.close()
        assert wire.server.resets[stream.number] == ErrorCodes.CANCEL
        await asyncio.sleep(1)
    [stream] = await answered(connection, wire.server)
    assert wire.server.allowed(stream.number) == WINDOW_BYTES


@virtual_time
async def test_a_stream_that_the_server_ends_by_force_fails_behind_what_came() -> None:
    connection, wire = await connected()
    stream, other = await answered(connection, wire.server, 2)
    wire.server.send(stream.number, b"one")
    wire.server.reset(stream.number, ErrorCodes.INTERNAL_ERROR)
    wire.server.send(other.number, b"two", end=True)
    assert await anext(stream) == b"one"
    with pytest.raises(ConnectionResetError, match="INTERNAL_ERROR"):
        await anext(stream)
    assert await rest(other) == b"two"


@virtual_time
async def test_only_what_has_no_answer_yet_may_be_asked_again() -> None:
    connection, wire = await connected()
    [begun] = await answered(connection, wire.server)
    refused, unknown, lost = ask(connection, 3)
    wire.server.reset(refused.number, ErrorCodes.REFUSED_STREAM)
    wire.server.reset(unknown.number, ErrorCodes.PROTOCOL_ERROR)
    with pytest.raises(Refused):
        await refused.answered()
    with pytest.raises(ConnectionResetError, match="PROTOCOL_ERROR"):
        await unknown.answered()
    wire.cut()
    with pytest.raises(Refused, match="cut"):
        await lost.answered()
    with pytest.raises(ConnectionResetError, match="cut"):
        await anext(begun)
    assert not connection.alive
    assert connection.room == 0


@virtual_time
async def test_after_goaway_what_runs_goes_on_and_what_did_not_begin_is_refused() -> None:
    connection, wire = await connected()
    [running] = await answered(connection, wire.server)
    [late] = ask(connection)
    wire.server.go_away(running.number)
    with pytest.raises(Refused):
        await late.answered()
    assert connection.room == 0
    for _ in range(3):
        assert wire.server.fill(running.number) == WINDOW_BYTES
        assert len(await anext(running)) == WINDOW_BYTES
    assert not wire.server.lost
    wire.server.send(running.number, b"end", end=True)
    assert await rest(running) == b"end"
    assert wire.server.lost


@virtual_time
async def test_a_server_that_announces_its_end_may_refuse_more_later() -> None:
    connection, wire = await connected()
    first, second = ask(connection, 2)
    wire.server.go_away(2**31 - 1)
    wire.server.answer(first.number, b"one")
    wire.server.go_away(first.number)
    with pytest.raises(Refused):
        await second.answered()
    assert await anext(first) == b"one"
    first.close()
    assert wire.server.lost


@virtual_time
async def test_a_silent_server_is_asked_and_given_up_when_it_does_not_answer() -> None:
    loop = asyncio.get_running_loop()
    connection, wire = await connected()
    streams = await answered(connection, wire.server, 2)
    await asyncio.sleep(10 * PING_SECONDS)
    assert 9 <= wire.server.pings <= 10
    assert connection.alive
    wire.server.mute, began = True, loop.time()
    for stream in streams:
        with pytest.raises(TimeoutError):
            await anext(stream)
    assert loop.time() - began <= PING_SECONDS + PONG_SECONDS
    assert wire.server.lost


@virtual_time
async def test_whatever_comes_shows_that_the_server_is_alive() -> None:
    connection, wire = await connected()
    [stream] = await answered(connection, wire.server)
    for _ in range(10):
        await asyncio.sleep(PING_SECONDS * 0.9)
        wire.server.send(stream.number, b"x")
        assert await anext(stream) == b"x"
    assert wire.server.pings == 0


@virtual_time
async def test_a_connection_that_nobody_uses_is_closed() -> None:
    connection, wire = await connected()
    [stream] = await answered(connection, wire.server)
    stream.close()
    assert connection.alive
    await asyncio.sleep(PING_SECONDS * 1.1)
    assert wire.server.lost
    assert wire.server.pings == 0


@virtual_time
async def test_a_stream_that_is_silent_for_too_long_fails_alone() -> None:
    loop = asyncio.get_running_loop()
    connection, wire = await connected()
    [stream] = ask(connection, silence_seconds=100)
    wire.server.answer(stream.number)
    await stream.answered()
    for _ in range(5):
        await asyncio.sleep(60)
        wire.server.send(stream.number, b"x")
        assert await anext(stream) == b"x"
    began = loop.time()
    with pytest.raises(TimeoutError, match="100 s"):
        await anext(stream)
    assert loop.time() - began == pytest.approx(100, abs=1)
    assert connection.alive
    stream.close()
    assert wire.server.resets == {stream.number: ErrorCodes.CANCEL}


@virtual_time
async def test_changes_gather_for_a_moment_so_that_they_wake_the_process_together() -> None:
    connection, wire = await connected()
    streams = await answered(connection, wire.server, 2)
    wire.server.send(streams[0].number, b"1")
    assert await anext(streams[0]) == b"1"
    for number in b"234":
        wire.server.send(streams[0].number, bytes([number]))
        await asyncio.sleep(GATHER_SECONDS / 8)
    wire.server.send(streams[1].number, b"other")
    assert wire.paused
    assert await anext(streams[0]) == b"234"
    assert await anext(streams[1]) == b"other"


@virtual_time
async def test_much_at_once_is_not_held_up() -> None:
    loop = asyncio.get_running_loop()
    connection, wire = await connected()
    [stream] = await answered(connection, wire.server)
    began = loop.time()
    for _ in range(10):
        wire.server.fill(stream.number)
        await anext(stream)
    assert loop.time() == began


@virtual_time
async def test_a_server_that_reads_nothing_is_not_answered_any_more() -> None:
    connection, wire = await connected()
    connection.pause_writing()
    assert wire.paused
    connection.resume_writing()
    assert not wire.paused


@virtual_time
async def test_pushed_answers_are_forbidden() -> None:
    connection, wire = await connected()
    [stream] = await answered(connection, wire.server)
    request = b"\x82\x87\x84\x41\x04here"  # GET https / here
    wire.deliver(PushPromiseFrame(1, promised_stream_id=2, data=request, flags=["END_HEADERS"]).serialize())
    with pytest.raises(ConnectionError, match="not HTTP/2"):
        await anext(stream)
    assert wire.server.goodbye == ErrorCodes.PROTOCOL_ERROR


@virtual_time
async def test_a_status_that_is_none_fails_its_stream() -> None:
    connection, wire = await connected()
    odd, [other] = ask(connection)[0], await answered(connection, wire.server)
    wire.deliver(HeadersFrame(odd.number, b"\x08\x03abc", flags=["END_HEADERS"]).serialize())
    with pytest.raises(ConnectionError, match="abc"):
        await odd.answered()
    wire.server.send(other.number, b"one")
    assert await anext(other) == b"one"


@virtual_time
async def test_what_was_to_be_sent_before_a_goaway_is_sent() -> None:
    connection, wire = await connected()
    [stream] = await answered(connection, wire.server)
    wire.server.ping()
    wire.server.go_away(stream.number)
    wire.server.send(stream.number, b"one")
    assert await anext(stream) == b"one"
    assert wire.server.pongs == 1


@virtual_time
async def test_numbers_that_are_used_up_are_a_reason_for_another_connection() -> None:
    connection, wire = await connected()
    connection._frames.highest_outbound_stream_id = 2**31 - 1
    with pytest.raises(Refused):
        ask(connection)
    assert not connection.alive
    assert wire.server.lost


@st.composite
def frames(draw: st.DrawFn) -> bytes:
    """Anything a server may send by mistake: right frames at wrong times, wrong content, wrong lengths."""
    number = draw(st.sampled_from([0, 1, 2, 3, 5, 7, 2**31 - 1]))
    payload = draw(st.binary(max_size=40))
    head = draw(st.sampled_from([b"\x88", b"\x88\x88", b"\x08\x03abc", b"\x82", b"", b"\x40\x01a\x01b", payload]))
    flags = draw(st.sets(st.sampled_from(["END_STREAM", "END_HEADERS", "PADDED", "PRIORITY", "ACK"])))
    word = draw(st.integers(0, 2**31 - 1) | st.sampled_from([0, 1, WINDOW_BYTES]))
    made: list[Frame] = [
        DataFrame(number or 1, payload),
        HeadersFrame(number or 1, head),
        ContinuationFrame(number or 1, head),
        RstStreamFrame(number or 1, error_code=word),
        GoAwayFrame(0, last_stream_id=word, error_code=word),
        PingFrame(0, opaque_data=payload[:8].ljust(8, b"0")),
        WindowUpdateFrame(number, window_increment=word or 1),
        SettingsFrame(0, settings={word % 10: word}),
        PushPromiseFrame(number or 1, promised_stream_id=max(2, word), data=head),
    ]
    frame = draw(st.sampled_from(made))
    with contextlib.suppress(ValueError):
        for flag in flags:
            frame.flags.add(flag)
    written = bytearray(frame.serialize())
    for place, value in draw(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 255)), max_size=2)):
        written[place % len(written)] = value
    return bytes(written)


@given(st.lists(frames() | st.binary(max_size=60), max_size=12), st.integers(0, 3))
def test_whatever_the_server_sends_each_stream_ends_or_fails_as_expected(sent: list[bytes], begun: int) -> None:
    async def scenario() -> None:
        connection, wire = await connected()
        streams = ask(connection, 4, silence_seconds=100)
        for stream in streams[:begun]:
            wire.server.answer(stream.number, b"data")
        wire.server.mute = True
        wire.write = lambda data: None  # type: ignore[method-assign]
        for piece in sent:
            wire.deliver(piece)
            await asyncio.sleep(0)
        for stream in streams:
            with contextlib.suppress(OSError):
                await stream.answered()
                await rest(stream)
            stream.close()
        connection.close()

    run_in_virtual_time(scenario())


def cut(data: bytes, places: list[int]) -> Iterator[bytes]:
    start = 0
    for place in sorted({place % (len(data) + 1) for place in places}):
        yield data[start:place]
        start = place
    yield data[start:]


@given(st.lists(st.integers(0, 10_000)), st.binary(max_size=5000))
def test_an_answer_is_the_same_however_its_frames_are_cut(places: list[int], body: bytes) -> None:
    async def scenario() -> None:
        connection, wire = await connected()
        [stream] = ask(connection)
        taken = bytearray()
        deliver, wire.server._write = wire.server._write, taken.extend
        wire.server.answer(stream.number, body, end=True)
        for piece in cut(bytes(taken), places):
            deliver(piece)
            await asyncio.sleep(0)
        await stream.answered()
        assert await rest(stream) == body

    run_in_virtual_time(scenario())
