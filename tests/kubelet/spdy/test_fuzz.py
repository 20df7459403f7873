"""Whatever a client sends, a connection goes on or is closed: it never fails otherwise, and holds little."""

from __future__ import annotations

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.spdy_steps import MOST, STEPS, Step
from tests.support.spdy_wire import Client, settle
from vk_core.kubelet.spdy.connection import STREAM_HIGH, SpdyConnection
from vk_core.kubelet.spdy.stream import SpdyStream


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
def test_a_connection_goes_on_or_is_closed(steps: list[Step], served: bool) -> None:
    asyncio.run(_feed(steps, served=served))


async def _feed(steps: list[Step], *, served: bool) -> None:
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
