"""A container with probes on virtual time, whose answers the test decides."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
from collections.abc import AsyncIterator, Sequence
from typing import Any

from msgspec.structs import replace

from vk_core.api.container import Container, ExecAction, Probe
from vk_core.api.pod import Pod
from vk_core.engine.deciding.memory import ProbeResults
from vk_core.engine.probing.prober import Prober
from vk_core.engine.runtime import Finished
from vk_core.errors import Unavailable
from vk_core.testing import RecordedEvents, make_container, make_pod

BEGIN = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
UID = "11111111-2222-3333-4444-555555555555"


def probe(name: str, **fields: Any) -> Probe:
    """A probe by a command of that name; every 10 s unless it says otherwise."""
    return Probe(exec=ExecAction(command=(name,)), **fields)


class Commands:
    """Runs commands: they succeed unless the test says otherwise, and take no time.

    Attributes:
        ran: when which one was run.
        failing: names of those that fail.
        broken: names of those that cannot be run.
        buggy: names of those that meet a bug.
        says: what they write.
        slow: how long some take, by name.
        ended: names of those that were given up.
    """

    def __init__(self) -> None:
        self.ran: list[tuple[float, str]] = []
        self.failing: set[str] = set()
        self.broken: set[str] = set()
        self.buggy: set[str] = set()
        self.says = b"said"
        self.slow: dict[str, float] = {}
        self.ended: list[str] = []

    async def run_command(self, _container_id: str, command: Sequence[str], timeout_seconds: float) -> Finished:
        name = command[0]
        self.ran.append((round(asyncio.get_running_loop().time(), 3), name))
        try:
            async with asyncio.timeout(timeout_seconds):
                await asyncio.sleep(self.slow.get(name, 0))
        except asyncio.CancelledError:
            self.ended.append(name)
            raise
        if name in self.buggy:
            raise ZeroDivisionError
        if name in self.broken:
            raise Unavailable("the runtime is away")
        return Finished(exit_code=name in self.failing, stdout=self.says, stderr=b"no")

    def times(self, name: str) -> list[float]:
        return [at for at, ran in self.ran if ran == name]


class Scene:
    """A prober, and a container for it.

    Attributes:
        told: when which results were told.
    """

    def __init__(self, **container: Any) -> None:
        self.commands = Commands()
        self.events = RecordedEvents()
        self.told: list[tuple[float, ProbeResults]] = []
        self.container: Container = make_container("app", **container)
        self.pod: Pod = make_pod("web", uid=UID, containers=(self.container,))
        runtime: Any = self.commands
        self.prober = Prober(runtime, self.events, changed=self._note, now=self.now)

    def now(self) -> dt.datetime:
        return BEGIN + dt.timedelta(seconds=asyncio.get_running_loop().time())

    def _note(self, uid: str, container_id: str, results: ProbeResults) -> None:
        if container_id != "id":
            return
        assert uid == UID
        self.told.append((round(asyncio.get_running_loop().time(), 3), results))

    def follow(self, *, started: float = 0.0, was: ProbeResults | None = None) -> None:
        """Have the container probed, which was started at that time."""
        at = BEGIN + dt.timedelta(seconds=started)
        self.prober.follow(self.pod, self.container, "id", pod_ip="10.0.0.5", started_at=at, was=was)

    def delete(self) -> None:
        """The pod is being deleted."""
        self.pod = replace(self.pod, metadata=replace(self.pod.metadata, deletion_timestamp=self.now()))
        self.follow()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Scene]:
        work = asyncio.create_task(self.prober.run())
        try:
            yield self
        finally:
            await self.prober.close()
            await work

    def messages(self) -> list[str]:
        """What events said, and forgets it."""
        said = [event.message for event in self.events.told]
        self.events.told.clear()
        return said


async def until(seconds: float) -> None:
    """Let time pass up to that moment, and a little more."""
    await asyncio.sleep(seconds + 0.001 - asyncio.get_running_loop().time())
