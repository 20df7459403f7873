"""Whatever a client sends, port forwarding goes on or ends with its connection, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import datetime as dt

from hypothesis import given, settings

from tests.support.spdy_steps import STEPS, Step
from tests.support.spdy_wire import Client, settle
from vk_core.kubelet.portforward.pairs import forward_pairs
from vk_core.provider.streams import PortStream


async def echo(_port: int, stream: PortStream) -> str:
    while data := await stream.read():
        await stream.write(data)
    return ""


@settings(deadline=None)
@given(STEPS)
def test_a_session_ends_with_its_connection(steps: list[Step]) -> None:
    asyncio.run(_feed(steps))


async def _feed(steps: list[Step]) -> None:
    client = Client()
    serving = asyncio.create_task(forward_pairs(client.connection, echo, dt.timedelta(seconds=30)))
    for step in steps:
        if client.wire.paused or client.wire.closed:
            break
        if isinstance(step, tuple):
            client.open(*step)
        else:
            client.connection.feed(step)
        await settle()
    client.connection.lose()
    async with asyncio.timeout(10):
        await serving
    await settle()
    assert asyncio.all_tasks() == {asyncio.current_task()}
