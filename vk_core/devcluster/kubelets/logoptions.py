"""The options of `pods/NAME/log` (`PodLogOptions`, core/v1), checked as an API server checks them."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from vk_core.devcluster.requests import is_true
from vk_core.devcluster.statuses import Cause, bad_request, forbidden_field, invalid_options, wrong

_RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII)
_LARGEST = 2**63 - 1
_INTEGER = re.compile(r"[+-]?\d{1,19}", re.ASCII)

Value = TypeVar("Value")


@dataclass(frozen=True, kw_only=True, slots=True)
class LogOptions:
    """Which part of which log, and how; `None` is what is not given."""

    container: str = ""
    follow: bool = False
    previous: bool = False
    timestamps: bool = False
    since_seconds: int | None = None
    since_time: str | None = None
    tail_lines: int | None = None
    limit_bytes: int | None = None

    def pairs(self) -> list[tuple[str, str]]:
        """The options as a kubelet reads them from its query; only what is set."""
        flags = {"follow": self.follow, "previous": self.previous, "timestamps": self.timestamps}
        values = {
            "limitBytes": self.limit_bytes,
            "sinceSeconds": self.since_seconds,
            "sinceTime": self.since_time,
            "tailLines": self.tail_lines,
        }
        return [
            *((name, "true") for name, is_set in flags.items() if is_set),
            *((name, str(value)) for name, value in values.items() if value is not None),
        ]


def parse_log_options(query: Mapping[str, str], pod: str) -> LogOptions:
    """Reads the options for the log of a pod.

    Raises:
        StatusError: 400 for what cannot be read, 422 for values that cannot be.
    """
    options = LogOptions(
        container=query.get("container", ""),
        follow=is_true(query.get("follow")),
        previous=is_true(query.get("previous")),
        timestamps=is_true(query.get("timestamps")),
        since_seconds=_value(query, "sinceSeconds", _integer),
        since_time=_value(query, "sinceTime", _time),
        tail_lines=_value(query, "tailLines", _integer),
        limit_bytes=_value(query, "limitBytes", _integer),
    )
    causes = _causes(options, query.get("stream"))
    if causes:
        raise invalid_options("PodLogOptions", causes, name=pod, group="")
    return options


def _causes(options: LogOptions, stream: str | None) -> list[Cause]:
    causes = []
    if options.tail_lines is not None and options.tail_lines < 0:
        causes.append(wrong("tailLines", options.tail_lines, "must be greater than or equal to 0"))
    if options.limit_bytes is not None and options.limit_bytes < 1:
        causes.append(wrong("limitBytes", options.limit_bytes, "must be greater than 0"))
    if options.since_seconds is not None and options.since_time is not None:
        causes.append(forbidden_field("", "at most one of `sinceTime` or `sinceSeconds` may be specified"))
    elif options.since_seconds is not None and options.since_seconds < 1:
        causes.append(wrong("sinceSeconds", options.since_seconds, "must be greater than 0"))
    if stream is not None:
        # The feature gate PodLogsQuerySplitStreams is off by default.
        causes.append(forbidden_field("stream", "may not be specified"))
    return causes


def _value(query: Mapping[str, str], name: str, read: Callable[[str], Value]) -> Value | None:
    text = query.get(name)
    if text is None or text == "":
        return None
    try:
        return read(text)
    except ValueError as error:
        raise bad_request(f"{name}: {error}") from None


def _integer(text: str) -> int:
    if not _INTEGER.fullmatch(text) or abs(int(text)) > _LARGEST:
        raise ValueError(f"expected a whole number, got {text!r}")
    return int(text)


def _time(text: str) -> str:
    """Returns a time to the second, in UTC: API servers drop the fraction."""
    try:
        if not _RFC3339.fullmatch(text):
            raise ValueError
        return dt.datetime.fromisoformat(text).astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError):
        raise ValueError(f"expected a time such as 2030-01-02T03:04:05Z, got {text!r}") from None
