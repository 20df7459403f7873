"""A container runtime in memory, on the clock of the event loop: what it is told happens after a moment, or goes wrong.

What it was told goes on when whoever asked goes away, as with a real one. It keeps its own books and notes in
`wrongs` whatever must never happen.
"""

from __future__ import annotations

import asyncio
import dataclasses
import datetime as dt
import itertools
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from typing import Any, NamedTuple, TypeVar

from vk_core.engine import identity
from vk_core.engine.runtime import (
    ContainerPhase,
    ContainerRuntime,
    ContainerUsage,
    Finished,
    Image,
    RuntimeContainer,
    RuntimeState,
    Sandbox,
    SandboxPhase,
    Snapshot,
)
from vk_core.engine.specs import ContainerConfig, ContainerResources, SandboxConfig
from vk_core.errors import InvalidInput, NotFound, ProviderError, Unavailable
from vk_core.provider import ContainerIO, LogOptions, LogStream, PortStream, RegistryCredential

Result = TypeVar("Result")

BEGIN = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
LATENCY_SECONDS = 0.005
KILLED = 137
ASKED = 143


class Process(NamedTuple):
    """What a container does.

    Attributes:
        seconds: after which it ends by itself; None for never.
        exit_code: with what.
        heeds_signals: whether it ends when it is asked to.
    """

    seconds: float | None = None
    exit_code: int = 0
    heeds_signals: bool = True


def virtual_now() -> dt.datetime:
    """The time by the clock of the event loop."""
    return BEGIN + dt.timedelta(seconds=asyncio.get_running_loop().time())


