"""A SPDY connection as its client sees it, without a network."""

from __future__ import annotations

import asyncio
import datetime as dt
import struct

import pytest

from tests.support.spdy_client import control, data_frame, syn_stream
from tests.support.spdy_wire import Client, Sent, settle
from vk_core.kubelet.spdy import connection as spdy
from vk_core.kubelet.spdy.stream import SpdyStream
from vk_core.spdy.errors import SpdyClosed, StreamEnded, StreamReset
from vk_core.testing.virtualtime import virtual_time

KIB = 1024


async def opened(client: Client, stream_id: int = 1) -> SpdyStream:
    """A stream that was accepted; the reply is taken away."""
    client.open(stream_id)
    stream = await client.connection.accept()
    stream.reply()
    client.sent()
    return stream


def is_paused(client: Client) -> bool:
    """Whether nothing is read from the client; asked anew each time."""
    return client.wire.paused


async def test_a_stream_is_replied_to_and_carries_bytes_both_ways() -> None:
    client = Client()
    client.open(1, {"StreamType": "data", "port": "80"})
    stream = await client.connection.accept()
    assert (stream.id, dict(stream.headers)) == (1, {"streamtype": "data", "port": "80"})
    stream.reply()
    client.data(1, b"hello")
    client.data(1, fin=True)
    assert [await stream.read() for _ in range(3)] == [b"hello", b"", b""]
    await stream.write(b"world")
    await stream.write_eof()
    await stream.write_eof()
    reply, *rest = client.sent()
    assert (reply.kind, reply.number) == (2, 1)
    assert rest == [Sent(0, 1, False, b"world"), Sent(0, 1, True, b"")]


async def test_nothing_is_sent_before_the_client_has_sent_something() -> None:
    client = Client()
    client.connection.goaway()
    assert client.sent() == []
    client.open(1)
    client.connection.goaway()
    assert client.sent() == [Sent(7, 1, False, bytes(4))]


