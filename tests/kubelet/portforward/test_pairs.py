"""Port forwarding over SPDY, directly and in a WebSocket, as kubectl does it."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import os
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from tests.support.forwarding import forwarding
from tests.support.kubelet import ScriptedProvider
from tests.support.loops import Stage, stages
from tests.support.spdy_client import ClientStream, SpdyClient, spdy_client, within
from tests.support.websocket_wire import tunnel_client
from vk_core.errors import Unavailable
from vk_core.kubelet.backend import StreamTimeouts
from vk_core.kubelet.portforward import pairs
from vk_core.kubelet.spdy.stream import SpdyStream
from vk_core.provider.streams import PortStream
from vk_core.telemetry.metrics import REGISTRY

Connect = Callable[[str, Stage], AbstractAsyncContextManager[SpdyClient]]


def direct(url: str, stage: Stage) -> AbstractAsyncContextManager[SpdyClient]:
    return spdy_client(url, protocols=("portforward.k8s.io",), tls=stage.client_tls)


def tunnelled(url: str, stage: Stage) -> AbstractAsyncContextManager[SpdyClient]:
    return tunnel_client(url, stage.client_tls)


@pytest.fixture(params=stages(), ids=str)
def stage(request: pytest.FixtureRequest, tmp_path: Path) -> Stage:
    """Each kind of event loop, with and without TLS."""
    made: Stage = request.param
    return made.prepared(tmp_path)


@pytest.fixture(params=[direct, tunnelled])
def connect(request: pytest.FixtureRequest) -> Connect:
    """Each wire that carries SPDY."""
    chosen: Connect = request.param
    return chosen


HERE = Stage(uvloop=False, tls=False)


async def pair(spdy: SpdyClient, number: int, port: int = 80) -> tuple[ClientStream, ClientStream]:
    """The data stream and the error stream of one connection, opened as kubectl does."""
    names = {"port": str(port), "requestID": str(number)}
    error = await spdy.open({"streamType": "error", **names}, fin=True)
    return await spdy.open({"streamType": "data", **names}), error


async def exchange(spdy: SpdyClient, number: int, blob: bytes) -> bytes:
    """One connection: send, half-close, and read to the end; the error stream must stay empty."""
    data, error = await pair(spdy, number)
    reading = asyncio.create_task(data.read_all())
    await data.write(blob)
    await data.finish()
    back = await reading
    assert await error.read_all() == b""
    assert (data.was_reset, error.was_reset) == (None, None)
    return back


def test_bytes_go_both_ways_and_half_close_works(stage: Stage, connect: Connect) -> None:
    blob = os.urandom(1_500_001)

    async def scenario() -> None:
        async with forwarding(tls=stage.server_tls) as url, connect(url, stage) as spdy:
            assert await exchange(spdy, 0, blob) == blob

    stage.run(scenario())


async def test_a_thousand_short_connections_over_one_session_lose_nothing_and_leave_nothing(connect: Connect) -> None:
    async with forwarding() as url, connect(url, HERE) as spdy:
        tasks = asyncio.all_tasks()
        for start in range(0, 1000, 50):
            blobs = [b"%d" % number * 100 for number in range(start, start + 50)]
            backs = [exchange(spdy, start + index, blob) for index, blob in enumerate(blobs)]
            assert await asyncio.gather(*backs) == blobs
        async with asyncio.timeout(10):
            while left := {task for task in asyncio.all_tasks() - tasks if task.get_name().startswith("port-forward-")}:
                await asyncio.wait(left)


async def test_a_connection_ends_with_its_port_though_the_client_still_might_send(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pairs, "SPARE_SECONDS", 0.01)
    got = asyncio.get_running_loop().create_future()

    async def done_first(_port: int, stream: PortStream) -> None:
        await stream.write(b"bye")
        await stream.write_eof()
        got.set_result(await stream.read())

    provider = ScriptedProvider()
    provider.port = done_first
    async with forwarding(provider) as url, connect(url, HERE) as spdy:
        data, error = await pair(spdy, 0)
        assert (await within(data.read_all()), await within(error.read_all())) == (b"bye", b"")
        await data.finish(b"late")
        assert await within(got) == b"late"


async def test_each_connection_reaches_the_port_it_asks_for() -> None:
    provider = ScriptedProvider()

    async def tell(port: int, stream: PortStream) -> None:
        await stream.write(str(port).encode())

    provider.port = tell
    async with forwarding(provider) as url, direct(url, HERE) as spdy:
        opened = [await pair(spdy, number, port) for number, port in enumerate((1, 80, 8080, 65535))]
        assert [await data.read_all() for data, _ in opened] == [b"1", b"80", b"8080", b"65535"]


async def test_the_streams_of_a_pair_come_in_any_order() -> None:
    async with forwarding() as url, direct(url, HERE) as spdy:
        first = await spdy.open({"streamType": "data", "port": "80", "requestID": "a"})
        second = await spdy.open({"streamType": "error", "port": "80", "requestID": "b"}, fin=True)
        await spdy.open({"streamType": "error", "port": "80", "requestID": "a"}, fin=True)
        third = await spdy.open({"streamType": "data", "port": "80", "requestID": "b"})
        await first.finish(b"one")
        await third.finish(b"two")
        assert [await stream.read_all() for stream in (first, second, third)] == [b"one", b"", b"two"]


async def test_clients_without_request_ids_are_paired_by_the_order_of_their_streams() -> None:
    async with forwarding() as url, direct(url, HERE) as spdy:
        await spdy.open({"streamType": "error", "port": "80"}, fin=True)
        data = await spdy.open({"streamType": "data", "port": "80"})
        await data.finish(b"old")
        assert await data.read_all() == b"old"


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        pytest.param(Unavailable("nothing listens on port 80"), "nothing listens on port 80", id="provider"),
        pytest.param(ConnectionRefusedError(111, "Connection refused"), "Connection refused", id="operating system"),
        pytest.param(ExceptionGroup("both ways", [OSError("broken pipe")]), "broken pipe", id="task group"),
        pytest.param(ValueError("secret"), "internal error: ValueError", id="bug"),
    ],
)
async def test_a_connection_that_fails_says_why_and_others_go_on(
    connect: Connect, error: Exception, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    provider = ScriptedProvider()
    echo = provider.port

    async def fail(port: int, stream: PortStream) -> None:
        if port == 81:
            raise error
        await echo(port, stream)

    provider.port = fail
    async with forwarding(provider) as url, connect(url, HERE) as spdy:
        good, _ = await pair(spdy, 0)
        bad, complaint = await pair(spdy, 1, 81)
        text = (await complaint.read_all()).decode()
        assert text.startswith("error forwarding port 81 to pod web, uid ")
        assert reason in text
        await within(bad.ended.wait())
        assert (bad.was_reset, complaint.was_reset) == (5, 5)
        await good.finish(b"still here")
        assert await good.read_all() == b"still here"
    bugs = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert len(bugs) == isinstance(error, ValueError)


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"streamType": "data", "requestID": "1"}, id="no port"),
        pytest.param({"streamType": "data", "requestID": "1", "port": "0"}, id="port 0"),
        pytest.param({"streamType": "data", "requestID": "1", "port": "65536"}, id="port too great"),
        pytest.param({"streamType": "data", "requestID": "1", "port": "http"}, id="no number"),
        pytest.param({"streamType": "data", "requestID": "1", "port": "9" * 5000}, id="a very long number"),
        pytest.param({"streamType": "stdin", "requestID": "1", "port": "80"}, id="another type"),
    ],
)
async def test_a_stream_that_says_nothing_sensible_is_rejected(headers: dict[str, str]) -> None:
    async with forwarding() as url, direct(url, HERE) as spdy:
        stream = await spdy.open(headers)
        assert stream.was_reset == 5
        assert spdy.frames == [3]
        assert await exchange(spdy, 2, b"fine") == b"fine"


async def test_two_streams_of_one_type_in_a_pair_are_told_on_the_error_stream() -> None:
    async with forwarding() as url, direct(url, HERE) as spdy:
        names = {"port": "80", "requestID": "7"}
        error = await spdy.open({"streamType": "error", **names}, fin=True)
        again = await spdy.open({"streamType": "error", **names}, fin=True)
        assert again.was_reset == 5
        assert await error.read_all() == b"request 7 has two error streams"
        assert await exchange(spdy, 8, b"fine") == b"fine"


async def test_a_connection_that_the_client_resets_ends_alone() -> None:
    provider = ScriptedProvider()
    cancelled: asyncio.Queue[int] = asyncio.Queue()

    async def wait(port: int, stream: PortStream) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.put_nowait(port)
            raise

    provider.port = wait
    async with forwarding(provider) as url, direct(url, HERE) as spdy:
        await pair(spdy, 0, 80)
        data, _ = await pair(spdy, 1, 81)
        await spdy.ping(1)
        await data.reset()
        assert await within(cancelled.get()) == 81
        assert cancelled.empty()


async def pump(stream: PortStream) -> None:
    await stream.read()


async def test_a_connection_that_the_client_resets_has_no_error() -> None:
    """kubectl resets what is done, and drops all connections when it reads an error."""
    provider = ScriptedProvider()

    async def both_ways(_port: int, stream: PortStream) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(pump(stream))
            group.create_task(asyncio.Event().wait())

    provider.port = both_ways
    async with forwarding(provider) as url, direct(url, HERE) as spdy:
        data, error = await pair(spdy, 0)
        await spdy.ping(1)
        await data.reset()
        assert await error.read_all() == b""
        assert error.was_reset is None


async def test_a_connection_that_is_reset_before_it_was_served_leaves_nothing() -> None:
    async with forwarding() as url, direct(url, HERE) as spdy:
        for number in range(50):
            names = {"port": "80", "requestID": str(number)}
            data = await spdy.open({"streamType": "data", **names}, wait=False)
            await data.reset()
        assert await exchange(spdy, 0, b"the same request ID") == b"the same request ID"


@pytest.mark.parametrize("way", ["leaves", "is killed", "is killed while its bytes wait"])
def test_a_client_that_goes_away_cancels_its_connections(stage: Stage, way: str) -> None:
    async def scenario() -> None:
        provider = ScriptedProvider()
        ended: asyncio.Queue[bool] = asyncio.Queue()

        async def wait(_port: int, stream: PortStream) -> None:
            if way != "is killed while its bytes wait":
                await stream.read()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                ended.put_nowait(True)
                raise

        provider.port = wait
        async with forwarding(provider, tls=stage.server_tls) as url:
            async with direct(url, stage) as spdy:
                for number in range(3):
                    data, _ = await pair(spdy, number)
                    await data.write(bytes(80_000))
                await spdy.ping(1)
                if way != "leaves":
                    spdy.kill()
            for _ in range(3):
                assert await within(ended.get())

    stage.run(scenario())


@pytest.mark.parametrize("cancelling", [True, False])
async def test_a_client_that_leaves_cancels_its_connections_in_any_application(
    connect: Connect, cancelling: bool
) -> None:
    provider = ScriptedProvider()
    ended = asyncio.Event()

    async def wait(_port: int, _stream: PortStream) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    provider.port = wait
    async with forwarding(provider, cancelling=cancelling) as url:
        async with connect(url, HERE) as spdy:
            await pair(spdy, 0)
            await spdy.ping(1)
        await within(ended.wait())


async def test_a_provider_that_does_not_read_is_not_flooded(connect: Connect) -> None:
    provider = ScriptedProvider()
    held: list[int] = []
    go_on = asyncio.Event()

    async def slow(_port: int, stream: PortStream) -> None:
        assert isinstance(stream, SpdyStream)
        await go_on.wait()
        while data := await stream.read():
            held.append(stream.held + len(data))
        await stream.write(b"done")

    provider.port = slow
    async with forwarding(provider) as url, connect(url, HERE) as spdy:
        data, _ = await pair(spdy, 0)
        writing = asyncio.create_task(data.write(bytes(30_000_000)))
        done, _ = await asyncio.wait((writing,), timeout=0.3)
        assert not done
        go_on.set()
        await within(writing)
        await data.finish()
        assert await data.read_all() == b"done"
    assert max(held) <= 1024 * 1024


async def test_open_sessions_are_counted() -> None:
    def count() -> float | None:
        return REGISTRY.get_sample_value("virtual_kubelet_streams_open", {"kind": "portForward"})

    before = count() or 0
    async with forwarding() as url, direct(url, HERE) as spdy:
        await exchange(spdy, 0, b"x")
        assert count() == before + 1
    assert count() == before


async def test_the_creation_timeout_ends_half_a_pair_and_not_the_session(connect: Connect) -> None:
    timeouts = StreamTimeouts(idle=dt.timedelta(hours=1), creation=dt.timedelta(milliseconds=50))
    async with forwarding(timeouts=timeouts) as url, connect(url, HERE) as spdy:
        error = await spdy.open({"streamType": "error", "port": "80", "requestID": "1"}, fin=True)
        assert await error.read_all() == b"timed out waiting for streams"
        assert await exchange(spdy, 2, b"fine") == b"fine"


async def test_the_idle_timeout_ends_the_session(connect: Connect) -> None:
    timeouts = StreamTimeouts(idle=dt.timedelta(milliseconds=50), creation=dt.timedelta(hours=1))
    async with forwarding(timeouts=timeouts) as url, connect(url, HERE) as spdy:
        await within(spdy.gone.wait())
