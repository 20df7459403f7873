"""`null` is what is not there, wherever it is; anything else that does not fit is refused as before."""

from __future__ import annotations

import msgspec
import pytest

from vk_core.api.decoding import ObjectDecoder
from vk_core.api.pod import Pod, PodChange, PodSpec

DECODER = ObjectDecoder(PodSpec)


def test_a_list_that_go_writes_as_null_is_empty() -> None:
    volumes = b'[{"name":"v","projected":{"sources":null}}]'
    spec = DECODER.decode(b'{"nodeName":"n","containers":[{"name":"main","image":"i"}],"volumes":%s}' % volumes)
    [volume] = spec.volumes
    assert volume.projected is not None
    assert volume.projected.sources == ()
    assert [container.name for container in spec.containers] == ["main"]


def test_parts_that_are_kept_as_they_came_stay_so() -> None:
    change = ObjectDecoder(PodChange).decode(b'{"metadata":{"name":"a","labels":null},"spec":{"nodeName":"n"}}')
    assert change.metadata.labels == {}
    assert msgspec.json.decode(change.spec) == {"nodeName": "n"}


@pytest.mark.parametrize("text", [b'{"containers":7}', b'{"volumes":[null]}'])
def test_what_does_not_fit_is_still_refused(text: bytes) -> None:
    with pytest.raises(msgspec.ValidationError):
        DECODER.decode(text)


def test_what_is_not_json_is_said_so() -> None:
    with pytest.raises(msgspec.DecodeError):
        DECODER.decode(b"{")


def test_something_nested_without_end_is_refused_and_nothing_else_happens() -> None:
    deep = b'{"containers":7,"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    with pytest.raises((msgspec.ValidationError, RecursionError)):
        ObjectDecoder(Pod).decode(deep)
