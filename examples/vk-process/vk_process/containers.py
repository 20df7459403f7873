"""A container: one instance after the other, and what its status says meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from vk_core.api.container import Container
from vk_core.api.meta import utc_now
from vk_core.api.pod import Pod
from vk_core.api.podstatus import (
    ContainerState,
    ContainerStateRunning,
    ContainerStateTerminated,
    ContainerStateWaiting,
    ContainerStatus,
)
from vk_core.errors import MaterialMissing, ProviderError
from vk_core.provider.termination import fit_message
from vk_process.instances import Instance
from vk_process.lastwords import last_words
from vk_process.processes import Processes
from vk_process.surroundings import Prepared, Surroundings

_NEVER_STARTED = 137
"""Exit code of a container that was stopped before it ran, as kubelet reports it."""

_CANNOT_START = 128
"""Exit code of a container whose process could not be started, as container runtimes report it."""

_LONGEST_BACK_OFF = 300.0

_LOOK_AGAIN_SECONDS = 5.0
"""How often to look for what is missing and nobody tells about: a file in a volume that another container writes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Machine:
    """What all containers share.

    Attributes:
        processes: starts them.
        folder: where logs are kept.
        back_off: seconds before the second restart of a container.
        log: where the provider's messages go.
    """

    processes: Processes
    folder: Path
    back_off: float
    log: logging.Logger


class RunningContainer:
    """A container of a pod that was created.

    Attributes:
        spec: as created or last updated.
        status: its present status.
        instance: the one that runs, or ran last.
        earlier: the one before that.
    """

    def __init__(
        self, spec: Container, pod: Pod, machine: Machine, surroundings: Surroundings, changed: Callable[[], None]
    ) -> None:
        self.spec = spec
        self.instance: Instance | None = None
        self.earlier: Instance | None = None
        self._pod = pod
        self._machine = machine
        self._surroundings = surroundings
        self._changed = changed
        self._stopping = asyncio.Event()
        self._is_replaced = False
        self._folder = machine.folder / pod.metadata.uid
        self.status = ContainerStatus(
            name=spec.name,
            image=spec.image,
            started=False,
            state=_waiting("PodInitializing" if pod.spec.init_containers else "ContainerCreating"),
        )

    @property
    def running(self) -> Instance | None:
        """The instance that runs."""
        return self.instance if self.status.state.running else None

    @property
    def previous(self) -> Instance | None:
        """The instance that `lastState` tells of."""
        return self.instance if self.status.state.waiting else self.earlier

    @property
    def exit_code(self) -> int | None:
        """How it has ended; None as long as it has not."""
        terminated = self.status.state.terminated
        return terminated.exit_code if terminated else None

    async def run(self, policy: str, on_start: Callable[[], None] = lambda: None) -> None:
        """Run instances until the restart policy (`Always`, `OnFailure`, `Never`) says that it was the last."""
        restarts = 0
        while not self._stopping.is_set():
            ended = await self._run_once(restarts, on_start)
            if ended is None:
                break
            restarts += 1
            if self._stopping.is_set() or not (self._is_replaced or _restarts(policy, ended.exit_code)):
                self._set(ContainerState(terminated=ended))
                return
            self._set(_waiting("CrashLoopBackOff"), last_state=ContainerState(terminated=ended))
            if not self._is_replaced:
                await self._back_off(restarts)
        self._never_mind()

    def stop(self, number: int) -> None:
        """Send a signal to the process, and start no other one."""
        self._stopping.set()
        if self.running:
            self.running.process.signal(number)

    def update(self, spec: Container) -> None:
        """Take over a changed container; one with another image makes way for a new instance, as in kubelet."""
        is_replaced, self.spec = spec.image != self.spec.image, spec
        if is_replaced and self.running:
            self._is_replaced = True
            self.running.process.signal(signal.SIGTERM)

    async def _run_once(self, restarts: int, on_start: Callable[[], None]) -> ContainerStateTerminated | None:
        """One run, once all is there that it needs; None if it was stopped before."""
        try:
            prepared = await self._prepare()
            if prepared is None:
                return None
            self._is_replaced = False
            instance = self._start(prepared, restarts)
        except ProviderError as error:
            return _terminated(_CANNOT_START, "StartError", message=str(error))
        container_id = f"process://{self._pod.metadata.uid}/{self.spec.name}/{restarts}"
        running = ContainerStateRunning(started_at=utc_now())
        self._set(
            ContainerState(running=running),
            image=self.spec.image,
            image_id=self.spec.image,
            container_id=container_id,
            ready=True,
            started=True,
            restart_count=restarts,
        )
        on_start()
        code = await instance.run(self._machine.log)
        return _terminated(
            code,
            "Error" if code else "Completed",
            message=await self._last_words(instance, code),
            started_at=running.started_at,
            container_id=container_id,
        )

    async def _prepare(self) -> Prepared | None:
        """Wait until all is there that the container refers to; None if it was stopped meanwhile.

        Raises:
            Unavailable: this machine does not let it be made.
        """
        while not self._stopping.is_set():
            news = self._surroundings.next_change
            try:
                prepared = await self._surroundings.prepare(self.spec)
            except MaterialMissing as error:
                self._set(_waiting(error.reason, str(error)))
                await _first_of(self._stopping, news, seconds=_LOOK_AGAIN_SECONDS)
            else:
                return None if self._stopping.is_set() else prepared
        return None

    def _start(self, prepared: Prepared, restarts: int) -> Instance:
        log_file = self._folder / f"{self.spec.name}-{restarts}"
        instance = Instance.start(self.spec, prepared, processes=self._machine.processes, log_file=log_file)
        if self.earlier:
            self.earlier.log.remove()
        self.earlier, self.instance = self.instance, instance
        return instance

    async def _last_words(self, instance: Instance, code: int) -> str:
        try:
            with instance.log.in_use():
                message = await asyncio.to_thread(last_words, instance, self.spec, code)
        except (OSError, ProviderError) as error:
            self._machine.log.warning("the last words of a container are lost: %s", error)
            return ""
        spec = self._pod.spec
        return fit_message(message, len(spec.init_containers) + len(spec.containers))

    async def _back_off(self, restarts: int) -> None:
        if restarts > 1:
            seconds = min(self._machine.back_off * 2 ** (restarts - 2), _LONGEST_BACK_OFF)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), seconds)

    def _never_mind(self) -> None:
        """Stopped while it waited to be started, for the first time or again."""
        last = self.status.last_state
        self._set(
            last
            if last.terminated
            else ContainerState(terminated=_terminated(_NEVER_STARTED, "ContainerStatusUnknown"))
        )

    def _set(self, state: ContainerState, **fields: Any) -> None:
        if not state.running:
            fields |= {"ready": False, "started": False}
        before, self.status = self.status, replace(self.status, state=state, **fields)
        if before != self.status:
            self._changed()


def _terminated(code: int, reason: str, **fields: Any) -> ContainerStateTerminated:
    return ContainerStateTerminated(exit_code=code, reason=reason, finished_at=utc_now(), **fields)


def _waiting(reason: str, message: str = "") -> ContainerState:
    return ContainerState(waiting=ContainerStateWaiting(reason=reason, message=message))


async def _first_of(*events: asyncio.Event, seconds: float) -> None:
    """Wait until one of these is set, or the time is over."""
    waiting = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for one in waiting:
            one.cancel()


def _restarts(policy: str, code: int) -> bool:
    return policy == "Always" or (policy == "OnFailure" and code != 0)
