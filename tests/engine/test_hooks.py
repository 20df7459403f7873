"""Hooks of containers: what is done, and what is told when that fails, in kubelet's words."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.engine.probing.servers import FINE, PlainServer, RawServer, nobody
from tests.support.forwarding import tls_contexts
from vk_core.api.container import (
    ExecAction,
    HTTPGetAction,
    HTTPHeader,
    LifecycleHandler,
    SleepAction,
    TCPSocketAction,
)
from vk_core.engine.hooks import LONGEST_COMMAND_SECONDS, HookFailed, run_hook
from vk_core.engine.runtime import Finished
from vk_core.errors import Unavailable
from vk_core.testing import RecordedEvents, make_container, make_pod, virtual_time
from vk_core.testing.events import ToldEvent

WHO = 'for Container "app" in Pod "web_default(uid)" failed - error:'


class Runtime:
    """Runs one command.

    Attributes:
        ran: what, and how long it might take.
    """

    def __init__(self, finished: Finished | Exception, seconds: float = 0.0) -> None:
        self.ran: list[tuple[tuple[str, ...], float]] = []
        self._finished = finished
        self._seconds = seconds

    async def run_command(self, container_id: str, command: Sequence[str], timeout_seconds: float) -> Finished:
        assert container_id == "id"
        self.ran.append((tuple(command), timeout_seconds))
        await asyncio.sleep(self._seconds)
        if isinstance(self._finished, Exception):
            raise self._finished
        return self._finished


async def run(
    handler: LifecycleHandler,
    runtime: Any = None,
    *,
    events: RecordedEvents | None = None,
    timeout_seconds: float | None = 5.0,
    pod_ip: str = "127.0.0.1",
) -> None:
    await run_hook(
        handler,
        runtime=runtime,
        events=events or RecordedEvents(),
        container_id="id",
        pod=make_pod("web", uid="uid"),
        container=make_container("app"),
        pod_ip=pod_ip,
        timeout_seconds=timeout_seconds,
    )


def command(*words: str) -> LifecycleHandler:
    return LifecycleHandler(exec=ExecAction(command=words))


def get(port: int, **fields: Any) -> LifecycleHandler:
    return LifecycleHandler(http_get=HTTPGetAction(path="/bye", port=port, **fields))


async def test_a_command_is_run_as_it_is_written() -> None:
    runtime = Runtime(Finished(exit_code=0))
    await run(command("echo", "$(NAME)"), runtime)
    assert runtime.ran == [(("echo", "$(NAME)"), 5.0)]


async def test_a_command_that_fails_is_told_with_all_that_it_has_written() -> None:
    runtime = Runtime(Finished(exit_code=3, stdout=b'a "b"\n', stderr=b"oh"))
    with pytest.raises(HookFailed) as failed:
        await run(command("sh", "-c", "false"), runtime)
    problem = """command 'sh -c false' exited with 3: oh, message: "a \\"b\\"\\noh\""""
    assert str(failed.value) == f"Exec lifecycle hook ([sh -c false]) {WHO} {problem}"


async def test_a_command_that_cannot_be_run_is_told() -> None:
    with pytest.raises(HookFailed) as failed:
        await run(command("nosuch"), Runtime(Unavailable("it is not there")))
    assert str(failed.value) == f'Exec lifecycle hook ([nosuch]) {WHO} it is not there, message: ""'


async def test_a_command_without_a_limit_has_a_long_one() -> None:
    runtime = Runtime(Finished(exit_code=0))
    await run(command("true"), runtime, timeout_seconds=None)
    assert runtime.ran == [(("true",), LONGEST_COMMAND_SECONDS)]


@virtual_time
async def test_a_hook_that_takes_too_long_is_given_up() -> None:
    for handler in (command("sleep"), LifecycleHandler(sleep=SleepAction(seconds=60))):
        began = asyncio.get_running_loop().time()
        with pytest.raises(TimeoutError):
            await run(handler, Runtime(Finished(exit_code=0), seconds=60), timeout_seconds=7)
        assert asyncio.get_running_loop().time() == began + 7


@virtual_time
async def test_a_pause_lasts_as_long_as_it_says() -> None:
    await run(LifecycleHandler(sleep=SleepAction(seconds=60)), timeout_seconds=None)
    assert asyncio.get_running_loop().time() == 60


@pytest.mark.parametrize("answer", [FINE, b"HTTP/1.1 500 No\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"])
async def test_whatever_a_server_answers_is_right(answer: bytes) -> None:
    async with RawServer([answer]).serving() as server:
        await run(get(server.port))
    assert server.asked[0].startswith(b"GET /bye HTTP/1.1\r\n")
    assert b"User-Agent: kube-lifecycle/" in server.asked[0]


async def test_a_server_that_is_not_there_is_told() -> None:
    with nobody() as port, pytest.raises(HookFailed) as failed:
        await run(get(port))
    problem = f'Get "http://127.0.0.1:{port}/bye": dial tcp 127.0.0.1:{port}: connect: connection refused'
    assert str(failed.value) == f"HTTP lifecycle hook (/bye) {WHO} {problem}"


async def test_a_server_that_hangs_is_given_up() -> None:
    async with RawServer([b""], "hang").serving() as server:
        with pytest.raises(TimeoutError):
            await run(get(server.port), timeout_seconds=0.1)


async def test_tls_is_spoken_with_servers_that_nobody_knows(tmp_path: Path) -> None:
    events = RecordedEvents()
    async with RawServer([FINE]).serving(tls_contexts(tmp_path)[0]) as server:
        await run(get(server.port, scheme="HTTPS"), events=events)
    assert events.told == []


async def test_a_server_that_knows_no_tls_is_asked_without_and_told_no_secrets() -> None:
    events = RecordedEvents()
    headers = HTTPHeader(name="Authorization", value="secret"), HTTPHeader(name="X-Other", value="fine")
    async with PlainServer().serving() as server:
        await run(get(server.port, scheme="HTTPS", http_headers=headers), events=events)
    assert b"X-Other: fine" in server.asked[-1]
    assert b"secret" not in server.asked[-1]
    text = f"request to HTTPS lifecycle hook 127.0.0.1:{server.port} got HTTP response, retry with HTTP succeeded"
    assert events.told == [ToldEvent("web", "LifecycleHTTPFallback", text, True, "")]


@pytest.mark.parametrize("handler", [LifecycleHandler(tcp_socket=TCPSocketAction(port=80)), LifecycleHandler()])
async def test_a_hook_that_says_nothing_to_do_fails(handler: LifecycleHandler) -> None:
    with pytest.raises(HookFailed, match=r"^Cannot run handler: invalid handler"):
        await run(handler)


async def test_a_port_that_the_container_does_not_have_is_told() -> None:
    handler = LifecycleHandler(http_get=HTTPGetAction(path="/bye", port="web"))
    with pytest.raises(HookFailed, match=r"strconv\.Atoi"):
        await run(handler)
