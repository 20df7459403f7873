"""One turn of one contender: its agent is started, pods come and go, and what that took is written down."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks import usage
from benchmarks.contenders import KINDS
from benchmarks.driver import Load, Stopwatch

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from benchmarks.contenders import Contender
    from scripts.control_plane.cluster import ControlPlane


@dataclass(frozen=True, kw_only=True)
class Phase:
    """What bringing all pods up, or taking them down, took.

    Attributes:
        rate: pods per second, until the last one was seen.
        cpu: what the agent used until then, in ms per pod; None for the limit, which has no agent.
        cpu_later: what it used after that, in ms per pod, until it had become quiet: events that it had put off.
        later_seconds: how long that went on.
    """

    rate: float
    cpu: float | None = None
    cpu_later: float | None = None
    later_seconds: float | None = None


@dataclass(frozen=True, kw_only=True)
class Turn:
    """What was measured of one contender; memory in MiB, idle CPU in % of a core, both with all pods Running."""

    contender: str
    pods: int
    turn: int
    create: Phase
    delete: Phase
    memory: float | None
    memory_peak: float | None
    idle: float | None


async def take_turn(
    plane: ControlPlane, folder: Path, contender: str, *, pods: int, turn: int, idle_seconds: float
) -> Turn:
    """Measure one contender once.

    Raises:
        LoadError: pods did not become Running or gone.
        RuntimeError: the agent's node did not become Ready.
    """
    subject = KINDS[contender](plane, folder)
    names = [f"pod-{turn}-{number}" for number in range(pods)]
    subject.start()
    with contextlib.ExitStack() as stack:
        stack.callback(subject.stop)
        async with Load(plane) as load:
            pid = subject.process.pid if subject.process else None
            create = await _phase(pid, pods, lambda: _create(subject, load, names))
            memory = usage.memory(pid) if pid else None
            idle = await usage.idle_share(pid, idle_seconds) if pid else None
            delete = await _phase(pid, pods, lambda: _delete(subject, load, names))
    return Turn(
        contender=contender,
        pods=pods,
        turn=turn,
        create=create,
        delete=delete,
        memory=memory.now if memory else None,
        memory_peak=memory.peak if memory else None,
        idle=idle,
    )


async def _phase(pid: int | None, pods: int, run: Callable[[], Awaitable[float]]) -> Phase:
    if pid is None:
        return Phase(rate=pods / await run())
    before = usage.cpu_seconds(pid)
    seconds = await run()
    seen = usage.cpu_seconds(pid)
    later_seconds = await usage.until_quiet(pid)
    return Phase(
        rate=pods / seconds,
        cpu=(seen - before) / pods * 1000,
        cpu_later=(usage.cpu_seconds(pid) - seen) / pods * 1000,
        later_seconds=later_seconds,
    )


async def _create(subject: Contender, load: Load, names: list[str]) -> float:
    subject.refresh()
    watch = Stopwatch()
    await subject.create(load, names)
    await load.until_running(names)
    return watch.seconds()


async def _delete(subject: Contender, load: Load, names: list[str]) -> float:
    subject.refresh()
    watch = Stopwatch()
    await subject.delete(load, names)
    await load.until_gone(names)
    return watch.seconds()
