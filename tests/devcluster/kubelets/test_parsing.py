"""What comes from outside is read, or refused with a reason: heads of answers, log options, paths with odd names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import MultiDict

from vk_core.api.container import Container
from vk_core.api.meta import ObjectMeta
from vk_core.api.pod import Pod, PodSpec
from vk_core.devcluster.kubelets.head import make_request, parse_head
from vk_core.devcluster.kubelets.location import stream_path
from vk_core.devcluster.kubelets.logoptions import parse_log_options
from vk_core.devcluster.statuses import StatusError

PARTS = st.sampled_from(
    [b"HTTP/1.1 101 X", b"HTTP/1.1 ", b"200", b"\r\n", b"\r", b"\n", b": ", b"Content-Length", b"\xff"]
)
NAMES = st.sampled_from(["sinceTime", "sinceSeconds", "tailLines", "limitBytes", "follow", "stream", "container"])
VALUES = st.one_of(
    st.text(max_size=25), st.integers().map(str), st.datetimes().map(lambda time: f"{time.isoformat()}Z")
)


def test_a_head_is_status_and_headers() -> None:
    head = parse_head(b"HTTP/1.1 403 No Way\r\nContent-Type:  text/plain \r\nX-A: b: c\r\n\r\n")
    assert (head.status, head.headers) == (403, {"content-type": "text/plain", "x-a": "b: c"})
    assert parse_head(b"HTTP/1.0 200\r\n\r\n").status == 200


@given(st.lists(st.one_of(PARTS, st.binary(max_size=4)), max_size=20).map(b"".join))
def test_whatever_a_kubelet_answers_is_a_head_or_is_none(raw: bytes) -> None:
    try:
        head = parse_head(raw + b"\r\n\r\n")
    except ValueError:
        return
    assert 0 <= head.status <= 999


@given(st.dictionaries(NAMES, VALUES))
def test_whatever_is_asked_of_a_log_is_read_or_refused(query: dict[str, str]) -> None:
    try:
        options = parse_log_options(query, "p")
    except StatusError as error:
        assert error.code in {400, 422}
        return
    assert dict(options.pairs()).keys() <= query.keys()


def test_no_header_can_bring_a_second_request() -> None:
    with pytest.raises(ValueError, match="line break"):
        make_request("GET", "/", [("X-A", "b\r\n\r\nGET /other HTTP/1.1")])


@given(st.text(), st.lists(st.text(), min_size=1))
def test_a_path_and_query_stay_what_they_are(container: str, command: list[str]) -> None:
    spec = PodSpec(node_name="n", containers=(Container(name=container),))
    pod = Pod(metadata=ObjectMeta(name="p", namespace="default"), spec=spec)
    path = stream_path(pod, "exec", MultiDict([("command", part) for part in command]))
    assert path.isascii()
    assert path.count("/") == 4
    assert path.count("command=") == len(command)
    assert not set(path) & set(" \r\n#")
