"""What a client of SPDY may send, well or not, for hypothesis."""

from __future__ import annotations

import struct

from hypothesis import strategies as st

from tests.support.spdy_client import control, syn_stream

IDS = st.sampled_from([0, 1, 2, 3, 5, 7, 9, 0x7FFFFFFF, 0xFFFFFFFF])
FLAGS = st.integers(0, 255)
HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "streamType": st.sampled_from(["data", "error", "stdin", ""]),
        "port": st.sampled_from(["80", "0", "x", "99999", ""]),
        "requestID": st.sampled_from(["1", "2", ""]),
    },
)
MOST = 300_000
Step = bytes | tuple[int, dict[str, str]]


def data(number: int, flags: int, size: int) -> bytes:
    """A data frame with any flags."""
    return struct.pack("!II", number & 0x7FFFFFFF, flags << 24 | size) + bytes(size)


def any_control(kind: int, number: int, rest: bytes, flags: int) -> bytes:
    """A control frame of any type that may be well or not."""
    return control(kind, struct.pack("!I", number) + rest, flags=flags)


STEPS = st.lists(
    st.one_of(
        st.binary(max_size=64),
        st.builds(data, IDS, FLAGS, st.sampled_from([0, 1, 100, 40_000, MOST])),
        st.builds(any_control, st.integers(0, 12), IDS, st.binary(max_size=12), FLAGS),
        st.builds(syn_stream, IDS, st.binary(max_size=40)),
        st.tuples(IDS, HEADERS),
    ),
    max_size=20,
)
"""Bytes, frames of all sorts, and streams opened properly."""
