"""gRPC probes against servers that are well, unwell, or no gRPC servers at all, in kubelet's words."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.engine.probing.servers import FINE, HealthServer, RawServer, nobody
from tests.support.loops import Stage
from vk_core.engine.probing import health
from vk_core.engine.probing.health import probe_grpc
from vk_core.engine.probing.healthmessages import check_request, serving_status
from vk_core.engine.probing.outcomes import Finding, Outcome, failed, succeeded


async def outcome_of(server: HealthServer, service: str = "") -> Outcome:
    async with server.serving():
        outcome = await probe_grpc("127.0.0.1", server.port, service, 5)
    assert asyncio.all_tasks() == {asyncio.current_task()}
    return outcome


def unconnected(port: int) -> Outcome:
    return failed(f'timeout: failed to connect service "127.0.0.1:{port}" within 1s: context deadline exceeded')


@pytest.mark.parametrize("fast", [False, True], ids=["asyncio", "uvloop"])
def test_a_server_is_asked_for_a_service(fast: bool) -> None:
    async def story() -> None:
        server = HealthServer()
        assert await outcome_of(server, "web") == succeeded("service healthy")
        [(headers, message)] = server.asked
        assert message == b"\x00\x00\x00\x00\x05\x0a\x03web"
        assert headers[":path"] == "/grpc.health.v1.Health/Check"
        assert headers["content-type"] == "application/grpc"
        assert headers["user-agent"].startswith("kube-probe/")

    Stage(fast, tls=False).run(story())


@pytest.mark.parametrize(
    ("body", "words"),
    [
        pytest.param(b"\x08\x02", 'service unhealthy (responded with "NOT_SERVING")', id="not serving"),
        pytest.param(b"", 'service unhealthy (responded with "UNKNOWN")', id="unknown"),
        pytest.param(b"\x08\x4d", 'service unhealthy (responded with "77")', id="a status of the future"),
        pytest.param(
            b"\xff",
            "error: health rpc probe failed: rpc error: code = Internal desc = "
            "grpc: failed to unmarshal the received message: the message is not complete",
            id="garbage",
        ),
    ],
)
async def test_a_server_that_is_not_well_says_so(body: bytes, words: str) -> None:
    assert await outcome_of(HealthServer(body=b"\0" + len(body).to_bytes(4, "big") + body)) == failed(words)


@pytest.mark.parametrize(
    ("status", "message", "words"),
    [
        pytest.param(
            "5",
            "unknown service 100%25",
            "error: health rpc probe failed: rpc error: code = NotFound desc = unknown service 100%",
            id="not found",
        ),
        pytest.param(
            "12",
            "no",
            "error: this server does not implement the grpc health protocol (grpc.health.v1.Health): no",
            id="not implemented",
        ),
        pytest.param("4", "x", "timeout: health rpc did not complete within 5s", id="out of time"),
    ],
)
async def test_a_call_that_fails_is_told_in_kubelets_words(status: str, message: str, words: str) -> None:
    server = HealthServer(body=b"", trailers={"grpc-status": status, "grpc-message": message})
    assert await outcome_of(server) == failed(words)


@pytest.mark.parametrize(
    ("server", "words"),
    [
        pytest.param(
            HealthServer(body=b"\1\0\0\0\2\x08\x01"),
            "code = Internal desc = grpc: failed to unmarshal the received message: the message is compressed",
            id="compressed",
        ),
        pytest.param(HealthServer(body=bytes(1 << 15)), "code = Internal desc = the answer is too long", id="too long"),
        pytest.param(
            HealthServer(resets=True), "code = Unavailable desc = stream terminated by RST_STREAM", id="reset"
        ),
    ],
)
async def test_an_answer_that_is_none_has_failed(server: HealthServer, words: str) -> None:
    outcome = await outcome_of(server)
    assert outcome.finding is Finding.FAILURE
    assert outcome.text.startswith(f"error: health rpc probe failed: rpc error: {words}")


async def test_a_web_server_is_no_health_service() -> None:
    server = HealthServer(head={":status": "404", "content-type": "text/plain"}, trailers={})
    outcome = await outcome_of(server)
    text = "error: this server does not implement the grpc health protocol (grpc.health.v1.Health): "
    assert outcome.text.startswith(f"{text}unexpected HTTP status code received from server: 404")


async def test_a_server_that_does_not_answer_has_failed_in_time() -> None:
    async with HealthServer(speaks=False).serving() as server:
        outcome = await probe_grpc("127.0.0.1", server.port, "", 1)
    assert outcome == failed("timeout: health rpc did not complete within 1s")


async def test_nobody_is_there() -> None:
    with nobody() as port:
        assert await probe_grpc("127.0.0.1", port, "", 1) == unconnected(port)


@pytest.mark.parametrize("then", ["close", "hang"])
async def test_a_server_of_another_protocol_cannot_be_connected_to(then: str) -> None:
    async with RawServer([FINE], then).serving() as server:
        assert await probe_grpc("127.0.0.1", server.port, "", 1) == unconnected(server.port)


async def test_a_server_that_begins_to_listen_in_time_is_fine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "AGAIN_SECONDS", 0.01)
    assert await outcome_of(HealthServer(refusals=3)) == succeeded("service healthy")


def test_a_long_name_is_written_in_full() -> None:
    assert check_request("x" * 300) == b"\x00\x00\x00\x01\x2f\x0a\xac\x02" + b"x" * 300


@given(st.binary(max_size=40))
def test_whatever_a_server_answers_it_is_a_status_or_an_error(message: bytes) -> None:
    try:
        assert serving_status(message)
    except ValueError as error:
        assert str(error)


@given(st.integers(min_value=0, max_value=3), st.binary(max_size=200))
def test_fields_that_nobody_knows_are_passed_over(status: int, unknown: bytes) -> None:
    field = b"\x12" + _length(unknown) + unknown
    body = field + bytes([8, status]) + b"\x19" + bytes(8) + b"\x25" + bytes(4)
    names = ("UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN")
    assert serving_status(b"\0" + len(body).to_bytes(4, "big") + body) == names[status]


def _length(content: bytes) -> bytes:
    size = len(content)
    return bytes([size]) if size < 128 else bytes([size & 127 | 128, size >> 7])


def test_an_outcome_says_whether_it_counts() -> None:
    verdicts = [succeeded().verdict, failed("").verdict, Outcome(Finding.WARNING).verdict]
    assert verdicts == [True, False, True]
    assert Outcome(Finding.UNKNOWN, is_error=True).verdict is None
