"""What exec, attach and run refuse before any upgrade, and what `/run` answers."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import aiohttp
import pytest

from tests.kubelet.remotecommand.sessions import Endless, node, soon
from tests.support.kubelet import backend_of, route, running_pod, serving
from tests.support.providers import TinyProvider
from vk_core.kubelet.backend import StreamTimeouts
from vk_core.kubelet.remotecommand import legacyrun
from vk_core.kubelet.remotecommand.handlers import attach_handler, exec_handler, run_handler
from vk_core.provider.streams import ContainerIO

pytestmark = pytest.mark.usefixtures("nothing_left")

TARGET = "/default/web/main"

NO_STREAM = "you must specify at least 1 of stdin, stdout, stderr"
NO_COMMAND = "you must specify at least one command for the container"
NO_CONTAINER = 'container "other" in pod "web" does not exist'

UPGRADES = {
    "websocket": {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
        "Sec-WebSocket-Protocol": "v4.channel.k8s.io",
    },
    "spdy": {"Connection": "Upgrade", "Upgrade": "SPDY/3.1", "X-Stream-Protocol-Version": "v4.channel.k8s.io"},
}


async def ask(url: str, headers: dict[str, str]) -> tuple[int, str]:
    method = "GET" if headers.get("Upgrade") == "websocket" else "POST"
    async with aiohttp.ClientSession() as session, session.request(method, url, headers=headers) as response:
        return response.status, await response.text()


@pytest.mark.parametrize("upgrade", UPGRADES)
@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        pytest.param(f"/exec{TARGET}?command=x", 400, NO_STREAM, id="no-stream"),
        pytest.param(f"/exec{TARGET}?output=1", 400, NO_COMMAND, id="no-command"),
        pytest.param("/exec/default/db/main?command=x&output=1", 404, "pod does not exist", id="no-pod"),
        pytest.param("/attach/default/web/other?output=1", 404, NO_CONTAINER, id="no-container"),
        pytest.param(f"/attach{TARGET}?tty=1", 400, NO_STREAM, id="attach"),
    ],
)
async def test_what_cannot_be_served_is_said_before_the_upgrade(
    upgrade: str, path: str, status: int, text: str
) -> None:
    async with node() as (url, provider):
        assert await ask(url + path, UPGRADES[upgrade]) == (status, text)
    assert not provider.seen


@pytest.mark.parametrize(
    ("headers", "status", "word"),
    [
        pytest.param({}, 400, "unable to upgrade", id="no-upgrade"),
        pytest.param({"Connection": "Upgrade", "Upgrade": "h2c"}, 400, "unable to upgrade", id="another-upgrade"),
        pytest.param({"Connection": "Upgrade", "Upgrade": "SPDY/3.1"}, 400, "unable to upgrade", id="no-version"),
        pytest.param({**UPGRADES["spdy"], "X-Stream-Protocol-Version": "v9"}, 403, "v9", id="unknown-version"),
        pytest.param({**UPGRADES["websocket"], "Sec-WebSocket-Protocol": "chat"}, 403, "v5.channel.k8s.io", id="chat"),
        pytest.param({**UPGRADES["websocket"], "Sec-WebSocket-Version": "8"}, 400, "Version: 13, got", id="old"),
        pytest.param({**UPGRADES["websocket"], "Sec-WebSocket-Key": "short"}, 400, "16 bytes in base64", id="key"),
    ],
)
async def test_a_malformed_upgrade_is_answered_with_text(headers: dict[str, str], status: int, word: str) -> None:
    async with node() as (url, provider):
        answered, text = await ask(f"{url}/exec{TARGET}?command=x&output=1", headers)
    assert answered == status
    assert word in text
    assert not provider.seen


async def test_a_websocket_by_post_is_405() -> None:
    async with (
        node() as (url, _),
        aiohttp.ClientSession() as session,
        session.post(f"{url}/exec{TARGET}?command=x&output=1", headers=UPGRADES["websocket"]) as response,
    ):
        assert (response.status, response.headers["Allow"]) == (405, "GET")


async def test_what_a_provider_cannot_do_is_501_with_a_sentence() -> None:
    backend = backend_of(TinyProvider(), [running_pod()])
    path = "/{namespace}/{pod}/{container}"
    async with serving(
        route(f"/exec{path}", exec_handler(backend, StreamTimeouts())),
        route(f"/attach{path}", attach_handler(backend, StreamTimeouts())),
        route(f"/run{path}", run_handler(backend, StreamTimeouts())),
    ) as url:
        for kind, what in (("exec", "run commands in"), ("attach", "attach to"), ("run", "run commands in")):
            status, text = await ask(f"{url}/{kind}{TARGET}?command=x&output=1&cmd=x", UPGRADES["spdy"])
            assert (status, text) == (501, f"the provider scripted of node virtual cannot {what} containers")


async def test_run_answers_with_everything_the_command_wrote() -> None:
    async def both(command: Sequence[str], io: ContainerIO) -> int:
        assert io.stdin is None
        assert io.stdout is not None
        assert io.stderr is not None
        await io.stdout.write(" ".join(command).encode())
        await io.stderr.write(b" failed\xff")
        return 0

    async with (
        node(both) as (url, _),
        aiohttp.ClientSession() as session,
        session.post(f"{url}/run{TARGET}?cmd=ls+-l") as response,
    ):
        assert (response.status, await response.read()) == (200, b"ls -l failed\xff")


async def test_run_answers_500_with_the_output_of_a_command_that_fails() -> None:
    async def fails(_command: Sequence[str], io: ContainerIO) -> int:
        assert io.stderr is not None
        await io.stderr.write(b"no such file")
        return 2

    async with node(fails) as (url, _):
        assert await ask(f"{url}/run{TARGET}?cmd=ls+x", {}) == (500, "command 'ls x' exited with 2: no such file")


async def test_run_gives_up_a_command_that_writes_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(legacyrun, "MAX_OUTPUT", 1024 * 1024)

    async def yes(_command: Sequence[str], io: ContainerIO) -> int:
        while io.stdout is not None:
            await io.stdout.write(bytes(1000))
        return 0

    async with node(yes) as (url, _):
        assert await ask(f"{url}/run{TARGET}?cmd=yes", {}) == (500, "the command wrote more than 1 MiB")


async def test_run_ends_its_command_with_the_client_and_after_the_idle_time() -> None:
    endless = Endless()
    async with node(endless) as (url, _), aiohttp.ClientSession() as session:
        asking = asyncio.create_task(session.post(f"{url}/run{TARGET}?cmd=sleep"))
        await soon(endless.started)
        asking.cancel()
        await soon(endless.cancelled)
    slow = Endless()
    async with node(slow, idle=0.05) as (url, _):
        status, text = await ask(f"{url}/run{TARGET}?cmd=sleep", {})
        assert (status, "did not end within" in text) == (500, True)
        assert slow.cancelled.is_set()
