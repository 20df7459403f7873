"""What a process has used, as the kernel counts it in /proc."""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import dataclass
from pathlib import Path

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
QUIET_SHARE = 0.015
QUIET_FOR_SECONDS = 2.0
QUIET_SECONDS = 600.0


@dataclass(frozen=True)
class Memory:
    """Resident memory of a process in MiB: now, and the most it ever was."""

    now: float
    peak: float


def cpu_seconds(pid: int) -> float:
    """User and system time of all threads of a process, resolved to a hundredth of a second."""
    # The command's name is in parentheses and may hold anything; user and system time are fields 14 and 15.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND


def memory(pid: int) -> Memory:
    """Resident memory of a process."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    facts = {name: rest.split() for name, _, rest in (line.partition(":") for line in lines)}
    return Memory(now=int(facts["VmRSS"][0]) / 1024, peak=int(facts["VmHWM"][0]) / 1024)


def reset_peak(pid: int) -> None:
    """Have the kernel measure the peak of a process's memory from now on (proc(5), clear_refs)."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


async def until_quiet(pid: int) -> float:
    """Wait until a process has used less than 1.5 % of a core for two seconds: what it had put off is done.

    Returns:
        The seconds that took, ten minutes at most.
    """
    start = time.monotonic()
    used = cpu_seconds(pid)
    while (waited := time.monotonic() - start) < QUIET_SECONDS:
        await asyncio.sleep(QUIET_FOR_SECONDS)
        before, used = used, cpu_seconds(pid)
        if used - before < QUIET_SHARE * QUIET_FOR_SECONDS:
            break
    return waited


async def idle_share(pid: int, seconds: float) -> float:
    """The share of a core that a process uses over some seconds, in percent."""
    before = cpu_seconds(pid)
    await asyncio.sleep(seconds)
    return (cpu_seconds(pid) - before) / seconds * 100
