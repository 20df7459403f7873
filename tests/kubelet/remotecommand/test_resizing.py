"""Terminal sizes come as JSON values, in pieces cut anywhere, from clients that may send anything."""

from __future__ import annotations

import asyncio
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vk_core.kubelet.remotecommand.resizing import MAX_PENDING, Resizes, SizeParser
from vk_core.provider.streams import TerminalSize

SIZES = st.builds(TerminalSize, st.integers(1, 0xFFFF), st.integers(1, 0xFFFF))


def parse(*pieces: bytes) -> list[TerminalSize]:
    parser = SizeParser()
    return [size for piece in pieces for size in parser.feed(piece)]


@given(st.lists(SIZES, max_size=5), st.integers(1, 50), st.sampled_from(["", "\n", " \r\n"]))
def test_sizes_are_found_however_they_are_cut(sizes: list[TerminalSize], step: int, between: str) -> None:
    data = between.join(json.dumps({"Width": size.width, "Height": size.height}) for size in sizes).encode()
    assert parse(*(data[start : start + step] for start in range(0, len(data), step))) == sizes


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(b'{"Width":0,"Height":40}', id="zero"),
        pytest.param(b'{"Width":65536,"Height":40}', id="too-large"),
        pytest.param(b'{"Width":-1,"Height":40}', id="negative"),
        pytest.param(b'{"Width":true,"Height":40}', id="no-number"),
        pytest.param(b'{"Width":80}', id="half"),
        pytest.param(b"[80,40]", id="list"),
    ],
)
def test_what_is_no_size_is_passed_over(value: bytes) -> None:
    assert parse(value + b'{"Width":120,"Height":40}') == [(120, 40)]


def test_names_are_taken_in_any_case() -> None:
    assert parse(b'{"width":80,"height":25}') == [(80, 25)]


@given(st.lists(st.binary(max_size=3000), max_size=20))
def test_anything_at_all_is_survived_in_bounded_memory(pieces: list[bytes]) -> None:
    parser = SizeParser()
    for piece in pieces:
        for size in parser.feed(piece):
            assert 0 < size.width <= 0xFFFF
        assert len(parser._pending) <= 2 * MAX_PENDING


def test_a_value_without_an_end_is_given_up_and_not_kept() -> None:
    parser = SizeParser()
    assert list(parser.feed(b'{"Width":"' + bytes(100_000) + b'"}')) == []
    assert len(parser._pending) <= 2 * MAX_PENDING


def test_what_nests_without_end_is_given_up() -> None:
    assert parse(b"[" * 100_000, b'{"Width":120,"Height":40}') == []


async def test_only_the_newest_size_waits_for_a_slow_reader() -> None:
    resizes = Resizes()
    resizes.feed(b'{"Width":80,"Height":25}{"Width":120,"Height":40}')
    assert await anext(resizes) == (120, 40)
    resizes.feed(b'{"Width":100,"Height":30}')
    assert await anext(resizes) == (100, 30)


async def test_the_sizes_end_only_with_the_session() -> None:
    resizes = Resizes()
    reading = asyncio.create_task(_all(resizes))
    resizes.feed(b'{"Width":80,"Height":25}')
    await asyncio.sleep(0)
    assert not reading.done()
    resizes.end()
    assert await reading == [(80, 25)]


async def _all(resizes: Resizes) -> list[TerminalSize]:
    return [size async for size in resizes]
