"""The same on uvloop, which virtual-kubelet runs on where it is installed: pipes and timers differ at their edges."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from vk_core.api.podkey import PodKey
from vk_core.testing import ContainerClient, PortClient

from .conftest import SECONDS, Machine, started, until_gone
from .test_ports import echo, serve

Scenario = Callable[[Machine], Awaitable[None]]


async def logs(machine: Machine) -> None:
    pod = await machine.create("sh", "-c", "seq 100000; seq 100000 >&2", pod={"restart_policy": "Never"})
    assert (await machine.ended()).phase == "Succeeded"
    numbers = b"".join(b"%d\n" % number for number in range(1, 100001))
    assert await machine.log(pod, stream="Stdout") == await machine.log(pod, stream="Stderr") == numbers


async def commands(machine: Machine) -> None:
    pod, client, sent = await machine.running(), ContainerClient(stdin=True), bytes(5_000_000)
    client.send(sent)
    client.end()
    assert await machine.exec(pod, "cat", client=client) == 0
    assert client.output == sent


async def terminals(machine: Machine) -> None:
    pod, client = await machine.running(), ContainerClient(stdin=True, tty=True)
    running = asyncio.create_task(
        machine.exec(pod, "sh", "-c", "stty -echo; read line; stty size; exit 3", client=client)
    )
    client.resize(120, 40)
    client.send(b"\n")
    assert await running == 3
    assert client.output.endswith(b"40 120\r\n")


async def clients_that_leave(machine: Machine) -> None:
    pod, client = await machine.running(), ContainerClient(stdin=True, tty=True)
    running = asyncio.create_task(machine.exec(pod, "sh", "-c", "echo $$; exec sleep 3600", client=client))
    await asyncio.wait_for(client.until_seen(b"\n"), SECONDS)
    running.cancel()
    await asyncio.wait([running])
    await until_gone(client.output)


async def attached_clients(machine: Machine) -> None:
    pod, client = await machine.running("cat", stdin=True), ContainerClient(stdin=True)
    attached = asyncio.create_task(machine.provider.attach_to_container(PodKey.of(pod), "main", client.io))
    client.send(b"hello")
    await asyncio.wait_for(client.until_seen(b"hello"), SECONDS)
    await machine.provider.delete_pod(pod, 0)
    await asyncio.wait_for(attached, SECONDS)


async def ports(machine: Machine) -> None:
    pod, client = await machine.running(), PortClient()
    server, port = await serve(echo)
    async with server:
        client.send(bytes(5_000_000))
        client.end()
        await asyncio.wait_for(machine.provider.port_forward(PodKey.of(pod), port, client), SECONDS)
    assert client.received == bytes(5_000_000)


async def deletion(machine: Machine) -> None:
    pod = await machine.running("sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.05; done")
    await machine.log(pod, follow=True, limit_bytes=1)
    for grace_period_seconds in (3600, 60, 0, 0):
        await machine.provider.delete_pod(pod, grace_period_seconds)
    await machine.until(lambda status: status.container_statuses[0].state.terminated is not None)


@pytest.mark.parametrize(
    "scenario",
    [logs, commands, terminals, clients_that_leave, attached_clients, ports, deletion],
    ids=lambda it: it.__name__,
)
def test_uvloop_does_the_same(scenario: Scenario, tmp_path: Path) -> None:
    uvloop: Any = pytest.importorskip("uvloop")

    async def run() -> None:
        async with started(tmp_path) as machine, asyncio.timeout(SECONDS):
            await scenario(machine)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run())
