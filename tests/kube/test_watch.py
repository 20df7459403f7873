"""Watches are split into lines and decoded, whatever bytes come in whatever pieces."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.cluster import FakeCluster
from vk_core.api.pod import Pod
from vk_core.kube.errors import ApiError, ApiUnavailable, ResourceExpired
from vk_core.kube.resources import PODS
from vk_core.kube.watch import Bookmark, Watch, WatchEvent, lines
from vk_core.testing import make_pod, run_in_virtual_time


def decode(line: bytes) -> WatchEvent[Pod] | Bookmark | None:
    async def within_a_loop() -> WatchEvent[Pod] | Bookmark | None:
        return Watch(FakeCluster(), PODS).decode(line)

    return run_in_virtual_time(within_a_loop())


async def _pieces(chunks: list[bytes]) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


def split(chunks: list[bytes]) -> list[bytes]:
    async def collect() -> list[bytes]:
        return [line async for line in lines(_pieces(chunks))]

    return run_in_virtual_time(collect())


@given(st.binary() | st.text("ab\n").map(str.encode), st.lists(st.integers(0, 200)))
def test_lines_are_the_same_however_the_bytes_are_cut(data: bytes, cuts: list[int]) -> None:
    places = sorted({0, len(data), *(cut for cut in cuts if cut <= len(data))})
    chunks = [data[start:end] for start, end in itertools.pairwise(places)]
    assert split(chunks) == data.split(b"\n")[:-1]


def test_a_line_without_an_end_is_left_out() -> None:
    assert split([b"one\ntw", b"o\nthr", b"ee"]) == [b"one", b"two"]


def test_a_long_line_in_many_pieces_is_put_together_in_linear_time() -> None:
    [line] = split([b"x" * 100] * 100_000 + [b"\n"])
    assert len(line) == 10_000_000


def test_a_change_becomes_a_typed_event() -> None:
    pod = make_pod("web")
    event = decode(b'{"type":"MODIFIED","object":' + msgspec.json.encode(pod) + b"}")
    assert event == WatchEvent(type="MODIFIED", object=pod)


def test_a_bookmark_carries_only_the_version() -> None:
    line = b'{"type":"BOOKMARK","object":{"kind":"Pod","metadata":{"resourceVersion":"77","creationTimestamp":null}}}'
    assert decode(line) == Bookmark(resource_version="77")


def test_an_error_line_is_raised_as_what_it_is() -> None:
    expired = b'{"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired","message":"too old"}}'
    with pytest.raises(ResourceExpired, match="too old"):
        decode(expired)
    with pytest.raises(ApiUnavailable):
        decode(b'{"type":"ERROR","object":{"kind":"Status","code":500}}')


def test_an_object_that_does_not_fit_is_left_out_and_named(caplog: pytest.LogCaptureFixture) -> None:
    line = b'{"type":"ADDED","object":{"metadata":{"name":"odd"},"spec":{"containers":7}}}'
    assert decode(line) is None
    assert "Pod odd" in caplog.text


@given(
    st.binary()
    | st.sampled_from(
        [
            b'{"type":"ADDED","object":{"metadata":7}}',
            b'{"type":"ADDED"}',
            b'{"type":"BOOKMARK"}',
            b'{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":7}}}',
            b'{"type":"ERROR"}',
            b'{"type":"ERROR","object":[]}',
            b'{"type":"ERROR","object":{"code":"x"}}',
            b'{"type":"ERROR","object":{"code":99}}',
            b'{"type":"ADDED","object":{"metadata":{"creationTimestamp":"yesterday"}}}',
            b'{"type":"ADDED","object":{"metadata":{"name":"\xff"}}}',
            b'{"type":"ADDED","object":{"metadata":{"name":"\xff"},"spec":7}}',
            b"[]",
            b"",
        ]
    )
)
def test_whatever_a_line_is_it_is_an_event_or_an_expected_error(line: bytes) -> None:
    try:
        decode(line)
    except ApiError as error:
        assert str(error)


def test_a_line_that_makes_no_sense_is_not_shown_because_it_may_be_the_inside_of_a_secret() -> None:
    with pytest.raises(ApiError, match=r"not a watch event \(\d+ bytes\)$"):
        decode(b'{"object":{"data":{"password":"aHVudGVyMg=="}},"type":"ADDED"}')
