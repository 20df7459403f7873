"""Commands, attachments and ports of a real containerd, with a client at them."""

from __future__ import annotations

import asyncio
import hashlib
import os
from pathlib import Path

import pytest

from scripts.containerd.containerd import Containerd
from vk_core.errors import InvalidInput, NotFound, Unavailable
from vk_core.provider import TerminalSize

from .clients import Connection, Screen, StuckScreen, Typing, connected
from .conftest import Pods

PATIENCE = 10.0


def processes(word: str) -> list[str]:
    """The processes of this machine whose command has a word in it."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if word.encode() in words:
            found.append(folder.name)
    return found


async def until_running(word: str, *, runs: bool) -> None:
    async with asyncio.timeout(PATIENCE):
        while bool(processes(word)) is not runs:
            await asyncio.sleep(0.02)


async def test_a_command_writes_both_outputs_and_ends_with_its_code(pods: Pods) -> None:
    _, _, container_id = await pods.run("sleep", "1000")
    out, err = Screen(), Screen()
    client = connected(stdout=out, stderr=err)
    code = await pods.runtime.exec(container_id, ["sh", "-c", "echo out; echo err >&2; exit 9"], client)
    assert (code, out.data, err.data) == (9, b"out\n", b"err\n")
    assert await pods.runtime.exec(container_id, ["true"], connected()) == 0


async def test_a_command_reads_its_input_to_the_end_and_all_of_its_output_arrives(pods: Pods) -> None:
    _, _, container_id = await pods.run("sleep", "1000")
    pieces = [os.urandom(65536) for _ in range(160)]
    out = Screen()
    assert await pods.runtime.exec(container_id, ["cat"], connected(Typing(*pieces), stdout=out)) == 0
    assert hashlib.sha256(out.data).digest() == hashlib.sha256(b"".join(pieces)).digest()


async def test_a_command_waits_for_a_client_that_does_not_read(pods: Pods) -> None:
    _, _, container_id = await pods.run("sleep", "1000")
    out = StuckScreen()
    typing = Typing(*[b"x" * 65536] * 800)
    running = asyncio.create_task(pods.runtime.exec(container_id, ["cat"], connected(typing, stdout=out)))
    before = -1
    while typing.taken != before or not typing.taken:
        before = typing.taken
        await asyncio.sleep(0.3)
    assert typing.taken < 32 << 20  # what fits into the kernel's buffers on the way and back
    out.released.set()
    assert await running == 0
    assert len(out.data) == 800 * 65536


async def test_a_terminal_has_the_size_of_the_clients(pods: Pods) -> None:
    _, _, container_id = await pods.run("sleep", "1000")
    out, typing = Screen(), Typing(stays_open=True)
    client = connected(typing, stdout=out, size=TerminalSize(91, 37))
    running = asyncio.create_task(pods.runtime.exec(container_id, ["sh"], client))
    await out.until(b"# ")
    async with asyncio.timeout(PATIENCE):
        while b"37 91" not in out.data:  # the size comes a moment after the start
            typing.type(b"stty size\n")
            await asyncio.sleep(0.1)
    typing.type(b"exit 4\n")
    assert await running == 4


async def test_a_command_that_is_not_there_is_refused_and_a_container_too(pods: Pods) -> None:
    _, _, container_id = await pods.run("sleep", "1000")
    with pytest.raises(InvalidInput, match="/nowhere: no such file or directory"):
        await pods.runtime.exec(container_id, ["/nowhere"], connected(stdout=Screen()))
    with pytest.raises(NotFound):
        await pods.runtime.exec("0" * 64, ["true"], connected(stdout=Screen()))


@pytest.mark.parametrize("with_input", [True, False], ids=["stdin", "no-stdin"])
async def test_a_command_ends_with_its_client_and_others_go_on(pods: Pods, with_input: bool) -> None:
    _, _, container_id = await pods.run("sleep", "1000")
    words = [f"7532{with_input:d}{number}" for number in range(3)]

    def client() -> Typing | None:
        return Typing(stays_open=True) if with_input else None

    running = []
    for word in words:
        command = ["sh", "-c", f"sleep {word}; true"]
        running.append(
            asyncio.create_task(pods.runtime.exec(container_id, command, connected(client(), stdout=Screen())))
        )
        await until_running(word, runs=True)
    running[1].cancel()
    await asyncio.wait({running[1]})
    assert running[1].cancelled()
    await until_running(words[1], runs=False)
    assert processes(words[0])
    assert processes(words[2])
    for task in (running[0], running[2]):
        task.cancel()
    await asyncio.wait(running)


async def test_an_attached_client_types_leaves_and_comes_back(pods: Pods) -> None:
    _, _, container_id = await pods.run("sh", "-c", "while read line; do echo got $line; done", stdin=True)
    for word in (b"one", b"two"):
        out, typing = Screen(), Typing(word + b"\n", stays_open=True)
        attached = asyncio.create_task(
            pods.runtime.attach(container_id, connected(typing, stdout=out), tty=False, stdin_once=False)
        )
        await out.until(b"got " + word)
        attached.cancel()
        await asyncio.wait({attached})
    out = Screen()
    attached = asyncio.create_task(
        pods.runtime.attach(container_id, connected(stdout=out), tty=False, stdin_once=False)
    )
    await asyncio.sleep(0.2)
    await pods.runtime.stop_container(container_id, 0)
    async with asyncio.timeout(PATIENCE):
        await attached


async def test_the_end_of_input_ends_a_container_that_is_attached_to_once(pods: Pods) -> None:
    _, _, container_id = await pods.run("sh", "-c", "sleep 0.3; cat; echo end", stdin=True, stdin_once=True)
    out = Screen()
    async with asyncio.timeout(PATIENCE):
        client = connected(Typing(b"only\n"), stdout=out)
        await pods.runtime.attach(container_id, client, tty=False, stdin_once=True)
    assert out.data == b"only\nend\n"


async def test_a_port_is_reached_and_one_where_nothing_listens_is_not(pods: Pods) -> None:
    _, sandbox_id, _ = await pods.run("sh", "-c", "nc -l -p 8080 -e cat; sleep 1000")
    pieces = [os.urandom(65536) for _ in range(64)]
    async with asyncio.timeout(PATIENCE):
        while True:
            client = Connection(Typing(*pieces))
            try:
                await pods.runtime.port_forward(sandbox_id, 8080, client)
                break
            except Unavailable as error:
                assert "refused" in str(error)
                await asyncio.sleep(0.05)
    assert client.data == b"".join(pieces)
    assert client.ended.is_set()
    with pytest.raises(Unavailable, match="8079"):
        await pods.runtime.port_forward(sandbox_id, 8079, Connection(Typing(stays_open=True)))
    with pytest.raises(NotFound):
        await pods.runtime.port_forward("0" * 64, 8080, Connection(Typing()))


async def test_a_connection_that_breaks_is_told(containerd: Containerd, pods: Pods) -> None:
    _, sandbox_id, container_id = await pods.run("sleep", "1000")
    runtime = pods.runtime
    out = Screen()
    command = asyncio.create_task(
        runtime.exec(container_id, ["sh", "-c", "echo up; sleep 1000"], connected(stdout=out))
    )
    await out.until(b"up")
    attached = asyncio.create_task(
        runtime.attach(container_id, connected(stdout=Screen()), tty=False, stdin_once=False)
    )
    await asyncio.sleep(0.2)
    await asyncio.to_thread(containerd.process.kill)
    try:
        for task in (command, attached):
            async with asyncio.timeout(PATIENCE):
                with pytest.raises(Unavailable, match="broke"):
                    await task
        with pytest.raises(Unavailable, match="nobody listens"):
            await runtime.port_forward(sandbox_id, 8080, Connection(Typing()))
    finally:
        await asyncio.to_thread(containerd.start_process)
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                await runtime.snapshot()
                break
            except Unavailable:
                await asyncio.sleep(0.1)
