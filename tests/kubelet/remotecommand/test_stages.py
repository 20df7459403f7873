"""Sessions over plain TCP and TLS, on asyncio and uvloop, whose transports differ at the edges."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.kubelet.remotecommand.sessions import EXEC, Endless, cat, listen, node, soon, transport_of, websocket
from tests.support.loops import Stage, stages
from tests.support.spdy_client import spdy_client
from vk_core.kubelet.remotecommand import messages

V5 = "v5.channel.k8s.io"
ALL = EXEC + "&input=1&output=1&error=1"
DATA = bytes(range(256)) * 12_000

Run = Callable[[Coroutine[Any, Any, None]], None]


@pytest.fixture(params=stages(), ids=str)
def stage(request: pytest.FixtureRequest, tmp_path: Path) -> Stage:
    prepared: Stage = request.param.prepared(tmp_path)
    return prepared


@pytest.fixture
def run(stage: Stage, caplog: pytest.LogCaptureFixture) -> Iterator[Run]:
    """Runs a scenario that must not leave a word of complaint."""
    with caplog.at_level(logging.WARNING):
        yield stage.run
    assert caplog.records == []


def test_bytes_go_there_and_back_over_a_websocket(run: Run, stage: Stage) -> None:
    async def scenario() -> None:
        async with (
            node(cat, tls=stage.server_tls) as (url, _),
            websocket(url, V5, path=ALL, tls=stage.client_tls) as ws,
        ):
            listening = asyncio.create_task(listen(ws))
            for start in range(0, len(DATA), 32 * 1024):
                await ws.send_bytes(b"\x00" + DATA[start : start + 32 * 1024])
            await ws.send_bytes(b"\xff\x00")
            heard = await listening
            assert heard.channel(1) == DATA
            assert json.loads(heard.channel(3))["status"] == "Success"
            assert heard.close_code == 1000

    run(scenario())


def test_bytes_go_there_and_back_over_spdy(run: Run, stage: Stage) -> None:
    async def scenario() -> None:
        async with (
            node(cat, tls=stage.server_tls) as (url, _),
            spdy_client(
                f"{url}{EXEC}&input=1&output=1", protocols=["v4.channel.k8s.io"], tls=stage.client_tls
            ) as client,
        ):
            error, stdin, stdout = [await client.open({"streamtype": kind}) for kind in ("error", "stdin", "stdout")]
            reading = asyncio.create_task(stdout.read_all())
            await stdin.write(DATA)
            await stdin.finish()
            assert await reading == DATA
            assert json.loads(await error.read_all())["status"] == "Success"

    run(scenario())


@pytest.mark.parametrize("politely", [True, False])
def test_a_client_that_leaves_ends_its_command(run: Run, stage: Stage, politely: bool) -> None:
    async def scenario() -> None:
        endless = Endless()
        async with node(endless, tls=stage.server_tls) as (url, _):
            async with websocket(url, V5, path=ALL, tls=stage.client_tls) as ws:
                await soon(endless.started)
                if not politely:
                    transport_of(ws).abort()
            await soon(endless.cancelled)

    run(scenario())


def test_a_client_that_leaves_while_its_input_waits_ends_its_command(
    run: Run, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(messages, "PROBE_SECONDS", 0.05)

    async def scenario() -> None:
        endless = Endless()
        async with (
            node(endless, tls=stage.server_tls) as (url, _),
            websocket(url, V5, path=ALL, tls=stage.client_tls) as ws,
        ):
            await soon(endless.started)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.3):
                    while True:
                        await ws.send_bytes(bytes(32 * 1024))
            assert not endless.cancelled.is_set()
            transport_of(ws).abort()
            await soon(endless.cancelled)

    run(scenario())
