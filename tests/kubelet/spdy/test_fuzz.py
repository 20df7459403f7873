"""Whatever a client sends, a connection goes on or is closed: it never fails otherwise, and holds little."""

from __future__ import annotations

import asyncio
import struct

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.spdy_client import control, syn_stream
from tests.support.spdy_wire import Client, settle
from vk_core.kubelet.spdy.connection import STREAM_HIGH, SpdyConnection
from vk_core.kubelet.spdy.stream import SpdyStream

IDS = st.sampled_from([0, 1, 2, 3, 5, 7, 9, 0x7FFFFFFF, 0xFFFFFFFF])
FLAGS = st.integers(0, 255)
HEADERS = st.dictionaries(st.sampled_from(["streamType", "port", "requestID"]), st.text("ab1", max_size=3))
MOST = 300_000


def data(number: int, flags: int, size: int) -> bytes:
    """A data frame with any flags."""
    return struct.pack("!II", number & 0x7FFFFFFF, flags << 24 | size) + bytes(size)


def any_control(kind: int, number: int, rest: bytes, flags: int) -> bytes:
    """A control frame of any type that may be well or not."""
    return control(kind, struct.pack("!I", number) + rest, flags=flags)


STEPS = st.lists(
    st.one_of(
        st.binary(max_size=64),
        st.builds(data, IDS, FLAGS, st.sampled_from([0, 1, 100, 40_000, MOST])),
        st.builds(any_control, st.integers(0, 12), IDS, st.binary(max_size=12), FLAGS),
        st.builds(syn_stream, IDS, st.binary(max_size=40)),
        st.tuples(IDS, HEADERS),
    ),
    max_size=20,
)
"""Bytes, frames of all sorts, and streams opened properly."""


async def echo_all(connection: SpdyConnection, streams: list[SpdyStream]) -> None:
    """Serve the connection as long as there is one."""
    async with asyncio.TaskGroup() as group:
        while True:
            streams.append(await connection.accept())
            streams[-1].reply()
            group.create_task(echo(streams[-1]))


async def echo(stream: SpdyStream) -> None:
    try:
        while received := await stream.read():
            await stream.write(received)
        await stream.write_eof()
    except ConnectionError:
        return


@settings(deadline=None)
@given(STEPS, st.booleans())
def test_a_connection_goes_on_or_is_closed(steps: list[bytes | tuple[int, dict[str, str]]], served: bool) -> None:
    asyncio.run(_feed(steps, served=served))


async def _feed(steps: list[bytes | tuple[int, dict[str, str]]], *, served: bool) -> None:
    client = Client()
    streams: list[SpdyStream] = []
    serving = asyncio.create_task(echo_all(client.connection, streams)) if served else None
    for step in steps:
        if isinstance(step, tuple):
            client.open(*step)
        else:
            client.connection.feed(step)
        if served:
            await settle()
        assert all(stream.held < STREAM_HIGH + MOST for stream in streams)
        if client.wire.paused or client.wire.closed:
            break
    assert client.wire.closed == client.connection.closed.is_set()
    client.connection.lose()
    if serving is not None:
        async with asyncio.timeout(10):
            await asyncio.wait((serving,))
