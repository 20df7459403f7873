"""The query of `/containerLogs`, read and checked as kubelet does (`PodLogOptions`); other parameters are ignored."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from typing import NamedTuple, cast

from vk_core.kubelet.refusal import Refusal
from vk_core.provider.streams import LogOptions, LogSource

BAD_REQUEST = 400
UNPROCESSABLE = 422

MOST = (1 << 63) - 1
"""Numbers of the API are int64."""

SOURCES = ("All", "Stdout", "Stderr")

_NUMBER = re.compile(r"[+-]?[0-9]{1,19}\Z")
_TIME = re.compile(r"(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d)(?:\.(\d+))?(?:[Zz]|([+-])(\d\d):(\d\d))\Z", re.ASCII)


class _Number(NamedTuple):
    """A parameter with its least value."""

    name: str
    least: int


TAIL = _Number("tailLines", 0)
LIMIT = _Number("limitBytes", 1)
SECONDS = _Number("sinceSeconds", 1)


def parse(query: Mapping[str, str], now: Callable[[], dt.datetime]) -> LogOptions:
    """The options of a request.

    Args:
        query: the parameters; of those given twice, the first.
        now: the time that `sinceSeconds` counts from.

    Raises:
        Refusal: 400 for what cannot be read, 422 for a value that is not allowed.
    """
    given = _without_alias(query)
    seconds = _number(given, SECONDS)
    since = _time(given)
    stream = given.get("stream", "All")
    tail_lines, limit_bytes = _number(given, TAIL), _number(given, LIMIT)
    flags = {name: _flag(given, name) for name in ("follow", "previous", "timestamps")}
    for number, value in ((TAIL, tail_lines), (LIMIT, limit_bytes), (SECONDS, seconds)):
        if value is not None and value < number.least:
            raise Refusal(UNPROCESSABLE, f"{number.name}: Invalid value: {value}: must be at least {number.least}")
    if seconds is not None and since is not None:
        raise Refusal(UNPROCESSABLE, "sinceSeconds and sinceTime: Forbidden: at most one of them may be given")
    if stream not in SOURCES:
        raise Refusal(UNPROCESSABLE, f'stream: Unsupported value: "{stream}": expected one of {", ".join(SOURCES)}')
    if stream != "All" and tail_lines is not None:
        raise Refusal(UNPROCESSABLE, "tailLines and stream: Forbidden: lines cannot be counted in one of two outputs")
    return LogOptions(
        **flags,
        tail_lines=tail_lines,
        limit_bytes=limit_bytes,
        since=since if seconds is None else _ago(seconds, now()),
        stream=cast(LogSource, stream),
    )


def _without_alias(query: Mapping[str, str]) -> dict[str, str]:
    """Kubelet's own old name `tail` comes before `tailLines`; `all` is no limit."""
    given = dict(query)
    tail = given.pop("tail", "")
    if tail == "all":
        given.pop("tailLines", None)
    elif tail:
        given["tailLines"] = tail
    return given


def _number(query: Mapping[str, str], number: _Number) -> int | None:
    text = query.get(number.name)
    if text is None:
        return None
    value = int(text) if _NUMBER.match(text) else MOST + 1
    if not -MOST - 1 <= value <= MOST:
        raise Refusal(BAD_REQUEST, f'{number.name}: expected a whole number, got "{text[:40]}"')
    return value


def _flag(query: Mapping[str, str], name: str) -> bool:
    """As Kubernetes converts a query to a boolean: given is true unless the value says false or 0."""
    return name in query and query[name].lower() not in {"false", "0"}


def _time(query: Mapping[str, str]) -> dt.datetime | None:
    text = query.get("sinceTime", "")
    if not text:
        return None
    try:
        return rfc3339(text)
    except ValueError:
        raise Refusal(BAD_REQUEST, f'sinceTime: expected a time as in RFC 3339, got "{text[:40]}"') from None


def rfc3339(text: str) -> dt.datetime:
    """A time with a zone; what is finer than a microsecond is cut off.

    Raises:
        ValueError: it is something else.
    """
    found = _TIME.match(text)
    if found is None:
        raise ValueError(text)
    day, clock, fraction, sign, hours, minutes = found.groups()
    moment = dt.datetime.fromisoformat(f"{day}T{clock}").replace(microsecond=int(((fraction or "") + "000000")[:6]))
    offset = dt.timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
    return moment.replace(tzinfo=dt.timezone(-offset if sign == "-" else offset))


def _ago(seconds: int, now: dt.datetime) -> dt.datetime:
    try:
        return now - dt.timedelta(seconds=seconds)
    except OverflowError:  # before the year 1: everything
        return dt.datetime.min.replace(tzinfo=dt.UTC)
