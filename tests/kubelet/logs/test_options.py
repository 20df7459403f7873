"""The query of a log request, read as kubelet reads it."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import MultiDict

from vk_core.kubelet.logs.options import parse
from vk_core.kubelet.refusal import Refusal
from vk_core.provider.streams import LogOptions

NOW = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
UTC_PLUS_2 = dt.timezone(dt.timedelta(hours=2))


def options(**query: str) -> LogOptions:
    return parse(query, lambda: NOW)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, LogOptions()),
        (
            {"follow": "true", "previous": "1", "timestamps": ""},
            LogOptions(follow=True, previous=True, timestamps=True),
        ),
        ({"follow": "false", "previous": "0", "timestamps": "FALSE"}, LogOptions()),
        ({"tailLines": "0"}, LogOptions(tail_lines=0)),
        ({"tail": "7"}, LogOptions(tail_lines=7)),
        ({"tail": "", "tailLines": "9"}, LogOptions(tail_lines=9)),
        ({"tail": "7", "tailLines": "9"}, LogOptions(tail_lines=7)),
        ({"tail": "all", "tailLines": "9"}, LogOptions()),
        ({"limitBytes": "1"}, LogOptions(limit_bytes=1)),
        ({"sinceSeconds": "5"}, LogOptions(since=NOW - dt.timedelta(seconds=5))),
        ({"sinceSeconds": str((1 << 63) - 1)}, LogOptions(since=dt.datetime.min.replace(tzinfo=dt.UTC))),
        ({"sinceTime": "2026-01-02T03:04:00Z"}, LogOptions(since=NOW - dt.timedelta(seconds=5))),
        (
            {"sinceTime": "2026-01-02T05:04:05.123456789+02:00"},
            LogOptions(since=dt.datetime(2026, 1, 2, 5, 4, 5, 123456, tzinfo=UTC_PLUS_2)),
        ),
        ({"stream": "Stderr"}, LogOptions(stream="Stderr")),
        ({"stream": "All", "tailLines": "3"}, LogOptions(tail_lines=3)),
        ({"container": "main", "insecureSkipTLSVerifyBackend": "true", "later": "x"}, LogOptions()),
    ],
)
def test_a_query_means_what_it_means_to_a_kubelet(query: dict[str, str], expected: LogOptions) -> None:
    assert options(**query) == expected


def test_of_a_parameter_that_is_given_twice_the_first_counts() -> None:
    assert parse(MultiDict([("tailLines", "1"), ("tailLines", "2")]), lambda: NOW) == LogOptions(tail_lines=1)


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"tailLines": "many"}, 400),
        ({"tailLines": "1.5"}, 400),
        ({"tailLines": ""}, 400),
        ({"limitBytes": ""}, 400),
        ({"tail": "some"}, 400),
        ({"limitBytes": str(1 << 63)}, 400),
        ({"sinceTime": "yesterday"}, 400),
        ({"sinceTime": "2026-13-02T03:04:05Z"}, 400),
        ({"sinceTime": "2026-01-02T03:04:05"}, 400),
        ({"tailLines": "-1"}, 422),
        ({"limitBytes": "0"}, 422),
        ({"sinceSeconds": "0"}, 422),
        ({"sinceSeconds": "5", "sinceTime": "2026-01-02T03:04:00Z"}, 422),
        ({"stream": "stdin"}, 422),
        ({"stream": ""}, 422),
        ({"stream": "Stdout", "tailLines": "3"}, 422),
    ],
)
def test_what_cannot_be_read_is_400_and_what_is_not_allowed_422(query: dict[str, str], status: int) -> None:
    with pytest.raises(Refusal, match=next(iter(query)).replace("tail", "tail(Lines)?", 1)) as refused:
        options(**query)
    assert refused.value.status == status


NAMES = ["follow", "previous", "timestamps", "tailLines", "tail", "limitBytes", "sinceSeconds", "sinceTime", "stream"]
VALUES = st.one_of(
    st.text(),
    st.integers().map(str),
    st.from_regex(r"\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)\Z"),
    st.sampled_from(["", "all", "All", "true", "+5", "-0", "٣", "1_000"]),
)


@given(st.dictionaries(st.sampled_from(NAMES), VALUES))
def test_any_query_is_either_understood_or_refused(query: dict[str, str]) -> None:
    try:
        found = options(**query)
    except Refusal as refusal:
        assert refusal.status in {400, 422}
        assert "\n" not in str(refusal) or "\n" in "".join(query.values())
    else:
        assert found.tail_lines is None or found.tail_lines >= 0
        assert found.limit_bytes is None or found.limit_bytes >= 1
        assert found.since is None or (found.since < NOW) in {True, False}  # can be compared
