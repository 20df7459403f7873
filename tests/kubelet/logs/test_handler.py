"""`/containerLogs` over real HTTP: what is answered, what is refused, and what happens when a side goes away."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import socket
import sys
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web
from msgspec.structs import replace

from tests.support.kubelet import ScriptedProvider, backend_of, route, running_pod, serving
from tests.support.pods import ended, pod_with, running, status_of, waiting
from tests.support.providers import TinyProvider
from vk_core.api.podkey import PodKey
from vk_core.api.podstatus import ContainerStatus, PodStatus
from vk_core.errors import InvalidInput, NotFound, ProviderError, Unavailable
from vk_core.kubelet.logs import handler
from vk_core.kubelet.routes import attach_pod_routes
from vk_core.kubelet.sockets import KEEPALIVE_SECONDS
from vk_core.provider import Provider
from vk_core.provider.streams import LogFilter, LogOptions, LogStream
from vk_core.telemetry import metrics

LINES = tuple(f"2026-01-02T03:04:0{number}Z line {number}\n".encode() for number in range(5))
PLAIN = tuple(line.partition(b" ")[2] for line in LINES)
PATH = "/containerLogs/default/web/main"
SECOND_LINE_ON = "2026-01-02T03:04:01Z"


class Log:
    """A log that a test writes while it is read.

    Attributes:
        provider: shows this log for every container, doing itself what is in `applied`.
        asked: the options of every time it was opened.
        read: bytes that were taken from it.
        closed: set when nobody reads it any more.
    """

    def __init__(self, *lines: bytes, applied: frozenset[LogFilter] = frozenset(), timestamped: bool = False) -> None:
        self.lines = list(lines)
        self.asked: list[LogOptions] = []
        self.read = 0
        self.closed = asyncio.Event()
        self.error: BaseException | None = None
        self._readers: list[asyncio.Queue[bytes]] = []
        self.provider = ScriptedProvider()
        self.provider.logs = self._open
        self._applied = applied
        self._timestamped = timestamped

    def say(self, line: bytes) -> None:
        """Another line for everybody who follows; an empty one ends the log."""
        for reader in self._readers:
            reader.put_nowait(line)

    async def _open(self, _key: PodKey, _name: str, options: LogOptions) -> LogStream:
        self.asked.append(options)
        return LogStream(chunks=self._chunks(options), timestamped=self._timestamped, applied=self._applied)

    async def _chunks(self, options: LogOptions) -> AsyncIterator[bytes]:
        more: asyncio.Queue[bytes] = asyncio.Queue()
        self._readers.append(more)
        try:
            for line in self.lines:
                self.read += len(line)
                yield line
            if self.error is not None:
                raise self.error
            while options.follow:
                line = await more.get()
                if not line:
                    return
                yield line
        finally:
            self.closed.set()


@contextlib.asynccontextmanager
async def logs_of(provider: Provider, status: PodStatus | None = None) -> AsyncIterator[aiohttp.ClientSession]:
    pod = running_pod() if status is None else replace(pod_with("main"), status=status)
    backend = backend_of(provider, [pod])
    async with (
        serving(lambda app: attach_pod_routes(app, backend)) as url,
        aiohttp.ClientSession(url, timeout=aiohttp.ClientTimeout(10)) as client,
    ):
        yield client


async def answer(client: aiohttp.ClientSession, **query: str) -> tuple[int, bytes]:
    async with client.get(PATH, params=query) as response:
        return response.status, await response.read()


async def test_a_log_arrives_as_it_is_in_plain_text() -> None:
    log = Log(b"one\n", b"", b"\xff\x00two")
    async with logs_of(log.provider) as client, client.get(PATH) as response:
        assert (response.status, response.headers["Content-Type"]) == (200, "text/plain")
        assert response.headers["Transfer-Encoding"] == "chunked"
        assert await response.read() == b"one\n\xff\x00two"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, b"".join(PLAIN)),
        ({"timestamps": "true"}, b"".join(line.replace(b"Z ", b".000000000Z ") for line in LINES)),
        ({"tailLines": "2"}, b"".join(PLAIN[-2:])),
        ({"tailLines": "0"}, b""),
        ({"sinceTime": SECOND_LINE_ON}, b"".join(PLAIN[1:])),
        ({"sinceTime": SECOND_LINE_ON, "tailLines": "99", "limitBytes": "10"}, b"line 1\nlin"),
        ({"limitBytes": "3", "timestamps": "true"}, b"202"),
    ],
)
async def test_core_does_to_a_log_what_the_provider_has_not_done(query: dict[str, str], expected: bytes) -> None:
    log = Log(*LINES, timestamped=True)
    async with logs_of(log.provider) as client:
        assert await answer(client, **query) == (200, expected)


async def test_what_the_provider_has_done_is_not_done_twice() -> None:
    log = Log(*PLAIN, applied=frozenset({"tail", "since", "limit", "timestamps", "stream"}))
    query = {"tailLines": "1", "limitBytes": "1", "sinceTime": SECOND_LINE_ON, "timestamps": "true"}
    async with logs_of(log.provider) as client:
        assert await answer(client, **query) == (200, b"".join(PLAIN))
        assert await answer(client, stream="Stdout") == (200, b"".join(PLAIN))
    since = dt.datetime(2026, 1, 2, 3, 4, 1, tzinfo=dt.UTC)
    asked = LogOptions(tail_lines=1, limit_bytes=1, since=since, timestamps=True)
    assert log.asked == [asked, LogOptions(stream="Stdout")]


async def test_a_provider_that_limits_too_early_is_asked_for_everything() -> None:
    log = Log(*LINES, timestamped=True, applied=frozenset({"limit"}))
    async with logs_of(log.provider) as client:
        assert await answer(client, limitBytes="10") == (200, b"line 0\nlin")
    assert [options.limit_bytes for options in log.asked] == [10, None]


@pytest.mark.parametrize("query", [{"sinceSeconds": "5"}, {"timestamps": "true"}, {"stream": "Stderr"}])
async def test_what_nobody_can_do_is_refused_with_the_name_of_the_option(query: dict[str, str]) -> None:
    async with logs_of(Log(*PLAIN).provider) as client:
        status, text = await answer(client, **query)
    assert status == 501
    assert next(iter(query)).encode() in text


async def test_a_followed_log_begins_with_its_last_lines_and_every_new_line_comes_at_once() -> None:
    log = Log(*LINES, timestamped=True)
    query = {"follow": "true", "tailLines": "1"}
    async with logs_of(log.provider) as client, client.get(PATH, params=query) as response:
        assert await response.content.readany() == b"line 4\n"
        for number in (5, 6):
            log.say(f"2026-01-02T03:04:0{number}Z line {number}\n".encode())
            assert await response.content.readany() == f"line {number}\n".encode()
        log.say(b"")
        assert await response.content.readany() == b""


async def test_following_a_container_that_says_nothing_begins_without_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handler, "HEADER_SECONDS", 0.01)
    log = Log()
    async with logs_of(log.provider) as client, client.get(PATH, params={"follow": "true"}) as response:
        assert response.status == 200
        log.say(b"at last\n")
        assert await response.content.readany() == b"at last\n"


NAME = 'container "main" in pod "web"'
WAITING = f"{NAME} is waiting to start: "


@pytest.mark.parametrize(
    ("container", "query", "text"),
    [
        (waiting(), {}, WAITING + "ContainerCreating"),
        (waiting(reason="ErrImagePull"), {}, WAITING + "image can't be pulled"),
        (waiting(reason="ImagePullBackOff"), {}, WAITING + "trying and failing to pull image"),
        (ContainerStatus(name="main"), {}, f"{NAME} is waiting to start - no logs yet"),
        (running(), {"previous": "true"}, f"previous terminated {NAME} not found"),
        (running("other"), {}, f"{NAME} is not available"),
    ],
)
async def test_a_container_without_a_log_is_refused_in_kubelets_words(
    container: ContainerStatus, query: dict[str, str], text: str
) -> None:
    log = Log(*PLAIN)
    async with logs_of(log.provider, status_of(container)) as client:
        assert await answer(client, **query) == (400, text.encode())
    assert not log.asked


@pytest.mark.parametrize(
    ("container", "query", "previous"),
    [
        (running(last_state=ended().state), {}, False),
        (running(last_state=ended().state), {"previous": "true"}, True),
        (ended(), {}, False),
        (waiting(reason="CrashLoopBackOff", last_state=ended(code=1).state), {}, True),
    ],
)
async def test_between_two_starts_the_last_log_is_shown(
    container: ContainerStatus, query: dict[str, str], previous: bool
) -> None:
    log = Log(*PLAIN)
    async with logs_of(log.provider, status_of(container)) as client:
        assert (await answer(client, **query))[0] == 200
    assert [options.previous for options in log.asked] == [previous]


async def test_what_does_not_exist_is_404_and_what_the_provider_cannot_do_501() -> None:
    async with logs_of(TinyProvider()) as client:
        async with client.get("/containerLogs/default/web/other") as response:
            assert (response.status, await response.text()) == (404, 'container "other" in pod "web" does not exist')
        async with client.get("/containerLogs/default/gone/main") as response:
            assert (response.status, await response.text()) == (404, "pod does not exist")
        assert await answer(client) == (
            501,
            b"the provider scripted of node virtual cannot show the logs of containers",
        )
        async with client.post(PATH) as response:
            assert response.status == 405


@pytest.mark.parametrize(
    ("error", "status"), [(NotFound("no log"), 404), (InvalidInput("no log"), 400), (Unavailable("no log"), 500)]
)
@pytest.mark.parametrize("follow", ["true", "false"])
async def test_an_error_before_the_first_byte_has_a_status(error: ProviderError, status: int, follow: str) -> None:
    log = Log()
    log.error = error
    async with logs_of(log.provider) as client:
        assert await answer(client, follow=follow) == (status, b"no log")


@pytest.mark.parametrize(
    "error", [Unavailable("back end gone"), ConnectionResetError("reset"), TimeoutError("late"), RuntimeError("a bug")]
)
async def test_an_error_after_the_first_byte_breaks_the_connection_and_is_not_in_the_log(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    """B27."""
    log = Log(b"one\n", b"x" * 300_000)
    log.error = error
    async with logs_of(log.provider) as client, client.get(PATH) as response:
        assert response.status == 200
        received = b""
        with pytest.raises(aiohttp.ClientPayloadError):
            while True:
                received += await response.content.readany()
    assert received == b"one\n" + b"x" * 300_000
    assert "the log broke off" in caplog.text


async def test_a_client_that_goes_away_ends_the_reading() -> None:
    log = Log(b"one\n")
    async with logs_of(log.provider) as client:
        async with client.get(PATH, params={"follow": "true"}) as response:
            assert await response.content.readany() == b"one\n"
            assert metrics.STREAMS_OPEN.labels("containerLogs")._value.get() == 1
        async with asyncio.timeout(5):
            await log.closed.wait()
    assert metrics.STREAMS_OPEN.labels("containerLogs")._value.get() == 0


async def test_a_client_that_goes_away_is_noticed_in_any_application(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handler, "LOOK_SECONDS", 0.02)
    log = Log(b"one\n")
    app = web.Application()
    attach_pod_routes(app, backend_of(log.provider, [running_pod()]))
    runner = web.AppRunner(app, handler_cancellation=False)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    async with aiohttp.ClientSession(f"http://127.0.0.1:{runner.addresses[0][1]}") as client:
        async with client.get(PATH, params={"follow": "true"}) as response:
            assert await response.content.readany() == b"one\n"
        async with asyncio.timeout(5):
            await log.closed.wait()
    await runner.cleanup()


async def test_a_machine_that_vanished_is_noticed_by_the_kernel() -> None:
    log = Log(b"one\n")
    handle = handler.container_logs_handler(backend_of(log.provider, [running_pod()]))
    sockets: list[socket.socket] = []

    async def remember(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        sockets.append(request.transport.get_extra_info("socket"))
        return await handle(request)

    path = "/containerLogs/{namespace}/{pod}/{container}"
    async with (
        serving(route(path, remember)) as url,
        aiohttp.ClientSession(url) as client,
        client.get(PATH, params={"follow": "true"}) as response,
    ):
        assert await response.content.readany() == b"one\n"
        assert sockets[0].getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        if sys.platform == "linux":
            assert sockets[0].getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == KEEPALIVE_SECONDS


async def test_a_reader_that_stalls_holds_up_the_provider_after_a_megabyte() -> None:
    log = Log(*[b"x" * 65536] * 400)
    async with logs_of(log.provider) as client, client.get(PATH) as response:
        before = -1
        while before != log.read:  # until nothing moves any more
            before = log.read
            await asyncio.sleep(0.1)
        kernel = 8 << 20  # what the sockets of both sides may hold
        assert log.read < kernel + (1 << 20)
        assert await response.read() == b"".join(log.lines)


async def test_hundreds_of_followers_are_served_at_once_and_leave_nothing_behind() -> None:
    everybody = 500
    log = Log(b"one\n")
    before = len(asyncio.all_tasks())
    async with logs_of(log.provider) as client, contextlib.AsyncExitStack() as stack:
        client.connector._limit = everybody  # type: ignore[union-attr]
        requests = [client.get(PATH, params={"follow": "true"}) for _ in range(everybody)]
        responses = await asyncio.gather(*map(stack.enter_async_context, requests))
        assert {await response.content.readany() for response in responses} == {b"one\n"}
        log.say(b"two\n")
        assert {await response.content.readany() for response in responses} == {b"two\n"}
        assert len(asyncio.all_tasks()) - before <= everybody * 4 + 10
    own = asyncio.current_task()
    # A cancelled handler takes some turns of the loop to end.
    _, left = await asyncio.wait({*asyncio.all_tasks(), asyncio.create_task(asyncio.sleep(0))} - {own}, timeout=5)
    assert len(left) < before
    assert len(log.asked) == everybody


async def test_a_log_may_come_from_any_iterator_which_is_closed_if_it_can_be() -> None:
    class Endless:
        closed = asyncio.Event()

        def __aiter__(self) -> Endless:
            return self

        async def __anext__(self) -> bytes:
            await asyncio.sleep(0)
            return b"x" * 100_000

        async def aclose(self) -> None:
            self.closed.set()

    class Short:
        """Gives nothing in between, and cannot be closed."""

        def __init__(self) -> None:
            self._rest = [b"one\n", b"", b"two\n"]

        def __aiter__(self) -> Short:
            return self

        async def __anext__(self) -> bytes:
            for _ in range(20):  # long enough for what came before to be on its way
                await asyncio.sleep(0)
            if not self._rest:
                raise StopAsyncIteration
            return self._rest.pop(0)

    provider = ScriptedProvider()
    logs: list[AsyncIterator[bytes]] = [Short(), Endless()]

    async def open_log(_key: PodKey, _name: str, _options: LogOptions) -> LogStream:
        return LogStream(chunks=logs.pop(0))

    provider.logs = open_log
    async with logs_of(provider) as client:
        assert await answer(client) == (200, b"one\ntwo\n")
        assert await answer(client, limitBytes="3") == (200, b"xxx")
        async with asyncio.timeout(5):
            await Endless.closed.wait()