async def test_written_data_are_cut_into_frames_of_32_kib() -> None:
    client = Client()
    stream = await opened(client)
    await stream.write(bytes(100 * KIB))
    assert [len(frame.body) // KIB for frame in client.sent()] == [32, 32, 32, 4]


async def test_a_read_gives_at_most_64_kib() -> None:
    client = Client()
    stream = await opened(client)
    client.data(1, bytes(range(200)) * 1000)
    pieces = [await stream.read() for _ in range(4)]
    assert max(map(len, pieces)) == 64 * KIB
    assert b"".join(pieces) == bytes(range(200)) * 1000


@pytest.mark.parametrize("bad", [0, 2, 3, 1, 0x80000001])
async def test_a_stream_with_an_impossible_id_is_reset_and_others_go_on(bad: int) -> None:
    client = Client()
    stream = await opened(client, 3)
    client.open(bad)
    assert client.sent() == [Sent(3, bad, False, struct.pack("!I", 1))]
    client.data(3, b"still here")
    assert await stream.read() == b"still here"


async def test_pings_of_the_client_are_echoed_and_others_are_not() -> None:
    client = Client()
    client.ping(5)
    client.ping(6)
    assert client.sent() == [Sent(6, 5, False, b"")]


async def test_headers_of_a_stream_change_the_state_of_the_compression() -> None:
    client = Client()
    await opened(client)
    client.connection.feed(control(8, struct.pack("!I", 1) + client.block({"some": "thing new"})))
    client.open(3, {"some": "thing new"})
    assert (await client.connection.accept()).headers == {"some": "thing new"}


async def test_a_stream_that_the_client_resets_is_over_and_the_next_one_is_not() -> None:
    client = Client()
    stream, other = await opened(client, 1), await opened(client, 3)
    told: list[bool] = []
    stream.on_reset = lambda: told.append(True)
    client.data(1, b"never read", fin=True)
    client.reset(1)
    assert told == [True]
    for call in (stream.read(), stream.write(b"x")):
        with pytest.raises(StreamReset):
            await call
    stream.reset()
    await stream.write_eof()
    assert client.sent() == []
    client.data(3, b"alive")
    assert await other.read() == b"alive"


async def test_a_reset_wakes_a_reader() -> None:
    client = Client()
    stream = await opened(client)
    reading = asyncio.create_task(stream.read())
    await settle()
    client.reset(1)
    with pytest.raises(StreamReset):
        await reading


async def test_rejecting_and_resetting_say_cancel() -> None:
    client = Client()
    client.open(1)
    (await client.connection.accept()).reject()
    assert client.sent() == [Sent(3, 1, False, struct.pack("!I", 5))]


async def test_data_of_streams_that_are_over_or_never_were_are_dropped() -> None:
    client = Client()
    stream = await opened(client)
    client.data(1, fin=True)
    client.data(1, bytes(300 * KIB))
    client.data(99, bytes(300 * KIB))
    assert await stream.read() == b""
    assert not is_paused(client)


async def test_nothing_can_be_written_behind_the_end() -> None:
    client = Client()
    stream = await opened(client)
    await stream.write_eof()
    with pytest.raises(StreamEnded):
        await stream.write(b"more")


async def test_a_client_that_goes_away_politely_finishes_what_it_has() -> None:
    client = Client()
    stream = await opened(client)
    client.goaway()
    with pytest.raises(SpdyClosed):
        await client.connection.accept()
    client.open(3)
    assert client.sent() == [Sent(3, 3, False, struct.pack("!I", 3))]
    client.data(1, b"rest", fin=True)
    assert await stream.read() == b"rest"


async def test_a_lost_client_ends_everything_that_waits() -> None:
    client = Client()
    stream = await opened(client)
    finished = await opened(client, 3)
    client.data(1, b"was sent")
    client.data(3, b"whole", fin=True)
    accepting = asyncio.create_task(client.connection.accept())
    await settle()
    client.connection.lose()
    assert client.connection.closed.is_set()
    assert await stream.read() == b"was sent"
    for call in (stream.read(), stream.write(b"x"), accepting):
        with pytest.raises(SpdyClosed):
            await call
    assert [await finished.read(), await finished.read()] == [b"whole", b""]


async def test_a_client_that_breaks_the_protocol_is_told_and_closed() -> None:
    client = Client()
    stream = await opened(client)
    client.connection.feed(control(6, bytes(5)))
    assert client.sent() == [Sent(7, 1, False, struct.pack("!I", 1))]
    assert client.wire.closed
    with pytest.raises(SpdyClosed):
        await stream.read()
    client.connection.feed(b"whatever follows")


async def test_a_stream_that_is_not_read_holds_up_the_connection_until_it_is() -> None:
    client = Client()
    stream = await opened(client)
    sent = 0
    while not is_paused(client):
        client.data(1, bytes(32 * KIB))
        sent += 32 * KIB
    assert sent == stream.held == 256 * KIB
    while is_paused(client):
        await stream.read()
    assert stream.held == 64 * KIB


@pytest.mark.parametrize("way", ["discard", "reset", "reset by the client"])
async def test_a_full_stream_that_nobody_will_read_holds_up_nothing(way: str) -> None:
    client = Client()
    stream = await opened(client)
    client.data(1, bytes(300 * KIB))
    assert is_paused(client)
    if way == "discard":
        stream.discard()
    elif way == "reset":
        stream.reset()
    else:
        client.reset(1)
    assert not is_paused(client)
    client.data(1, bytes(300 * KIB))
    assert not is_paused(client)


async def test_many_streams_together_hold_a_bounded_number_of_bytes() -> None:
    client = Client()
    streams = [await opened(client, number) for number in range(1, 201, 2)]
    for stream in streams:
        if not client.wire.paused:
            client.data(stream.id, bytes(255 * KIB))
    assert is_paused(client)
    assert sum(stream.held for stream in streams) < spdy.TOTAL_HIGH + 256 * KIB
    for stream in streams:
        stream.discard()
    assert not is_paused(client)


async def test_pings_of_a_client_that_does_not_read_hold_up_the_connection() -> None:
    client = Client()
    client.connection.pause_writing()
    client.wire.backlog = spdy.CLOGGED + 1
    client.ping(1)
    assert is_paused(client)
    client.wire.backlog = 0
    client.connection.resume_writing()
    assert not is_paused(client)


async def test_more_streams_than_can_be_are_refused() -> None:
    client = Client()
    for number in range(spdy.MAX_STREAMS + 1):
        client.open(2 * number + 1)
    assert client.sent() == [Sent(3, 2 * spdy.MAX_STREAMS + 1, False, struct.pack("!I", 3))]


async def test_streams_that_are_opened_and_reset_before_anybody_looks_are_bounded_too() -> None:
    client = Client()
    for number in range(spdy.MAX_STREAMS + 1):
        client.open(2 * number + 1)
        client.reset(2 * number + 1)
    assert client.sent() == [Sent(3, 2 * spdy.MAX_STREAMS + 1, False, struct.pack("!I", 3))]


async def test_writers_wait_for_the_client_and_take_turns() -> None:
    client = Client()
    first, second = await opened(client, 1), await opened(client, 3)
    client.connection.pause_writing()
    writing = [asyncio.create_task(stream.write(bytes(96 * KIB))) for stream in (first, second)]
    await settle()
    assert client.sent() == []
    client.connection.resume_writing()
    await asyncio.gather(*writing)
    assert [frame.number for frame in client.sent()] == [1, 3, 1, 3, 1, 3]


async def test_a_writer_that_waits_is_woken_by_the_loss_of_the_client() -> None:
    client = Client()
    stream = await opened(client)
    client.connection.pause_writing()
    writing = asyncio.create_task(stream.write(b"x"))
    await settle()
    client.connection.lose()
    with pytest.raises(SpdyClosed):
        await writing


async def test_a_discarded_connection_takes_no_streams_and_holds_nothing_but_answers_pings() -> None:
    client = Client()
    stream = await opened(client)
    client.data(1, bytes(300 * KIB))
    client.connection.discard()
    client.data(1, bytes(300 * KIB))
    client.ping(7)
    assert not is_paused(client)
    assert client.sent() == [Sent(6, 7, False, b"")]
    assert await stream.read() == b""


@virtual_time
async def test_a_connection_that_is_idle_is_closed_and_one_with_pings_is_not() -> None:
    client = Client(dt.timedelta(hours=4))
    stream = await opened(client)
    for number in range(10):
        await asyncio.sleep(3600)
        client.ping(2 * number)  # is not answered
    await asyncio.sleep(3.9 * 3600)
    await stream.write(b"a byte the other way counts as well")
    await asyncio.sleep(3.9 * 3600)
    assert not client.connection.closed.is_set()
    await asyncio.sleep(0.2 * 3600)
    assert client.connection.closed.is_set()
    assert client.wire.closed
    assert client.sent()[-1].kind == 7


async def test_frames_that_arrive_together_are_all_handled() -> None:
    client = Client()
    first, second = client.block({"a": "1"}), client.block({"a": "2"})
    client.connection.feed(
        syn_stream(1, first)
        + data_frame(1, b"one")
        + syn_stream(3, second)
        + data_frame(3, b"two")
        + data_frame(1, b"!")
    )
    streams = [await client.connection.accept() for _ in range(2)]
    assert [await stream.read() for stream in streams] == [b"one!", b"two"]
