"""What processes use, from /proc."""

from __future__ import annotations

import asyncio
import os
import time

import pytest

from vk_core.api.stats import ContainerStats
from vk_core.testing import ContainerClient
from vk_process import stats

from .conftest import SECONDS, Machine

BURN = "import time\nwhile time.process_time() < {seconds}: pass\n"


async def container_stats(machine: Machine) -> ContainerStats:
    summary = await machine.provider.get_stats_summary()
    return summary.pods[0].containers[0]


def cpu_seconds(found: ContainerStats) -> float:
    assert found.cpu
    return (found.cpu.usage_core_nano_seconds or 0) / 1e9


async def test_children_and_their_ended_children_count_for_a_container(machine: Machine) -> None:
    burn = f"python3 -c '{BURN.format(seconds=0.2)}'"
    pod = await machine.running("sh", "-c", f"{burn}; {burn} & wait; echo done; exec sleep 3600")
    async with asyncio.timeout(SECONDS):
        await machine.log(pod, follow=True, limit_bytes=5)
    # One of the two alone would be 0.2; the kernel counts in hundredths, rounded down for each.
    assert cpu_seconds(await container_stats(machine)) > 0.3


async def test_memory_is_that_of_all_its_processes(machine: Machine) -> None:
    hold = 'import sys, time; held = b"x" * 50_000_000; print(flush=True); time.sleep(3600)'
    pod = await machine.running("sh", "-c", f"python3 -c '{hold}' & python3 -c '{hold}'")
    async with asyncio.timeout(SECONDS):
        await machine.log(pod, follow=True, limit_bytes=2)
    memory = (await container_stats(machine)).memory
    assert memory
    assert (memory.working_set_bytes or 0) > 80_000_000


async def test_a_command_counts_while_it_runs_and_afterwards(machine: Machine) -> None:
    pod, client = await machine.running(), ContainerClient()
    script = BURN.format(seconds=0.2)
    assert await machine.exec(pod, "python3", "-c", script) == 0
    after_one = cpu_seconds(await container_stats(machine))
    assert after_one > 0.1
    wait = "print(flush=True)\ntime.sleep(3600)"
    running = asyncio.create_task(machine.exec(pod, "python3", "-c", script + wait, client=client))
    await asyncio.wait_for(client.until_seen(b"\n"), SECONDS)
    assert cpu_seconds(await container_stats(machine)) >= after_one + 0.15
    running.cancel()


async def test_a_container_that_does_nothing_has_used_something(machine: Machine) -> None:
    await machine.running()
    assert cpu_seconds(await container_stats(machine)) > 0


async def test_the_node_is_the_machine(machine: Machine) -> None:
    node = (await machine.provider.get_stats_summary()).node
    assert node.node_name == "test-node"
    assert node.start_time.timestamp() == pytest.approx(time.time() - time.clock_gettime(time.CLOCK_BOOTTIME), abs=5)
    assert node.cpu
    assert node.memory
    assert node.cpu.usage_core_nano_seconds
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    used = (node.memory.working_set_bytes or 0) + (node.memory.available_bytes or 0)
    assert used == pytest.approx(total, rel=0.1)


async def test_where_there_is_no_proc_nothing_is_told(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    await machine.running()
    monkeypatch.setattr(stats, "_PROC", machine.folder / "proc")
    summary = await machine.provider.get_stats_summary()
    assert (summary.node.cpu, [pod.containers for pod in summary.pods]) == (None, [()])
