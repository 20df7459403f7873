"""What `providers show` tells of a provider without making one."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any

import msgspec
import pytest

from vk_core.plugin.facts import capabilities, capability_methods, settings_keys
from vk_core.provider import Provider
from vk_core.provider.settings_types import Duration, format_duration, parse_duration


class Inner(msgspec.Struct):
    """A part.

    Attributes:
        size: how large it is,
            in metres.
    """

    size: Annotated[int, msgspec.Meta(ge=1)]


class Settings(msgspec.Struct):
    """All of it.

    Attributes:
        wait: this is overruled.
        parts: what it is made of.
    """

    wait: Annotated[Duration, msgspec.Meta(description="How long to wait.")] = dt.timedelta(seconds=90)
    parts: tuple[Inner, ...] = ()
    named: dict[str, Inner] = {}
    main: Inner | None = None


def test_all_keys_are_described_with_those_of_nested_tables() -> None:
    rows = [(key.key, key.expected, key.default_text(), key.description) for key in settings_keys(Settings)]
    inner = ("a whole number of at least 1", "required", "how large it is, in metres.")
    assert rows == [
        ("wait", "a duration such as 10s or 1m30s", '"1m30s"', "How long to wait."),
        ("parts", "an array", "[]", "what it is made of."),
        ("parts[].size", *inner),
        ("named", "a table", "{}", ""),
        ("named.*.size", *inner),
        ("main", "a table", "", ""),
        ("main.size", *inner),
    ]


class Able:
    async def ping(self) -> None: ...

    async def start(self) -> None: ...


def make_able(context: Any) -> Able:
    return Able()


def make_anything(context: Any) -> Provider:
    raise NotImplementedError


@pytest.mark.parametrize(
    ("create", "expected"),
    [
        pytest.param(Able, ("start", "ping"), id="a class"),
        pytest.param(make_able, ("start", "ping"), id="a function that names its class"),
        pytest.param(make_anything, None, id="a function that does not"),
        pytest.param(lambda context: Able(), None, id="a lambda"),
    ],
)
def test_capabilities_are_those_of_the_class_that_is_made(create: Any, expected: tuple[str, ...] | None) -> None:
    assert capabilities(create) == expected


def test_every_capability_protocol_is_known_by_its_method() -> None:
    assert {"notify_pods", "ping", "capacity", "configure_node"} <= set(capability_methods())


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("10s", 10),
        ("1m30s", 90),
        ("2h", 7200),
        ("1d", 86400),
        ("500ms", 0.5),
        ("1.5s", 1.5),
        ("0", 0),
        (3, 3),
        (0.25, 0.25),
    ],
)
def test_durations_are_read_and_written_back(text: Any, seconds: float) -> None:
    duration = parse_duration(text)
    assert duration == dt.timedelta(seconds=seconds)
    assert parse_duration(format_duration(duration)) == duration


@pytest.mark.parametrize(
    "text", ["", "s", "1x", "-1s", "1 s", "1m 30s", "1e3s", -1, True, float("nan"), 1e300, "9" * 400, None, []]
)
def test_what_is_no_duration_is_refused(text: Any) -> None:
    with pytest.raises(ValueError, match="expected a duration such as 10s or 1m30s"):
        parse_duration(text)
