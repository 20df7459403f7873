"""Header blocks: their dictionary, one compression state per connection, and bounds."""

from __future__ import annotations

import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vk_core.spdy.dictionary import DICTIONARY
from vk_core.spdy.errors import ProtocolError
from vk_core.spdy.frames import encode_syn_reply
from vk_core.spdy.headers import MAX_PLAIN, HeaderCompressor, HeaderDecompressor, decode_headers

TEXTS = st.text(st.characters(max_codepoint=255), max_size=20)


def deflate(*plain: bytes) -> list[bytes]:
    """Blocks of one connection."""
    compressor = zlib.compressobj(zdict=DICTIONARY)
    return [compressor.compress(one) + compressor.flush(zlib.Z_SYNC_FLUSH) for one in plain]


def test_the_dictionary_is_that_of_spdy_3() -> None:
    assert (len(DICTIONARY), zlib.adler32(DICTIONARY)) == (1423, 0xE3C6A7C2)


def test_an_empty_reply_has_the_known_bytes() -> None:
    compressor = HeaderCompressor()
    first = encode_syn_reply(1, compressor.compress({}))
    if zlib.ZLIB_RUNTIME_VERSION.startswith("1.2"):
        assert first.hex() == "80030002000000140000000178f9e3c6a7c202a6230600000000ffff"
        assert compressor.compress({}).hex() == "020100000000ffff"


def test_blocks_of_a_connection_share_one_state() -> None:
    sent = [{"streamtype": "error", "port": "80"}, {"streamtype": "data", "port": "80"}, {}]
    compressor, decompressor = HeaderCompressor(), HeaderDecompressor()
    blocks = [compressor.compress(headers) for headers in sent]
    assert [decompressor.decompress(block) for block in blocks] == sent
    with pytest.raises(ProtocolError):
        HeaderDecompressor().decompress(blocks[1])


def test_names_are_lower_case() -> None:
    (block,) = deflate(struct.pack("!I I10s I5s", 1, 10, b"StreamType", 5, b"error"))
    assert HeaderDecompressor().decompress(block) == {"streamtype": "error"}


@pytest.mark.parametrize(
    ("plain", "words"),
    [
        pytest.param(b"", "in the middle", id="nothing"),
        pytest.param(struct.pack("!I", 0xFFFFFFFF), "4294967295 headers", id="count"),
        pytest.param(struct.pack("!II", 1, 0xFFFFFFFF), "in the middle", id="length of a name"),
        pytest.param(struct.pack("!II1sI", 1, 1, b"a", 0x7FFFFFFF), "in the middle", id="length of a value"),
        pytest.param(bytes(MAX_PLAIN + 1), f"more than {MAX_PLAIN}", id="bomb"),
        pytest.param(bytes(64 * 1024 * 1024), f"more than {MAX_PLAIN}", id="big bomb"),
    ],
)
def test_a_block_that_claims_or_has_too_much_is_refused(plain: bytes, words: str) -> None:
    (block,) = deflate(plain)
    with pytest.raises(ProtocolError, match=words):
        HeaderDecompressor().decompress(block)


def test_a_compression_that_ends_is_refused() -> None:
    compressor = zlib.compressobj(zdict=DICTIONARY)
    block = compressor.compress(bytes(4)) + compressor.flush()
    with pytest.raises(ProtocolError, match="was ended"):
        HeaderDecompressor().decompress(block)


@given(st.lists(st.dictionaries(TEXTS.map(str.lower), TEXTS), max_size=4))
def test_what_is_compressed_can_be_read(blocks: list[dict[str, str]]) -> None:
    compressor, decompressor = HeaderCompressor(), HeaderDecompressor()
    for headers in blocks:
        expected = {name.lower(): value for name, value in headers.items()}
        if len(expected) == len(headers):
            assert decompressor.decompress(compressor.compress(headers)) == expected


@given(st.binary(max_size=200))
def test_any_bytes_are_headers_or_refused(plain: bytes) -> None:
    try:
        headers = decode_headers(plain)
    except ProtocolError:
        return
    assert sum(map(len, headers)) <= len(plain)


@given(st.lists(st.binary(max_size=60), max_size=5))
def test_any_bytes_are_a_block_or_refused(blocks: list[bytes]) -> None:
    decompressor = HeaderDecompressor()
    try:
        for block in blocks:
            decompressor.decompress(block)
    except ProtocolError:
        return
