"""The two time-outs of port forwarding, on virtual time: each does its own job and not the other's."""

from __future__ import annotations

import asyncio
import datetime as dt

import pytest

from tests.support.spdy_wire import Client, Sent, settle
from vk_core.kubelet.portforward.pairs import forward_pairs
from vk_core.provider.streams import PortStream
from vk_core.testing.virtualtime import run_in_virtual_time

CREATION = dt.timedelta(seconds=30)
IDLE = dt.timedelta(hours=4)


async def forward(_port: int, stream: PortStream) -> str:
    while data := await stream.read():
        await stream.write(data)
    return ""


class Session:
    """A client whose pairs are served."""

    def __init__(self) -> None:
        self.client = Client(IDLE)
        self.task = asyncio.create_task(forward_pairs(self.client.connection, forward, CREATION))

    async def open(self, stream_id: int, kind: str, request: str) -> None:
        self.client.open(stream_id, {"streamType": kind, "port": "80", "requestID": request})
        await settle()

    async def sent(self) -> list[Sent]:
        await settle()
        return [frame for frame in self.client.sent() if frame.kind != 2]


@pytest.mark.parametrize("kind", ["error", "data"])
def test_half_a_pair_is_given_up_after_the_creation_timeout(kind: str) -> None:
    async def scenario() -> None:
        session = Session()
        await session.open(1, kind, "a")
        await asyncio.sleep(29.9)
        assert await session.sent() == []
        await asyncio.sleep(0.2)
        frames = await session.sent()
        if kind == "error":
            assert frames[0] == Sent(0, 1, False, b"timed out waiting for streams")
        assert (frames[-1].kind, frames[-1].number) == (3, 1)
        assert not session.client.connection.closed.is_set()
        await session.open(3, "error", "a")
        await session.open(5, "data", "a")
        session.client.data(5, b"works again", fin=True)
        assert await session.sent() == [Sent(0, 5, False, b"works again"), Sent(0, 5, True, b""), Sent(0, 3, True, b"")]
        session.client.connection.lose()
        await session.task

    run_in_virtual_time(scenario())


def test_a_complete_pair_outlives_the_creation_timeout_and_ends_with_the_idle_timeout() -> None:
    async def scenario() -> None:
        session = Session()
        await session.open(1, "error", "a")
        await session.open(3, "data", "a")
        await asyncio.sleep(3.9 * 3600)
        session.client.data(3, b"still here")
        assert await session.sent() == [Sent(0, 3, False, b"still here")]
        await asyncio.sleep(3.9 * 3600)
        assert not session.task.done()
        await asyncio.sleep(0.2 * 3600)
        assert session.client.connection.closed.is_set()
        await session.task

    run_in_virtual_time(scenario())


def test_a_session_without_any_stream_ends_with_the_idle_timeout_only() -> None:
    async def scenario() -> None:
        session = Session()
        await asyncio.sleep(3.9 * 3600)
        assert not session.task.done()
        await asyncio.sleep(0.2 * 3600)
        await session.task

    run_in_virtual_time(scenario())


def test_a_client_that_says_goodbye_is_served_to_the_end() -> None:
    async def scenario() -> None:
        session = Session()
        await session.open(1, "error", "a")
        await session.open(3, "data", "a")
        session.client.goaway()
        await settle()
        assert not session.task.done()
        session.client.data(3, b"rest", fin=True)
        assert [frame.body for frame in await session.sent()] == [b"rest", b"", b""]
        await session.task

    run_in_virtual_time(scenario())
