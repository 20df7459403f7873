"""HTTP probes against servers that answer well, badly, slowly or not at all, in kubelet's words."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.engine.probing.servers import FINE, PlainServer, RawServer, nobody
from tests.support.loops import Stage, stages
from vk_core.api.container import HTTPGetAction
from vk_core.engine.probing import fetching
from vk_core.engine.probing.attempts import probe_http
from vk_core.engine.probing.outcomes import Finding, Outcome, failed, notice, succeeded
from vk_core.testing import make_container


async def probe(port: int, scheme: str = "HTTP", seconds: int = 5, **fields: Any) -> Outcome:
    action = HTTPGetAction(path="/healthz", port=port, scheme=scheme, **fields)
    return await probe_http(action, make_container(), "127.0.0.1", seconds)


async def outcome_of(*answers: bytes, then: str = "close", seconds: int = 5) -> Outcome:
    async with RawServer(list(answers), then).serving() as server:
        outcome = await probe(server.port, seconds=seconds)
        return outcome._replace(text=outcome.text.replace(str(server.port), "PORT"))


@pytest.mark.parametrize("stage", stages(), ids=str)
def test_a_server_is_healthy_on_every_loop_with_tls_and_without(stage: Stage, tmp_path: Path) -> None:
    async def story() -> None:
        prepared = stage.prepared(tmp_path)
        async with RawServer([FINE]).serving(prepared.server_tls) as server:
            assert await probe(server.port, "HTTPS" if stage.tls else "HTTP") == succeeded("ok")
        assert len(server.asked) == 1
        assert server.asked[0].startswith(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:")

    stage.run(story())


@pytest.mark.parametrize("fast", [False, True], ids=["asyncio", "uvloop"])
def test_a_server_that_knows_no_tls_has_failed(fast: bool) -> None:
    async def story() -> None:
        async with PlainServer().serving() as server:
            outcome = await probe(server.port, "HTTPS")
        problem = "http: server gave HTTP response to HTTPS client"
        assert outcome == failed(f'Get "https://127.0.0.1:{server.port}/healthz": {problem}')

    Stage(fast, tls=False).run(story())


@pytest.mark.parametrize("fast", [False, True], ids=["asyncio", "uvloop"])
@pytest.mark.parametrize("where", ["head", "body", "connection"])
def test_a_server_that_hangs_has_failed_in_time_and_leaves_nothing_behind(where: str, fast: bool) -> None:
    async def story() -> None:
        answer = {"head": b"HTTP/1.1 200", "body": b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok", "connection": b""}
        outcome = await outcome_of(answer[where], then="hang", seconds=1)
        if where == "body":
            text = "context deadline exceeded (Client.Timeout or context cancellation while reading body)"
            assert outcome == Outcome(Finding.FAILURE, text, is_error=True)
            told = notice("Liveness", outcome)
            assert told is not None
            assert told.message == f"Liveness probe errored and resulted in failure state: {text}"
        else:
            text = "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
            assert outcome == failed(f'Get "http://127.0.0.1:PORT/healthz": {text}')
        assert asyncio.all_tasks() == {asyncio.current_task()}

    Stage(fast, tls=False).run(story())


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        pytest.param(b"HTTP/1.0 200 OK\n\nhi", succeeded("hi"), id="a line of shell"),
        pytest.param(b"HTTP/1.1 204 No Content\r\n\r\n", succeeded(), id="no content"),
        pytest.param(
            b"HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n", succeeded("hi"), id="chunks"
        ),
        pytest.param(b"HTTP/1.1 103 Early Hints\r\n\r\n" + FINE, succeeded("ok"), id="early hints"),
        pytest.param(
            b"HTTP/1.1 103 Early Hints\r\nLocation: /early\r\n\r\nHTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n",
            Outcome(Finding.WARNING, "Probe terminated redirects, Response body: "),
            id="hints are no redirect",
        ),
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 20_000, succeeded("x" * 10_240), id="long"),
        pytest.param(
            b"HTTP/1.1 503 No\r\nContent-Length: 6\r\n\r\nsecret",
            failed("HTTP probe failed with statuscode: 503"),
            id="unhealthy, and its words are nobody's business",
        ),
        pytest.param(b"HTTP/1.1 101 Go\r\n\r\n", failed("HTTP probe failed with statuscode: 101"), id="switching"),
        pytest.param(
            b"HTTP/1.1 302 Found\r\nLocation: http://other.example/\r\nContent-Length: 2\r\n\r\nhi",
            Outcome(Finding.WARNING, "Probe terminated redirects, Response body: hi"),
            id="redirect to another host",
        ),
        pytest.param(
            b"HTTP/1.1 302 Found\r\nLocation: /healthz\r\n\r\n",
            failed('Get "/healthz": stopped after 10 redirects'),
            id="redirects for ever",
        ),
        pytest.param(
            b"SSH-2.0-OpenSSH\r\n",
            failed(
                'Get "http://127.0.0.1:PORT/healthz": net/http: HTTP/1.x transport connection broken: '
                'malformed HTTP response "SSH-2.0-OpenSSH"'
            ),
            id="another protocol",
        ),
        pytest.param(b"", failed('Get "http://127.0.0.1:PORT/healthz": EOF'), id="nothing"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok",
            Outcome(Finding.FAILURE, "unexpected EOF", is_error=True),
            id="half a body",
        ),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nX: " + b"x" * (1 << 21),
            failed('Get "http://127.0.0.1:PORT/healthz": net/http: server response headers exceeded their limit'),
            id="endless headers",
        ),
    ],
)
async def test_answers_mean_what_they_mean_to_a_kubelet(answer: bytes, outcome: Outcome) -> None:
    assert await outcome_of(answer) == outcome


async def test_a_redirect_is_followed_without_its_body() -> None:
    away = b"HTTP/1.1 301 Moved\r\nLocation: http://127.0.0.1:$PORT/there?\r\nContent-Length: 99\r\n\r\n"
    async with RawServer([away, FINE], "hang").serving() as server:
        assert await probe(server.port) == succeeded("ok")
    assert [asked.split(b"\r\n")[0] for asked in server.asked] == [b"GET /healthz HTTP/1.1", b"GET /there HTTP/1.1"]


@pytest.mark.parametrize("fast", [False, True], ids=["asyncio", "uvloop"])
def test_a_connection_that_is_cut_has_failed(fast: bool) -> None:
    async def story() -> None:
        outcome = await outcome_of(b"", then="reset")
        assert outcome.finding is Finding.FAILURE
        assert outcome.text.startswith('Get "http://127.0.0.1:PORT/healthz": read tcp 127.0.0.1:')
        assert outcome.text.endswith("->127.0.0.1:PORT: read: connection reset by peer")

    Stage(fast, tls=False).run(story())


async def test_nobody_is_there() -> None:
    with nobody() as port:
        outcome = await probe(port)
    problem = f"dial tcp 127.0.0.1:{port}: connect: connection refused"
    assert outcome == failed(f'Get "http://127.0.0.1:{port}/healthz": {problem}')


async def test_a_port_that_the_container_does_not_have_is_an_error() -> None:
    outcome = await probe(cast("int", "web"))
    assert outcome == Outcome(Finding.UNKNOWN, 'strconv.Atoi: parsing "web": invalid syntax', is_error=True)


class _Transport(asyncio.Transport):
    def write(self, data: Any) -> None:
        pass

    def close(self) -> None:
        pass


@settings(deadline=None)
@given(
    st.lists(
        st.one_of(
            st.binary(max_size=40),
            st.sampled_from(
                [b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 100 C\r\n\r\n", b"Location: /x\r\n", b"\r\n", b"0\r\n"]
            ),
            st.sampled_from([b"Content-Length: 3\r\n", b"Transfer-Encoding: chunked\r\n", b"3\r\nabc\r\n", FINE]),
        )
    )
)
def test_whatever_a_server_sends_there_is_an_answer_or_an_error(pieces: list[bytes]) -> None:
    async def dial(protocol: Any, *_where: Any, **_how: Any) -> Any:
        speaker = protocol()
        speaker.connection_made(_Transport())
        for piece in pieces:
            speaker.data_received(piece)
        speaker.connection_lost(None)
        return speaker

    async def story() -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(fetching, "dial", dial)
            outcome = await probe(80)
        assert outcome.text or outcome.finding is Finding.SUCCESS

    asyncio.run(story())
