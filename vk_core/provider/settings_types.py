"""Types for the settings of providers, beside those that msgspec and TOML have in common.

    class Settings(msgspec.Struct, frozen=True):
        cpu: Quantity = "20"
        start_delay: Duration = dt.timedelta(seconds=1)
        password: SecretText

Any field that takes text may be given in the file as `{env = "NAME"}` or `{file = "path"}` instead. A type of one's own
is made in the same way: `Annotated[Type, msgspec.Meta(extra={SETTING: Written(parse, "what is expected")})]`.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, TypeAlias

import msgspec

from vk_core.api.quantity import parse_quantity

SETTING = "virtual_kubelet.setting"
"""Key in `msgspec.Meta.extra` of what core has to know about a type of settings."""


@dataclass(frozen=True, slots=True)
class Written:
    """How a type of settings is written in TOML.

    Attributes:
        parse: from the value in the file to the value of the field; raises ValueError for anything else.
        expected: completes `expected ...`, with an example.
    """

    parse: Callable[[Any], Any]
    expected: str


@dataclass(frozen=True, slots=True)
class Confidential:
    """Marks text that is never shown, wherever it comes from."""


_UNITS = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_DURATION = re.compile(r"(?:[0-9]+(?:\.[0-9]+)?(?:ms|[dhms]))+", re.ASCII)
_DURATION_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|[dhms])", re.ASCII)
DURATION_EXPECTED = "a duration such as 10s or 1m30s"


def parse_duration(value: object) -> dt.timedelta:
    """Reads `10s`, `1h30m`, `1.5s`, `250ms`, or a number of seconds that is not negative.

    Raises:
        ValueError: it is none of these.
    """
    if isinstance(value, str) and _DURATION.fullmatch(value):
        seconds = sum(float(number) * _UNITS[unit] for number, unit in _DURATION_PART.findall(value))
    elif isinstance(value, str) and value.isascii() and value.isdigit():
        seconds = float(value)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        seconds = value
    else:
        raise ValueError(f"expected {DURATION_EXPECTED}")
    try:
        return _timedelta(seconds)
    except OverflowError:
        raise ValueError(f"expected {DURATION_EXPECTED}") from None


def _timedelta(seconds: float) -> dt.timedelta:
    if not math.isfinite(seconds) or seconds < 0:
        raise OverflowError
    return dt.timedelta(seconds=seconds)


def format_duration(duration: dt.timedelta) -> str:
    """A short text that `parse_duration` reads back: `1m30s`, `1.5s`, `500ms`, `0s`; exact to the millisecond."""
    milliseconds = round(duration / dt.timedelta(milliseconds=1))
    if 0 < milliseconds < 1000:  # noqa: PLR2004 - less than a second
        return f"{milliseconds}ms"
    minutes, milliseconds = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    parts = ((hours, "h"), (minutes, "m"), (milliseconds / 1000, "s"))
    return "".join(f"{count:g}{unit}" for count, unit in parts if count) or "0s"


def _quantity_text(value: object) -> str:
    text = "" if isinstance(value, bool) or not isinstance(value, str | int | float) else str(value)
    if parse_quantity(text) < 0:
        raise ValueError("expected a quantity that is not negative")
    return text


Duration: TypeAlias = Annotated[dt.timedelta, msgspec.Meta(extra={SETTING: Written(parse_duration, DURATION_EXPECTED)})]
"""A time span, in the file `"10s"`, `"1m30s"`, `"500ms"` or a number of seconds; never negative."""

Quantity: TypeAlias = Annotated[
    str, msgspec.Meta(extra={SETTING: Written(_quantity_text, "a quantity such as 4, 500m or 1.5Gi")})
]
"""A resource quantity as Kubernetes writes it; kept as text, never negative."""

SecretText: TypeAlias = Annotated[str, msgspec.Meta(extra={SETTING: Confidential()})]
"""Text that no message shows."""