class SimulatedRuntime:
    """A runtime (`ContainerRuntime`).

    Attributes:
        present: references of images that are here.
        registry: references that can be pulled.
        hangs: what never comes back, such as `pull busybox`, `sandbox web` or `stop main`.
        is_away: whether it does not answer.
        sandbox_problem: why no sandbox can be made; empty if they can.
        processes: what containers do, by name; others run for ever.
        commands: what commands do, by their first word; others succeed.
        starts: pod UID, container name and attempt of everything that was started.
        sandbox_tries: when a sandbox was asked for.
        wrongs: what must never happen and has.
    """

    def __init__(self) -> None:
        self.present: set[str] = {"busybox:1.37"}
        self.registry: set[str] = set()
        self.hangs: set[str] = set()
        self.is_away = False
        self.sandbox_problem = ""
        self.processes: dict[str, Process] = {}
        self.commands: dict[str, Callable[[], Coroutine[Any, Any, Finished]]] = {}
        self.sandboxes: dict[str, Sandbox] = {}
        self.containers: dict[str, RuntimeContainer] = {}
        self.starts: list[tuple[str, str, int]] = []
        self.sandbox_tries: list[dt.datetime] = []
        self.wrongs: list[str] = []
        self._listeners: set[asyncio.Queue[str]] = set()
        self._ids = itertools.count(1)
        self._served: set[asyncio.Task[Any]] = set()
        self._timers: dict[str, asyncio.TimerHandle] = {}

    def of(self, uid: str, name: str = "main") -> list[RuntimeContainer]:
        """The instances of a container, the oldest first."""
        wanted = (uid, name)
        return [one for one in self.containers.values() if _whose(one) == wanted]

    def end(self, container_id: str, exit_code: int) -> None:
        """A process ends."""
        container = self.containers.get(container_id)
        if container is not None and container.phase is ContainerPhase.RUNNING:
            timer = self._timers.pop(container_id, None)
            if timer is not None:
                timer.cancel()
            self._set(container, phase=ContainerPhase.EXITED, exit_code=exit_code, finished_at=virtual_now())

    async def state(self) -> RuntimeState:
        return RuntimeState(name="simulated", version="1", ready=True, network_ready=True)

    async def snapshot(self) -> Snapshot:
        return await self._serve(self._seen(None))

    async def pod_snapshot(self, uid: str) -> Snapshot:
        return await self._serve(self._seen(uid))

    async def events(self) -> AsyncIterator[str]:
        queue: asyncio.Queue[str] = asyncio.Queue()
        self._listeners.add(queue)
        try:
            while not self.is_away:
                yield await queue.get()
            raise Unavailable("the runtime does not answer")
        finally:
            self._listeners.discard(queue)

    async def run_sandbox(self, config: SandboxConfig) -> str:
        return await self._serve(self._run_sandbox(config))

    async def stop_sandbox(self, sandbox_id: str) -> None:
        await self._serve(self._stop_sandbox(sandbox_id))

    async def remove_sandbox(self, sandbox_id: str) -> None:
        await self._serve(self._remove_sandbox(sandbox_id))

    async def create_container(self, sandbox_id: str, config: ContainerConfig, sandbox: SandboxConfig) -> str:
        return await self._serve(self._create(sandbox_id, config))

    async def start_container(self, container_id: str) -> None:
        await self._serve(self._start(container_id))

    async def stop_container(self, container_id: str, grace_period_seconds: int) -> None:
        await self._serve(self._stop(container_id, grace_period_seconds))

    async def remove_container(self, container_id: str) -> None:
        await self._serve(self._remove(container_id))

    async def update_container(self, container_id: str, resources: ContainerResources) -> None:
        raise NotImplementedError

    async def image(self, reference: str) -> Image | None:
        if self.is_away:
            raise Unavailable("the runtime does not answer")
        return Image(id=f"id-of-{reference}", size_bytes=7) if reference in self.present else None

    async def pull(self, reference: str, credential: RegistryCredential | None, sandbox: SandboxConfig) -> str:
        await self._hang(f"pull {reference}")
        await asyncio.sleep(1)
        if reference not in self.registry:
            raise ProviderError(f"{reference}: not found")
        self.present.add(reference)
        return f"id-of-{reference}"

    async def images(self) -> Sequence[Image]:
        return [Image(id=f"id-of-{reference}") for reference in self.present]

    async def remove_image(self, image_id: str) -> None:
        self.present -= {one for one in self.present if f"id-of-{one}" == image_id}

    async def run_command(self, container_id: str, command: Sequence[str], timeout_seconds: float) -> Finished:
        does = self.commands.get(command[0])
        async with asyncio.timeout(timeout_seconds):
            return await does() if does is not None else Finished(exit_code=0)

    async def exec(self, container_id: str, command: Sequence[str], io: ContainerIO) -> int:
        raise NotImplementedError

    async def attach(self, container_id: str, io: ContainerIO, *, tty: bool, stdin_once: bool) -> None:
        raise NotImplementedError

    async def port_forward(self, sandbox_id: str, port: int, stream: PortStream) -> None:
        raise NotImplementedError

    async def logs(self, container: RuntimeContainer, options: LogOptions) -> LogStream:
        raise NotFound("there are no logs")

    async def usage(self) -> Sequence[ContainerUsage]:
        return ()

    async def _serve(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Do what was asked for to its end, whoever still waits for it."""
        if self.is_away:
            work.close()
            raise Unavailable("the runtime does not answer")
        task = asyncio.create_task(work)
        self._served.add(task)
        task.add_done_callback(self._forget)
        return await asyncio.shield(task)

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._served.discard(task)
        if not task.cancelled():
            task.exception()  # whoever asked may be gone

    async def _hang(self, what: str) -> None:
        await asyncio.sleep(LATENCY_SECONDS)
        if what in self.hangs:
            await asyncio.get_running_loop().create_future()

    async def _seen(self, uid: str | None) -> Snapshot:
        await asyncio.sleep(LATENCY_SECONDS / 2)
        snapshot = Snapshot(
            sandboxes=[one for one in self.sandboxes.values() if uid in {None, one.labels[identity.POD_UID]}],
            containers=[one for one in self.containers.values() if uid in {None, one.labels[identity.POD_UID]}],
        )
        await asyncio.sleep(LATENCY_SECONDS / 2)  # what is seen may be stale when it arrives
        return snapshot

    async def _run_sandbox(self, config: SandboxConfig) -> str:
        self.sandbox_tries.append(virtual_now())
        await self._hang(f"sandbox {config.name}")
        if self.sandbox_problem:
            raise ProviderError(self.sandbox_problem)
        if any(one.phase is SandboxPhase.READY for one in self._sandboxes_of(config.uid)):
            self.wrongs.append(f"{config.name} has two sandboxes")
        made = Sandbox(
            id=f"sandbox-{next(self._ids)}",
            phase=SandboxPhase.READY,
            created_at=virtual_now(),
            attempt=config.attempt,
            labels=config.labels,
            annotations=config.annotations,
            ips=("10.0.0.1",),
        )
        self.sandboxes[made.id] = made
        self._tell(config.uid)
        return made.id

    async def _stop_sandbox(self, sandbox_id: str) -> None:
        await asyncio.sleep(LATENCY_SECONDS)
        if sandbox_id in self.sandboxes:
            found = self.sandboxes[sandbox_id]
            self.sandboxes[sandbox_id] = dataclasses.replace(found, phase=SandboxPhase.NOT_READY, ips=())
            for one in self._inside(sandbox_id):
                self.end(one.id, KILLED)
            self._tell(found.labels[identity.POD_UID])

    async def _remove_sandbox(self, sandbox_id: str) -> None:
        await self._stop_sandbox(sandbox_id)
        for one in self._inside(sandbox_id):
            del self.containers[one.id]
        self.sandboxes.pop(sandbox_id, None)

    async def _create(self, sandbox_id: str, config: ContainerConfig) -> str:
        await asyncio.sleep(LATENCY_SECONDS)
        sandbox = self.sandboxes.get(sandbox_id)
        if sandbox is None or sandbox.phase is not SandboxPhase.READY:
            raise NotFound(f"the sandbox {sandbox_id} is not there")
        made = RuntimeContainer(
            id=f"{config.name}-{next(self._ids)}",
            sandbox_id=sandbox_id,
            phase=ContainerPhase.CREATED,
            created_at=virtual_now(),
            image=config.image,
            image_id=config.image_id,
            labels=config.labels,
            annotations=config.annotations,
        )
        self.containers[made.id] = made
        return made.id

    async def _start(self, container_id: str) -> None:
        await asyncio.sleep(LATENCY_SECONDS)
        container = self.containers.get(container_id)
        if container is None or container.phase is not ContainerPhase.CREATED:
            raise InvalidInput(f"the container {container_id} cannot be started")
        uid, name = _whose(container)
        attempt = int(container.annotations[identity.RESTART_COUNT])
        if any(one.phase is ContainerPhase.RUNNING for one in self.of(uid, name)):
            self.wrongs.append(f"{name} runs twice")
        if (uid, name, attempt) in self.starts:
            self.wrongs.append(f"{name} was started twice as number {attempt}")
        self.starts.append((uid, name, attempt))
        self._set(container, phase=ContainerPhase.RUNNING, started_at=virtual_now())
        process = self.processes.get(name, Process())
        if process.seconds is not None:
            loop = asyncio.get_running_loop()
            timer = loop.call_later(process.seconds, self.end, container_id, process.exit_code)
            self._timers[container_id] = timer

    async def _stop(self, container_id: str, grace_period_seconds: int) -> None:
        container = self.containers.get(container_id)
        if container is None:
            raise NotFound(f"there is no container {container_id}")
        name = container.labels[identity.CONTAINER_NAME]
        await self._hang(f"stop {name}")
        if self.processes.get(name, Process()).heeds_signals and grace_period_seconds:
            self.end(container_id, ASKED)
        else:
            await asyncio.sleep(grace_period_seconds)
            self.end(container_id, KILLED)

    async def _remove(self, container_id: str) -> None:
        await asyncio.sleep(LATENCY_SECONDS)
        removed = self.containers.pop(container_id, None)
        if removed is not None and removed.phase is ContainerPhase.RUNNING:
            self.wrongs.append(f"{container_id} was removed while it ran")

    def _sandboxes_of(self, uid: str) -> list[Sandbox]:
        return [one for one in self.sandboxes.values() if one.labels[identity.POD_UID] == uid]

    def _inside(self, sandbox_id: str) -> list[RuntimeContainer]:
        return [one for one in self.containers.values() if one.sandbox_id == sandbox_id]

    def _set(self, container: RuntimeContainer, **fields: Any) -> None:
        self.containers[container.id] = dataclasses.replace(container, **fields)
        self._tell(container.labels[identity.POD_UID])

    def _tell(self, uid: str) -> None:
        for queue in self._listeners:
            queue.put_nowait(uid)


def _whose(container: RuntimeContainer) -> tuple[str, str]:
    return container.labels[identity.POD_UID], container.labels[identity.CONTAINER_NAME]


_: type[ContainerRuntime] = SimulatedRuntime
