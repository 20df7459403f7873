"""One turn of one contender: its agent is started, pods come and go, and what that took is written down."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks import usage
from benchmarks.contenders import KINDS
from benchmarks.driver import Load, Stopwatch

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.contenders import Contender
    from scripts.control_plane.cluster import ControlPlane


@dataclass(frozen=True, kw_only=True)
class Turn:
    """What was measured. Rates are pods per second, CPU is in ms per pod, memory in MiB, idle CPU in % of a core.

    What concerns an agent is None for the limit, which has none.
    """

    contender: str
    pods: int
    turn: int
    create_to_running: float
    delete_to_gone: float
    cpu_create: float | None = None
    cpu_delete: float | None = None
    memory: float | None = None
    memory_peak: float | None = None
    idle: float | None = None


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
            process = subject.process
            pid = process.pid if process else None
            before = usage.cpu_seconds(pid) if pid else 0.0
            created = await _create(subject, load, names)
            after_create = await usage.until_quiet(pid) if pid else 0.0
            memory = usage.memory(pid) if pid else None
            idle = await usage.idle_share(pid, idle_seconds) if pid else None
            before_delete = usage.cpu_seconds(pid) if pid else 0.0
            deleted = await _delete(subject, load, names)
            after_delete = await usage.until_quiet(pid) if pid else 0.0
    return Turn(
        contender=contender,
        pods=pods,
        turn=turn,
        create_to_running=pods / created,
        delete_to_gone=pods / deleted,
        cpu_create=(after_create - before) / pods * 1000 if pid else None,
        cpu_delete=(after_delete - before_delete) / pods * 1000 if pid else None,
        memory=memory.now if memory else None,
        memory_peak=memory.peak if memory else None,
        idle=idle,
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
