"""An engine on a simulated runtime, on virtual time, and what the API server would know of its pods."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from tests.support.containerruntime import SimulatedRuntime, virtual_now
from vk_core.api.pod import Pod
from vk_core.api.podkey import PodKey
from vk_core.api.podstatus import ContainerStatus, PodStatus
from vk_core.engine.configuration.host import PodSettings
from vk_core.engine.engine import EngineContext, EngineSettings, PodEngine
from vk_core.errors import NotFound
from vk_core.testing import RecordedEvents, make_materials
from vk_core.testing.builders import OWNER


class _Inline(concurrent.futures.ThreadPoolExecutor):
    """Does at once what belongs into a thread: the clock of the loop must not run on meanwhile."""

    def submit(self, work: Callable[..., Any], /, *args: Any, **kwargs: Any) -> concurrent.futures.Future[Any]:
        done: concurrent.futures.Future[Any] = concurrent.futures.Future()
        try:
            done.set_result(work(*args, **kwargs))
        except Exception as error:
            done.set_exception(error)
        return done


class Node:
    """One node; its runtime and the API server outlive its engine."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.runtime = SimulatedRuntime()
        self.materials = make_materials()
        self.events = RecordedEvents()
        self.pods: dict[str, Pod] = {}
        self.engine = self._engine()

    async def run(self, pod: Pod) -> PodStatus:
        """Create a pod and wait until all of it runs."""
        await self.create(pod)
        return await self.until(pod, all_run)

    async def create(self, pod: Pod) -> None:
        self.pods[pod.metadata.uid] = pod
        await self.engine.create_pod(pod)

    async def delete(self, pod: Pod, grace_period_seconds: int = 1) -> None:
        await self.engine.delete_pod(pod, grace_period_seconds)

    async def until(self, pod: Pod, done: Callable[[PodStatus], object], *, within: float = 60) -> PodStatus:
        """Wait until the API server knows a certain status; seconds of virtual time."""
        with_status = self.pods[pod.metadata.uid].status
        loop = asyncio.get_running_loop()
        last = loop.time() + within
        while not done(with_status):
            assert loop.time() < last, f"not within {within} s: {with_status}"
            await asyncio.sleep(0.01)
            with_status = self.pods[pod.metadata.uid].status
        return with_status

    async def until_gone(self, pod: Pod, *, within: float = 60) -> None:
        """Wait until the engine has nothing of a pod any more."""
        async with asyncio.timeout(within):
            while True:
                try:
                    await self.engine.get_pod(PodKey.of(pod))
                except NotFound:
                    return
                await asyncio.sleep(0.01)

    def leftovers(self) -> list[str]:
        """What there is beside pods: of a node without pods, nothing."""
        files = [path for root in ("logs", "volumes/pods") for path in (self.folder / root).glob("*")]
        return [*self.runtime.sandboxes, *self.runtime.containers, *(path.name for path in files)]

    def told(self, reason: str) -> list[str]:
        """The messages of all events of one reason."""
        return [event.message for event in self.events.told if event.reason == reason]

    async def restart(self) -> None:
        """The process ends at this very moment, whatever it is doing, and another one takes over."""
        await self.engine.close()
        self.engine = self._engine()
        await self.engine.start()
        for found in await self.engine.get_pods():
            known = self.pods.get(found.metadata.uid)
            if known is not None:
                await self.engine.adopt_pod(known)

    def _engine(self) -> PodEngine:
        context = EngineContext(
            owner=OWNER,
            internal_ip="127.0.0.1",
            materials=self.materials,
            events=self.events,
            log=logging.getLogger("engine"),
            now=virtual_now,
        )
        settings = EngineSettings(pods=PodSettings(log_root=self.folder / "logs"), volume_root=self.folder / "volumes")
        engine = PodEngine(self.runtime, context, settings)
        engine.notify_pods(self._note)
        return engine

    def _note(self, pod: Pod) -> None:
        """What the API server gets to know; it keeps the pod as it was made."""
        uid = pod.metadata.uid
        if uid in self.pods:
            before = {one.name: one.restart_count for one in self.pods[uid].status.container_statuses}
            for one in pod.status.container_statuses:
                assert one.restart_count >= before.get(one.name, 0), f"the restart count of {one.name} went back"
            self.pods[uid] = replace(self.pods[uid], status=pod.status)


@contextlib.asynccontextmanager
async def node(folder: Path) -> AsyncIterator[Node]:
    """A node that runs."""
    asyncio.get_running_loop().set_default_executor(_Inline())
    made = Node(folder)
    await made.engine.start()
    try:
        yield made
    finally:
        await made.engine.close()
    assert not made.runtime.wrongs


def all_run(status: PodStatus) -> bool:
    states = [one.state.running for one in status.container_statuses]
    return status.phase == "Running" and bool(states) and all(states)


def container(status: PodStatus, name: str = "main") -> ContainerStatus:
    return next(one for one in status.container_statuses if one.name == name)


def waits_for(reason: str, name: str = "main") -> Callable[[PodStatus], bool]:
    """Whether a container waits for this reason."""

    def waits(status: PodStatus) -> bool:
        waiting = [one.state.waiting for one in status.container_statuses if one.name == name]
        return any(state is not None and state.reason == reason for state in waiting)

    return waits
