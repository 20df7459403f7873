"""Exec over WebSocket, with real clients against a real server."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.kubelet.remotecommand.sessions import EXEC, Endless, Heard, cat, listen, node, soon, transport_of, websocket
from vk_core.errors import InvalidInput
from vk_core.kubelet.remotecommand import messages
from vk_core.kubelet.remotecommand.channels import SUBPROTOCOLS, Subprotocol
from vk_core.kubelet.remotecommand.request import StreamOptions
from vk_core.kubelet.remotecommand.websocket import WebSocketSession
from vk_core.provider.streams import ContainerIO, TerminalSize
from vk_core.telemetry.metrics import STREAMS_OPEN

pytestmark = pytest.mark.usefixtures("nothing_left")

V4 = "v4.channel.k8s.io"
V5 = "v5.channel.k8s.io"
ALL = "&input=1&output=1&error=1"


async def both(_command: Sequence[str], io: ContainerIO) -> int:
    assert io.stdout is not None
    assert io.stderr is not None
    await io.stdout.write(b"out\xff")
    await io.stderr.write(b"err")
    return 3


async def run(command: Any, protocol: str, query: str = "&output=1&error=1") -> Heard:
    async with node(command) as (url, _), websocket(url, *([protocol] if protocol else []), path=EXEC + query) as ws:
        assert (ws.protocol or "") == protocol
        return await listen(ws)


@pytest.mark.parametrize("protocol", list(SUBPROTOCOLS))
async def test_output_then_the_status_then_a_close_frame(protocol: str) -> None:
    heard = await run(both, protocol)
    assert heard.messages[:3] == [(1, b""), (1, b"out\xff"), (2, b"err")]
    assert [channel for channel, _ in heard.messages[3:]] == [3]
    if SUBPROTOCOLS[protocol].version >= 4:
        assert json.loads(heard.channel(3))["details"] == {"causes": [{"reason": "ExitCode", "message": "3"}]}
    else:
        assert heard.channel(3) == b"command terminated with non-zero exit code: exit code 3"
    assert heard.close_code == 1000


async def test_success_says_nothing_in_version_1_and_a_status_in_version_4() -> None:
    async def true(_command: Sequence[str], _io: ContainerIO) -> int:
        return 0

    assert (await run(true, "channel.k8s.io")).messages == [(1, b"")]
    assert (await run(true, V4)).messages == [(1, b""), (3, b'{"metadata":{},"status":"Success"}')]


@pytest.mark.parametrize(("query", "channel"), [("&error=1", 2), ("&input=1", 3), ("&output=1&tty=1", 1)])
async def test_the_first_message_is_empty_and_on_a_channel_that_the_client_hears(query: str, channel: int) -> None:
    async def true(_command: Sequence[str], _io: ContainerIO) -> int:
        return 0

    assert (await run(true, V4, query)).messages[0] == (channel, b"")


async def test_the_last_byte_of_a_large_output_comes_before_the_status() -> None:
    async def much(_command: Sequence[str], io: ContainerIO) -> int:
        assert io.stdout is not None
        await io.stdout.write(bytes(range(256)) * 12_000)
        await io.stdout.write(b"end")
        return 0

    heard = await run(much, V5)
    assert heard.channel(1) == bytes(range(256)) * 12_000 + b"end"
    assert heard.messages[-1][0] == 3
    assert max(len(data) for _, data in heard.messages) <= 64 * 1024


async def test_version_5_ends_the_input_of_a_command_that_waits_for_it() -> None:
    async with node(cat) as (url, _), websocket(url, V5, path=EXEC + ALL) as ws:
        for piece in (b"one ", b"", b"two"):
            await ws.send_bytes(b"\x00" + piece)
        await ws.send_bytes(b"\xff\x00")
        heard = await listen(ws)
    assert heard.channel(1) == b"one two"
    assert json.loads(heard.channel(3))["status"] == "Success"


async def test_text_frames_are_taken_like_binary_ones() -> None:
    async with node(cat) as (url, _), websocket(url, V5, path=EXEC + ALL) as ws:
        await ws.send_str("\x00grüße")
        await ws.send_bytes(b"\xff\x00")
        assert (await listen(ws)).channel(1).decode() == "grüße"


async def test_base64_goes_both_ways() -> None:
    async def first(_command: Sequence[str], io: ContainerIO) -> int:
        assert io.stdin is not None
        assert io.stdout is not None
        await io.stdout.write(await io.stdin.read())
        return 0

    async with node(first) as (url, _), websocket(url, "base64.channel.k8s.io", path=EXEC + ALL) as ws:
        await ws.send_str("0" + base64.b64encode(b"\x00\xff").decode())
        assert (await listen(ws)).channel(1) == b"\x00\xff"


async def test_what_is_no_message_is_ignored_or_ends_the_session() -> None:
    endless = Endless()
    async with node(endless) as (url, _), websocket(url, "base64.channel.k8s.io", path=EXEC + ALL) as ws:
        for ignored in ("", "0", "9" + base64.b64encode(b"x").decode(), "1aGk="):
            await ws.send_str(ignored)
        await soon(endless.started)
        await ws.send_str("0?")
        await listen(ws)
        assert ws.close_code == 1007
        await soon(endless.cancelled)


async def test_a_message_that_is_too_long_ends_the_session() -> None:
    endless = Endless()
    async with node(endless) as (url, _), websocket(url, V4, path=EXEC + ALL) as ws:
        await soon(endless.started)
        with contextlib.suppress(ConnectionError):
            await ws.send_bytes(bytes(messages.MAX_MESSAGE + 1))
        await soon(endless.cancelled)


async def test_a_provider_that_fails_is_an_internal_error_and_never_an_empty_one() -> None:
    async def fails(_command: Sequence[str], _io: ContainerIO) -> int:
        raise InvalidInput("exec: nosuch: not found")

    status = json.loads((await run(fails, V5)).channel(3))
    assert status["reason"] == "InternalError"
    assert status["message"].endswith("error executing command in container: exec: nosuch: not found")


@pytest.mark.parametrize("code", [-1, 256, None])
async def test_a_provider_without_an_exit_code_is_no_success(code: Any) -> None:
    async def odd(_command: Sequence[str], _io: ContainerIO) -> int:
        result: int = code
        return result

    assert json.loads((await run(odd, V4)).channel(3))["reason"] == "InternalError"


async def test_a_client_that_closes_ends_its_command() -> None:
    endless = Endless()
    async with node(endless) as (url, _):
        async with websocket(url, V4, path=EXEC + ALL) as ws:
            await soon(endless.started)
            assert STREAMS_OPEN.labels("exec")._value.get() == 1
            await ws.close()
        await soon(endless.cancelled)
    assert STREAMS_OPEN.labels("exec")._value.get() == 0


async def test_a_client_whose_connection_breaks_ends_its_command() -> None:
    endless = Endless()
    async with node(endless) as (url, _), websocket(url, V5, path=EXEC + ALL) as ws:
        await soon(endless.started)
        transport_of(ws).abort()
        await soon(endless.cancelled)


async def test_a_session_without_a_byte_is_closed_and_its_command_ended() -> None:
    endless = Endless()
    async with node(endless, idle=0.1) as (url, _), websocket(url, V4, path=EXEC + ALL) as ws:
        await listen(ws)
        await soon(endless.cancelled)


async def test_pings_are_answered_and_keep_an_idle_session() -> None:
    endless = Endless()
    async with node(endless, idle=0.6) as (url, _), websocket(url, V4, path=EXEC + ALL) as ws:
        listening = asyncio.create_task(listen(ws))
        for _ in range(10):
            await ws.ping()
            await asyncio.sleep(0.1)
        assert not endless.cancelled.is_set()
        assert (await listening).pongs == 10
        await soon(endless.cancelled)


async def test_the_terminals_sizes_arrive_and_a_closed_channel_makes_no_more_of_them() -> None:
    sizes: list[TerminalSize] = []
    got = asyncio.Event()
    done = asyncio.Event()

    async def shell(_command: Sequence[str], io: ContainerIO) -> int:
        assert io.tty
        assert io.stderr is None
        reading = asyncio.create_task(_collect(io.resizes))
        await done.wait()
        assert not reading.done()
        reading.cancel()
        return 0

    async def _collect(resizes: AsyncIterator[TerminalSize]) -> None:
        async for size in resizes:
            sizes.append(size)
            got.set()

    async with node(shell) as (url, _), websocket(url, V5, path=EXEC + "&input=1&output=1&tty=1&error=1") as ws:
        await ws.send_bytes(b'\x04{"Width":120,"Height":40}\n')
        await soon(got)
        got.clear()
        await ws.send_bytes(b'\x04{"Width":0,"Height":0}\n{"Width":80,')
        await ws.send_bytes(b'\x04"Height":25}\n')
        await soon(got)
        await ws.send_bytes(b"\xff\x04")
        await ws.send_bytes(b"\x04no json")
        asyncio.get_running_loop().call_later(0.1, done.set)
        heard = await listen(ws)
    assert sizes == [(120, 40), (80, 25)]
    assert json.loads(heard.channel(3))["status"] == "Success"


async def test_the_server_takes_its_sessions_along_when_it_ends() -> None:
    endless = Endless()
    async with contextlib.AsyncExitStack() as client:
        async with node(endless) as (url, _):
            await client.enter_async_context(websocket(url, V4, path=EXEC + ALL))
            await soon(endless.started)
        assert endless.cancelled.is_set()


async def test_attach_ends_with_success_when_the_process_does() -> None:
    async def process(io: ContainerIO) -> None:
        assert io.stdout is not None
        await io.stdout.write(b"bye\n")

    async with node() as (url, provider):
        provider.attached = process
        async with websocket(url, V5, path="/attach/default/web/main?output=1&error=1") as ws:
            heard = await listen(ws)
    assert heard.messages == [(1, b""), (1, b"bye\n"), (3, b'{"metadata":{},"status":"Success"}')]


async def test_the_python_client_gets_output_and_exit_code() -> None:
    async def greets(_command: Sequence[str], io: ContainerIO) -> int:
        assert io.stdin is not None
        assert io.stdout is not None
        await io.stdout.write(b"hello " + await io.stdin.read())
        return 42

    def client(url: str) -> tuple[str, int]:
        from kubernetes.client import Configuration
        from kubernetes.stream.ws_client import WSClient

        stream = WSClient(Configuration(), url, {}, capture_all=True)
        stream.write_stdin("world")
        stream.run_forever(timeout=10)
        code, output = stream.returncode, stream.read_all()
        stream.sock.shutdown()  # its `close` forgets the socket when the server has closed first
        return output, code

    async with node(greets) as (url, _):
        address = url.replace("http", "ws", 1) + EXEC + ALL
        assert await asyncio.to_thread(client, address) == ("hello world", 42)


class FakeConnection:
    """Messages from a list, and nobody who listens."""

    def __init__(self, incoming: list[bytes]) -> None:
        self.incoming = incoming
        self.close_code: int | None = None

    async def messages(self) -> AsyncGenerator[bytes, None]:
        for message in self.incoming:
            yield message

    async def wait_looking_after_client(self, waiting: Any) -> None:
        waiting.close()

    async def say_close(self, code: int = 1000) -> None:
        self.close_code = code


@given(
    protocol=st.sampled_from(list(SUBPROTOCOLS.values())),
    incoming=st.lists(st.builds(bytes.__add__, st.sampled_from([b"\0", b"\4", b"\xff", b"0", b"4"]), st.binary())),
    tty=st.booleans(),
)
def test_any_messages_are_survived(protocol: Subprotocol, incoming: list[bytes], tty: bool) -> None:
    async def take() -> None:
        connection: Any = FakeConnection(incoming)
        options = StreamOptions(stdin=True, stdout=True, stderr=False, tty=tty)
        session = WebSocketSession(connection, protocol, options)
        await session.receive()
        assert session.gone.is_set()
        assert len([size async for size in session.io.resizes]) <= 1
        assert protocol.base64 or connection.close_code is None

    asyncio.run(take())
