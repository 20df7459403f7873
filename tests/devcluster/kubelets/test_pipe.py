"""How the two sides of a pipe end, with transports that hold back what is written to them."""

from __future__ import annotations

import asyncio

import pytest

from vk_core.devcluster.kubelets import pipe
from vk_core.devcluster.kubelets.pipe import Leg


class HeldBack(asyncio.Transport):
    """A transport that sends nothing until it is told to, and writes down what is done to it."""

    def __init__(self) -> None:
        super().__init__()
        self.done: list[str] = []
        self.held = 0
        self.protocol: asyncio.BaseProtocol | None = None

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.protocol = protocol

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.held += len(data)

    def get_write_buffer_size(self) -> int:
        return self.held

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """As asyncio does it: whoever is above the new limit is told at once."""
        if self.held >= (high or 0) and isinstance(self.protocol, Leg):
            self.protocol.pause_writing()

    def send(self) -> None:
        """Lets everything go."""
        self.held = 0
        if isinstance(self.protocol, Leg):
            self.protocol.resume_writing()

    def is_closing(self) -> bool:
        return bool({"close", "abort"} & set(self.done))

    def pause_reading(self) -> None:
        self.done.append("pause")

    def resume_reading(self) -> None:
        self.done.append("resume")

    def close(self) -> None:
        self.done.append("close")

    def abort(self) -> None:
        self.done.append("abort")


@pytest.fixture
async def sides() -> tuple[HeldBack, HeldBack]:
    """The transports of a client and of a node, joined."""
    transports = HeldBack(), HeldBack()
    legs = Leg(lambda _: None), Leg(lambda _: None)
    for leg, transport in zip(legs, transports, strict=True):
        leg.take_over(transport)
    legs[0].join(legs[1])
    return transports


def leg_of(transport: HeldBack) -> Leg:
    assert isinstance(transport.protocol, Leg)
    return transport.protocol


async def test_a_side_that_has_everything_is_closed_with_the_other(sides: tuple[HeldBack, HeldBack]) -> None:
    client, node = sides
    leg_of(node).connection_lost(None)
    assert client.done == ["resume", "close"]


async def test_a_side_that_reads_slowly_gets_everything_before_it_is_closed(sides: tuple[HeldBack, HeldBack]) -> None:
    client, node = sides
    leg_of(node).data_received(b"the last bytes")
    leg_of(node).connection_lost(None)
    assert not client.is_closing()
    client.send()
    assert client.done[-1] == "close"


async def test_a_side_that_never_reads_is_given_up(
    sides: tuple[HeldBack, HeldBack], monkeypatch: pytest.MonkeyPatch
) -> None:
    client, node = sides
    monkeypatch.setattr(pipe, "FLUSH_SECONDS", 0)
    leg_of(node).data_received(b"the last bytes")
    leg_of(node).connection_lost(None)
    await asyncio.sleep(0.01)
    assert client.done[-1] == "abort"


async def test_a_side_that_does_not_keep_up_stops_the_other_until_it_does(sides: tuple[HeldBack, HeldBack]) -> None:
    client, node = sides
    leg_of(client).pause_writing()
    assert node.done == ["pause"]
    leg_of(client).resume_writing()
    assert node.done == ["pause", "resume"]


async def test_what_comes_behind_the_end_is_dropped(sides: tuple[HeldBack, HeldBack]) -> None:
    client, node = sides
    leg_of(client).connection_lost(None)
    leg_of(node).data_received(b"too late")
    assert (client.held, node.held) == (0, 0)
