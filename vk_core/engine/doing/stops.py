"""Ends containers: the hook first, then its turn, then the signal, and after the grace period the end."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable

from vk_core.api.container import Container
from vk_core.api.pod import Pod
from vk_core.engine.deciding.actions import Stop
from vk_core.engine.doing.tools import Tools
from vk_core.engine.hooks import FAILED_PRE_STOP_HOOK, PRE_STOP_HOOK_FAILED, HookFailed, run_hook
from vk_core.errors import NotFound


class ContainerStop:
    """One container on its way to its end; asked again it only gets quicker.

    Args:
        tools: what everything is done with.
        pod: its pod.
        stop: what was decided.
        pod_ip: for hooks.
        stopped: told when it has ended.
    """

    def __init__(self, tools: Tools, pod: Pod, stop: Stop, *, pod_ip: str, stopped: Callable[[Stop], None]) -> None:
        self._tools = tools
        self._pod = pod
        self._stop = stop
        self._pod_ip = pod_ip
        self._stopped = stopped
        self._changed = asyncio.Event()

    def hurry(self, stop: Stop) -> None:
        """Take what is decided now: it may be its turn, or there may be less time."""
        if stop != self._stop:
            self._stop = stop
            self._changed.set()

    async def run(self) -> None:
        """End it."""
        stop = self._stop
        self._tools.events.record(self._pod, "Killing", stop.message, container_name=stop.name)
        if stop.hook:
            await self._run_hook()
        while not self._stop.its_turn and (seconds := self._stop.seconds_of_grace(self._tools.now())) > 0:
            await self._changed_within(seconds)
        await self._end()
        self._stopped(self._stop)

    async def _end(self) -> None:
        """Ask the runtime to end it, and again whenever there is less time."""
        asked: set[asyncio.Task[None]] = set()
        while not any(task.done() for task in asked):
            self._changed.clear()
            task = asyncio.create_task(self._ask(self._seconds_left()), name=f"stop {self._stop.container_id}")
            task.add_done_callback(lambda _: self._changed.set())
            asked.add(task)
            try:
                await self._changed.wait()
            except asyncio.CancelledError:
                _cancel(asked)
                raise
        _cancel(asked)
        for task in asked:
            if task.done():
                task.result()

    async def _ask(self, seconds: int) -> None:
        with contextlib.suppress(NotFound):
            await self._tools.runtime.stop_container(self._stop.container_id, seconds)

    async def _run_hook(self) -> None:
        container = self._container()
        handler = container.lifecycle.pre_stop if container is not None and container.lifecycle is not None else None
        if container is None or handler is None:
            return
        hook = asyncio.create_task(
            run_hook(
                handler,
                runtime=self._tools.runtime,
                events=self._tools.events,
                container_id=self._stop.container_id,
                pod=self._pod,
                container=container,
                pod_ip=self._pod_ip,
                timeout_seconds=None,
            ),
            name=f"preStop of {self._stop.container_id}",
        )
        hook.add_done_callback(lambda _: self._changed.set())
        try:
            # Until it is over or the grace period is, which may become shorter meanwhile.
            while not hook.done() and (seconds := self._stop.seconds_of_grace(self._tools.now())) > 0:
                await self._changed_within(seconds)
        finally:
            hook.cancel()
        await asyncio.wait([hook])
        try:
            hook.result()
        except asyncio.CancelledError:
            return  # it has used up the grace period, about which kubelet tells nothing
        except HookFailed:
            self._tools.events.record(
                self._pod, FAILED_PRE_STOP_HOOK, PRE_STOP_HOOK_FAILED, warning=True, container_name=self._stop.name
            )

    def _container(self) -> Container | None:
        spec = self._pod.spec
        everyone = (*spec.containers, *spec.init_containers, *spec.ephemeral_containers)
        return next((one for one in everyone if one.name == self._stop.name), None)

    def _seconds_left(self) -> int:
        return self._stop.seconds_left(self._tools.now())

    async def _changed_within(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        self._changed.clear()


def _cancel(tasks: Iterable[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
