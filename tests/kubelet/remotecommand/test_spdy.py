"""Exec over SPDY, as the API server asks for it in the name of kubectl."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Sequence

import pytest

from tests.kubelet.remotecommand.sessions import EXEC, Endless, cat, node, soon
from tests.support.spdy_client import ClientStream, SpdyClient, spdy_client
from vk_core.kubelet.remotecommand.request import StreamOptions
from vk_core.kubelet.remotecommand.spdy import VERSIONS, expected_streams
from vk_core.provider.streams import ContainerIO, TerminalSize

pytestmark = pytest.mark.usefixtures("nothing_left")

V4 = "v4.channel.k8s.io"
SUCCESS = b'{"metadata":{},"status":"Success"}'
QUERIES = {"stdin": "&input=1", "stdout": "&output=1", "stderr": "&error=1", "resize": "&tty=1"}


@contextlib.asynccontextmanager
async def executing(
    url: str, *kinds: str, protocols: Sequence[str] = (V4,)
) -> AsyncIterator[tuple[SpdyClient, dict[str, ClientStream]]]:
    """A client with the streams of these types, in the order that kubectl opens them."""
    query = "".join(QUERIES[kind] for kind in kinds)
    async with spdy_client(url + EXEC + query, protocols=protocols) as client:
        yield client, {kind: await client.open({"streamtype": kind}) for kind in ("error", *kinds)}


def recorded(streams: dict[str, ClientStream]) -> list[tuple[str, bytes | None]]:
    """What arrives from now on by stream, in order; None is the end of one."""
    log: list[tuple[str, bytes | None]] = []
    for kind, stream in streams.items():
        _record(stream, kind, log)
    return log


def _record(stream: ClientStream, kind: str, log: list[tuple[str, bytes | None]]) -> None:
    arrived, end = stream.arrived, stream.end

    def on_data(data: bytes) -> None:
        if data:
            log.append((kind, data))
        arrived(data)

    def on_end() -> None:
        log.append((kind, None))
        end()

    stream.arrived, stream.end = on_data, on_end  # type: ignore[method-assign]


async def test_outputs_end_before_the_status_and_the_status_before_the_error_stream() -> None:
    async def both(_command: Sequence[str], io: ContainerIO) -> int:
        assert io.stdin is not None
        assert io.stdout is not None
        assert io.stderr is not None
        await io.stdin.read()
        await io.stdout.write(b"out")
        await io.stderr.write(b"err")
        return 137

    async with node(both) as (url, _), executing(url, "stdin", "stdout", "stderr") as (client, streams):
        assert client.headers["x-stream-protocol-version"] == V4
        log = recorded(streams)
        await streams["stdin"].finish()
        await asyncio.wait_for(streams["error"].ended.wait(), 5)
    order = [("stdout", b"out"), ("stderr", b"err"), ("stdout", None), ("stderr", None)]
    assert log[:4] == order
    kind, status = log[4]
    assert kind == "error"
    assert json.loads(status or b"")["details"]["causes"] == [{"reason": "ExitCode", "message": "137"}]
    assert log[5] == ("error", None)


@pytest.mark.parametrize(("protocol", "version"), VERSIONS.items())
async def test_every_version_tells_failure_and_success(protocol: str, version: int) -> None:
    code = 0

    async def ends(_command: Sequence[str], _io: ContainerIO) -> int:
        return code

    async with node(ends) as (url, _):
        async with executing(url, "stdout", protocols=["v9.x", protocol]) as (_, streams):
            assert await streams["error"].read_all() == (SUCCESS if version == 4 else b"")
        code = 2
        async with executing(url, "stdout", protocols=[protocol]) as (_, streams):
            assert b"exit code 2" in await streams["error"].read_all()


async def test_the_end_of_stdin_is_the_end_of_input() -> None:
    data = bytes(range(256)) * 12_000
    async with node(cat) as (url, _), executing(url, "stdin", "stdout") as (_, streams):
        sending = asyncio.create_task(_send(streams["stdin"], data))
        assert await streams["stdout"].read_all() == data
        await sending
        assert await streams["error"].read_all() == SUCCESS


async def _send(stream: ClientStream, data: bytes) -> None:
    await stream.write(data)
    await stream.finish()


async def test_sizes_arrive_and_a_closed_resize_stream_makes_no_more_of_them() -> None:
    sizes: list[TerminalSize] = []
    got, done = asyncio.Event(), asyncio.Event()

    async def shell(_command: Sequence[str], io: ContainerIO) -> int:
        assert io.tty
        reading = asyncio.create_task(collect(io))
        await done.wait()
        assert not reading.done()
        reading.cancel()
        return 0

    async def collect(io: ContainerIO) -> None:
        async for size in io.resizes:
            sizes.append(size)
            got.set()

    async with node(shell) as (url, _), executing(url, "stdin", "stdout", "resize") as (_, streams):
        await streams["resize"].write(b'{"Width":0,"Height":0}\n{"Width":120,"Hei')
        await streams["resize"].write(b'ght":40}\n')
        await soon(got)
        await streams["resize"].finish()
        asyncio.get_running_loop().call_later(0.1, done.set)
        assert await streams["error"].read_all() == SUCCESS
    assert sizes == [(120, 40)]


@pytest.mark.parametrize(
    ("options", "version", "expected"),
    [
        pytest.param((True, True, True, False), 4, {"error", "stdin", "stdout", "stderr"}, id="plain"),
        pytest.param((True, True, False, True), 4, {"error", "stdin", "stdout", "resize"}, id="terminal"),
        pytest.param((True, True, False, True), 2, {"error", "stdin", "stdout"}, id="before-resizing"),
        pytest.param((False, False, True, False), 3, {"error", "stderr"}, id="stderr-only"),
    ],
)
def test_the_streams_that_are_waited_for_follow_from_the_query(
    options: tuple[bool, bool, bool, bool], version: int, expected: set[str]
) -> None:
    stdin, stdout, stderr, tty = options
    assert expected_streams(StreamOptions(stdin=stdin, stdout=stdout, stderr=stderr, tty=tty), version) == expected


async def test_a_client_that_does_not_open_its_streams_in_time_is_let_go_and_nothing_was_run() -> None:
    async with (
        node(creation=0.1) as (url, provider),
        spdy_client(url + EXEC + "&output=1", protocols=[V4]) as client,
    ):
        await client.open({"streamtype": "error"})
        await soon(client.goaway)
        assert provider.seen["run_in_container"] == 0


async def test_a_client_that_leaves_before_it_has_opened_its_streams_runs_nothing() -> None:
    async with node() as (url, provider):
        async with spdy_client(url + EXEC + "&output=1", protocols=[V4]) as client:
            await client.open({"streamtype": "error"})
        assert provider.seen["run_in_container"] == 0


async def test_streams_that_nobody_expects_are_accepted_and_hold_up_nothing() -> None:
    async with node(cat) as (url, _), executing(url, "stdin", "stdout") as (client, streams):
        for headers in ({"streamtype": "tea"}, {"streamtype": "stdout"}, {}):
            other = await client.open(headers)
            assert other.was_reset is None
            await other.write(bytes(1024 * 1024))
        await streams["stdin"].finish(b"through")
        assert await streams["stdout"].read_all() == b"through"
        assert await streams["error"].read_all() == SUCCESS


async def test_streams_that_come_before_the_expected_ones_hold_up_nothing() -> None:
    async with (
        node(cat) as (url, _),
        spdy_client(url + EXEC + "&input=1&output=1", protocols=[V4]) as client,
    ):
        other = await client.open({"streamtype": "tea"})
        await other.write(bytes(8 * 1024 * 1024))
        error, stdin, stdout = [await client.open({"streamtype": kind}) for kind in ("error", "stdin", "stdout")]
        await stdin.finish(b"through")
        assert await stdout.read_all() == b"through"
        assert await error.read_all() == SUCCESS


async def test_an_input_that_the_client_resets_is_at_its_end() -> None:
    async with node(cat) as (url, _), executing(url, "stdin", "stdout") as (_, streams):
        await streams["stdin"].write(b"some")
        assert await streams["stdout"].read() == b"some"
        await streams["stdin"].reset()
        assert await streams["error"].read_all() == SUCCESS


async def test_input_that_a_command_has_not_read_does_not_hold_up_its_end() -> None:
    started = asyncio.Event()

    async def ends(_command: Sequence[str], _io: ContainerIO) -> int:
        await started.wait()
        return 0

    async with node(ends) as (url, _), executing(url, "stdin", "stdout") as (_, streams):
        sending = asyncio.create_task(streams["stdin"].write(bytes(8 * 1024 * 1024)))
        asyncio.get_running_loop().call_later(0.1, started.set)
        assert await streams["error"].read_all() == SUCCESS
        await sending


async def test_a_client_that_goes_away_ends_its_command() -> None:
    endless = Endless()
    async with node(endless) as (url, _):
        async with executing(url, "stdin", "stdout", "stderr"):
            await soon(endless.started)
        await soon(endless.cancelled)


async def test_a_session_without_a_byte_is_closed_and_its_command_ended() -> None:
    endless = Endless()
    async with node(endless, idle=0.1) as (url, _), executing(url, "stdout") as (client, _):
        await soon(client.gone)
        await soon(endless.cancelled)


async def test_an_output_that_the_client_resets_is_thrown_away_and_the_command_goes_on() -> None:
    go = asyncio.Event()

    async def writes(_command: Sequence[str], io: ContainerIO) -> int:
        assert io.stdout is not None
        await go.wait()
        await io.stdout.write(b"nobody wants this")
        return 5

    async with node(writes) as (url, _), executing(url, "stdout") as (client, streams):
        await streams["stdout"].reset()
        await client.ping(1)
        go.set()
        assert b'"message":"5"' in await streams["error"].read_all()


async def test_the_server_takes_its_sessions_along_when_it_ends() -> None:
    endless = Endless()
    async with contextlib.AsyncExitStack() as client:
        async with node(endless) as (url, _):
            await client.enter_async_context(executing(url, "stdout"))
            await soon(endless.started)
        assert endless.cancelled.is_set()


async def test_a_bug_of_the_provider_is_an_internal_error() -> None:
    async def broken(_command: Sequence[str], _io: ContainerIO) -> int:
        raise KeyError("bug")

    async with node(broken) as (url, _), executing(url, "stdout") as (_, streams):
        status = json.loads(await streams["error"].read_all())
    assert (status["reason"], status["code"]) == ("InternalError", 500)
