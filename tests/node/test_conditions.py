"""The node's conditions are dated by their changes, its heartbeat by its reports."""

from __future__ import annotations

import asyncio
import datetime as dt

import pytest
from msgspec.structs import replace

from vk_core.api.node import Node, NodeCondition, NodeStatus
from vk_core.errors import Unavailable
from vk_core.node import health
from vk_core.node.conditions import HEALTHY, STARTING, Health, failing, with_conditions
from vk_core.testing import virtual_time

FIRST = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
LATER = FIRST + dt.timedelta(minutes=5)


def ready(node: Node) -> NodeCondition:
    return next(condition for condition in node.status.conditions if condition.type == "Ready")


def test_a_change_is_dated_now_and_a_repetition_keeps_its_date() -> None:
    first = with_conditions(Node(), STARTING, None, FIRST, heartbeat=True)
    same = with_conditions(Node(), STARTING, first, LATER, heartbeat=False)
    assert same.status.conditions == first.status.conditions
    beat = ready(with_conditions(Node(), STARTING, first, LATER, heartbeat=True))
    assert (beat.last_transition_time, beat.last_heartbeat_time) == (FIRST, LATER)
    turned = ready(with_conditions(Node(), HEALTHY, first, LATER, heartbeat=False))
    assert (turned.status, turned.last_transition_time, turned.last_heartbeat_time) == ("True", LATER, LATER)


def test_a_new_reason_is_a_heartbeat_but_no_transition() -> None:
    first = with_conditions(Node(), failing(Unavailable("one")), None, FIRST, heartbeat=True)
    other = ready(with_conditions(Node(), failing(Unavailable("two")), first, LATER, heartbeat=False))
    assert (other.message, other.last_transition_time, other.last_heartbeat_time) == ("two", FIRST, LATER)


def test_the_provider_adds_conditions_but_cannot_say_that_the_node_is_ready() -> None:
    given = (NodeCondition(type="Ready", status="True"), NodeCondition(type="DiskPressure", status="False"))
    node = with_conditions(Node(status=NodeStatus(conditions=given)), STARTING, None, FIRST, heartbeat=True)
    assert [(condition.type, condition.status) for condition in node.status.conditions] == [
        ("Ready", "False"),
        ("DiskPressure", "False"),
    ]
    assert replace(node.status.conditions[1], last_transition_time=None).last_heartbeat_time == FIRST


class Pinged:
    """A provider of which only the ping matters."""

    def __init__(self) -> None:
        self.answer: BaseException | float = 0.0

    async def ping(self) -> None:
        if isinstance(self.answer, BaseException):
            raise self.answer
        await asyncio.sleep(self.answer)


@virtual_time
async def test_a_ping_that_hangs_makes_the_node_unknown_and_one_that_fails_not_ready() -> None:
    """B11: a ping that hung left the last good answer for ever. B12: a failing one never turned Ready to False."""
    loop = asyncio.get_running_loop()
    provider = Pinged()
    assert (await health.ping(provider)).status == "True"  # type: ignore[arg-type]
    provider.answer = 3600.0
    unknown = await health.ping(provider)  # type: ignore[arg-type]
    assert (unknown.status, unknown.reason) == ("Unknown", "ProviderNotAnswering")
    assert loop.time() == 5.0
    provider.answer = Unavailable("the back end is down")
    failed = await health.ping(provider)  # type: ignore[arg-type]
    assert failed == Health("False", "ProviderNotReady", "the back end is down")
    provider.answer = ZeroDivisionError()
    assert (await health.ping(provider)).message == "ZeroDivisionError()"  # type: ignore[arg-type]
    assert (await health.ping(object())).status == "True"  # type: ignore[arg-type]


@virtual_time
async def test_health_is_followed_every_ten_seconds_and_told_when_it_changes(
    caplog: pytest.LogCaptureFixture,
) -> None:
    loop = asyncio.get_running_loop()
    provider, told = Pinged(), list[tuple[float, str]]()
    task = asyncio.create_task(
        health.follow(provider, lambda found: told.append((loop.time(), found.status)))  # type: ignore[arg-type]
    )
    await asyncio.sleep(25)
    provider.answer = 3600.0
    await asyncio.sleep(30)
    provider.answer = 0.0
    await asyncio.sleep(30)
    task.cancel()
    assert told == [(0.0, "True"), (35.0, "Unknown"), (60.0, "True")]
    assert len(caplog.records) == 2
