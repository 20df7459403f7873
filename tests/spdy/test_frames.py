"""SPDY frames in whatever pieces they arrive."""

from __future__ import annotations

import itertools
import struct
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.spdy_client import control, data_frame, syn_stream
from vk_core.spdy import frames
from vk_core.spdy.errors import ProtocolError
from vk_core.spdy.frames import Data, Frame, FrameReader, GoAway, Headers, Ping, RstStream, SynStream


def read(*pieces: bytes) -> list[Frame]:
    """The frames in these pieces, the pieces of one data frame put together."""
    reader = FrameReader()
    found: list[Frame] = []
    for piece in pieces:
        for frame in reader.feed(piece):
            if isinstance(frame, Data):
                last = found[-1] if found else None
                if isinstance(last, Data) and last.stream_id == frame.stream_id and not last.fin:
                    joined = Data(frame.stream_id, memoryview(bytes(last.piece) + bytes(frame.piece)), frame.fin)
                    found[-1] = joined
                else:
                    found.append(Data(frame.stream_id, memoryview(bytes(frame.piece)), frame.fin))
            else:
                found.append(frame)
    return found


EXAMPLES: tuple[tuple[bytes, Frame | None], ...] = (
    (syn_stream(1, b"block"), SynStream(1, False, False, b"block")),
    (syn_stream(3, b"", fin=True), SynStream(3, True, False, b"")),
    (control(1, struct.pack("!IIBB", 5, 0, 0, 0), flags=2), SynStream(5, False, True, b"")),
    (control(2, struct.pack("!I", 7) + b"b"), Headers(7, False, b"b")),
    (control(8, struct.pack("!I", 7) + b"b", flags=1), Headers(7, True, b"b")),
    (control(3, struct.pack("!II", 9, 5)), RstStream(9, 5)),
    (control(6, struct.pack("!I", 11)), Ping(11)),
    (control(7, struct.pack("!II", 13, 0)), GoAway(13, 0)),
    (control(4, struct.pack("!I", 0xFFFFFFFF) + bytes(8)), None),
    (control(9, bytes(8)), None),
    (control(77, bytes(300)), None),
    (data_frame(1, b"some data", fin=True), Data(1, memoryview(b"some data"), True)),
    (data_frame(3, b"", fin=True), Data(3, memoryview(b""), True)),
)


@pytest.mark.parametrize(("raw", "frame"), EXAMPLES)
def test_a_frame_is_read(raw: bytes, frame: Frame | None) -> None:
    assert read(raw) == ([] if frame is None else [frame])


@given(st.lists(st.sampled_from(EXAMPLES), max_size=6), st.lists(st.integers(0, 400), max_size=12))
def test_it_does_not_matter_how_bytes_are_cut(chosen: list[tuple[bytes, Frame | None]], cuts: list[int]) -> None:
    stream = b"".join(raw for raw, _ in chosen)
    at = [0, *sorted(cut for cut in cuts if cut < len(stream)), len(stream)]
    pieces = [stream[start:end] for start, end in itertools.pairwise(at)]
    assert read(*pieces) == [frame for _, frame in chosen if frame is not None]


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(control(1, bytes(9)), id="SYN_STREAM too short"),
        pytest.param(control(1, bytes(10 + frames.MAX_BLOCK + 1)), id="SYN_STREAM too long"),
        pytest.param(control(8, bytes(3)), id="HEADERS too short"),
        pytest.param(control(3, bytes(7)), id="RST_STREAM too short"),
        pytest.param(control(6, bytes(5)), id="PING too long"),
        pytest.param(control(7, b""), id="GOAWAY empty"),
        pytest.param(struct.pack("!HHI", 0x8002, 6, 4) + bytes(4), id="SPDY 2"),
        pytest.param(b"GET / HTTP/1.1\r\n".replace(b"G", b"\xc7"), id="something else"),
    ],
)
def test_a_frame_that_cannot_be_is_refused_before_its_body_is_read(raw: bytes) -> None:
    with pytest.raises(ProtocolError):
        read(raw[:8])


def test_a_data_frame_of_the_greatest_length_is_never_held() -> None:
    reader = FrameReader()
    piece = bytes(65536)
    tracemalloc.start()
    try:
        received = sum(
            len(frame.piece) for frame in reader.feed(struct.pack("!II", 1, 0xFFFFFF)) if type(frame) is Data
        )
        for _ in range(255):
            received += sum(len(frame.piece) for frame in reader.feed(piece) if type(frame) is Data)
        last = list(reader.feed(bytes(65535)))
        assert tracemalloc.get_traced_memory()[1] < 1024 * 1024
    finally:
        tracemalloc.stop()
    assert isinstance(last[0], Data)
    assert received + len(last[0].piece) == 0xFFFFFF


def test_frames_are_written_as_the_format_says() -> None:
    assert frames.encode_data(1, b"ab", fin=True).hex() == "00000001010000026162"
    assert frames.encode_rst_stream(3, frames.ResetStatus.CANCEL).hex() == "80030003000000080000000300000005"
    assert frames.encode_ping(5).hex() == "800300060000000400000005"
    assert frames.encode_goaway(7, 0).hex() == "80030007000000080000000700000000"


@given(st.lists(st.binary(max_size=80), max_size=6))
def test_any_bytes_are_frames_or_refused(pieces: list[bytes]) -> None:
    try:
        found = read(*pieces)
    except ProtocolError:
        return
    assert 8 * len(found) <= len(b"".join(pieces))
