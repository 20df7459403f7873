"""Messages of all WebSocket subprotocols, good and bad."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vk_core.kubelet.remotecommand.channels import SUBPROTOCOLS, Channel, Subprotocol, choose

BINARY = SUBPROTOCOLS["v4.channel.k8s.io"]
BASE64 = SUBPROTOCOLS["v4.base64.channel.k8s.io"]
V5 = SUBPROTOCOLS["v5.channel.k8s.io"]


@pytest.mark.parametrize(
    ("offered", "name"),
    [
        pytest.param([], "", id="none-offered-is-version-1"),
        pytest.param([""], "", id="an-empty-header-is-none"),
        pytest.param(["v5.channel.k8s.io"], "v5.channel.k8s.io", id="kubectl"),
        pytest.param(["v9.channel.k8s.io, channel.k8s.io"], "channel.k8s.io", id="first-that-is-known"),
        pytest.param(["x", "base64.channel.k8s.io"], "base64.channel.k8s.io", id="several-headers"),
    ],
)
def test_the_first_known_subprotocol_of_the_client_wins(offered: list[str], name: str) -> None:
    chosen = choose(offered)
    assert chosen is not None
    assert chosen.name == name


def test_a_client_that_knows_none_of_ours_gets_none() -> None:
    assert choose(["chat, superchat"]) is None


def test_a_binary_message_is_the_channel_and_the_bytes() -> None:
    assert BINARY.encode(Channel.STDERR, b"oh\0") == b"\x02oh\0"
    assert BINARY.decode(b"\x00hi\xff") == (Channel.STDIN, b"hi\xff")


def test_a_base64_message_is_the_digit_and_base64() -> None:
    assert BASE64.encode(Channel.STDOUT, b"\x00\xff") == b"1" + base64.b64encode(b"\x00\xff")
    assert BASE64.decode(b"4" + base64.b64encode(b"{}")) == (Channel.RESIZE, b"{}")


def test_only_version_5_can_close_a_channel_and_only_in_exactly_two_bytes() -> None:
    assert V5.closes(*V5.decode(b"\xff\x00")) == Channel.STDIN
    assert V5.closes(*V5.decode(b"\xff\x00\x00")) is None
    assert V5.closes(*V5.decode(b"\xff")) is None
    assert BINARY.closes(*BINARY.decode(b"\xff\x00")) is None


@given(st.sampled_from(list(SUBPROTOCOLS.values())), st.sampled_from(list(Channel)[:5]), st.binary(max_size=200))
def test_what_is_encoded_can_be_decoded(protocol: Subprotocol, channel: Channel, data: bytes) -> None:
    assert protocol.decode(protocol.encode(channel, data)) == (channel, data)


@given(st.sampled_from(list(SUBPROTOCOLS.values())), st.binary(max_size=200))
def test_any_message_is_understood_or_is_no_base64(protocol: Subprotocol, message: bytes) -> None:
    try:
        channel, payload = protocol.decode(message)
    except ValueError:
        assert protocol.base64
    else:
        assert len(payload) <= len(message)
        protocol.closes(channel, payload)
