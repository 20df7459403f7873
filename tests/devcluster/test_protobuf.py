"""Bodies in protobuf, which kubectl sends for a few kinds, become the JSON that they stand for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vk_core.devcluster.protobuf import PROTOBUF, decode_object
from vk_core.devcluster.requests import decode_body
from vk_core.devcluster.statuses import StatusError


def field(number: int, value: bytes | int) -> bytes:
    """One field as protobuf writes it; all lengths here are below 128."""
    if isinstance(value, int):
        return bytes([number << 3, value])
    return bytes([number << 3 | 2, len(value)]) + value


def envelope(kind: bytes, raw: bytes) -> bytes:
    return b"k8s\x00" + field(1, field(1, b"v1") + field(2, kind)) + field(2, raw)


METADATA = field(1, b"s") + field(2, b"") + field(11, field(1, b"a") + field(2, b"b"))


def test_a_secret_is_read() -> None:
    raw = field(1, METADATA) + field(2, field(1, b"k") + field(2, b"v")) + field(3, b"Opaque") + field(5, 1)
    assert decode_body(envelope(b"Secret", raw), PROTOBUF) == {
        "kind": "Secret",
        "apiVersion": "v1",
        "metadata": {"name": "s", "labels": {"a": "b"}},
        "data": {"k": "dg=="},
        "type": "Opaque",
        "immutable": True,
    }


def test_ports_of_a_service_are_numbers_or_names() -> None:
    ports = [field(3, 80) + field(4, field(1, 0) + field(2, 8) + field(3, b"")) + field(5, 0)]
    ports.append(field(3, 81) + field(4, field(1, 1) + field(2, 0) + field(3, b"web")))
    raw = field(2, b"".join(field(1, port) for port in ports))
    assert decode_object(envelope(b"Service", raw))["spec"]["ports"] == [
        {"port": 80, "targetPort": 8},
        {"port": 81, "targetPort": "web"},
    ]


def test_a_kind_that_is_not_known_as_protobuf_is_refused_with_what_to_send() -> None:
    with pytest.raises(StatusError, match="does not read Pod as protobuf: send JSON") as caught:
        decode_object(envelope(b"Pod", b""))
    assert caught.value.code == 415


@given(st.binary(max_size=60), st.sampled_from([b"", b"k8s\x00", envelope(b"Secret", METADATA)]))
def test_any_bytes_are_either_an_object_or_refused(data: bytes, prefix: bytes) -> None:
    try:
        assert isinstance(decode_object(prefix + data), dict)
    except StatusError as error:
        assert error.code in {400, 415}
