"""Notices what happens in the runtime: by its events where it has them, and by looking, which finds what they miss."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from vk_core.aio.backoff import Backoff
from vk_core.engine.observed import by_pod
from vk_core.engine.runtime import ContainerRuntime, Snapshot
from vk_core.errors import VirtualKubeletError

LOOK_SECONDS = 1.0
"""Between two looks at a runtime without events, as kubelet's."""

LOOK_SELDOM_SECONDS = 60.0
"""The same beside events."""

RETRY = Backoff(first_seconds=0.2, limit_seconds=10.0)

Marks = dict[str, tuple[object, ...]]


class RuntimeWatch:
    """Tells which pods have changed.

    Args:
        runtime: what to watch.
        changed: takes the UID of a pod of which something changed.
        back: told when the runtime answers again after it has not.
        log: where trouble goes.
    """

    def __init__(
        self, runtime: ContainerRuntime, changed: Callable[[str], None], back: Callable[[], None], log: logging.Logger
    ) -> None:
        self._runtime = runtime
        self._changed = changed
        self._back = back
        self._log = log
        self._marks: Marks = {}
        self._has_events = False

    def seen(self, snapshot: Snapshot) -> None:
        """Take a look that somebody else had, so that it is not news."""
        self._marks = marks_of(snapshot)

    async def run(self) -> None:
        """Watch until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._listen(), name="runtime-events")
            group.create_task(self._look(), name="runtime-looks")

    async def _listen(self) -> None:
        failures = 0
        while True:
            events = self._runtime.events()
            if events is None:
                return
            try:
                async for uid in events:
                    self._has_events, failures = True, 0
                    self._changed(uid)
            except VirtualKubeletError as error:
                self._log.debug("events of the runtime: %s", error)
            if self._runtime.events() is None:
                return  # it has said meanwhile that it has none
            self._has_events = False
            failures += 1
            await asyncio.sleep(RETRY.delay_seconds(failures))

    async def _look(self) -> None:
        failures = 0
        while True:
            await asyncio.sleep(LOOK_SELDOM_SECONDS if self._has_events else LOOK_SECONDS)
            try:
                snapshot = await self._runtime.snapshot()
            except VirtualKubeletError as error:
                failures += 1
                if failures == 1:
                    self._log.warning("the runtime does not say what it has: %s", error)
                continue
            if failures:
                self._back()
            failures = 0
            before, self._marks = self._marks, marks_of(snapshot)
            for uid in before.keys() | self._marks.keys():
                if before.get(uid) != self._marks.get(uid):
                    self._changed(uid)


def marks_of(snapshot: Snapshot) -> Marks:
    """What of each pod shows that something has changed."""
    return {
        uid: (
            *((sandbox.id, sandbox.phase) for sandbox in pod.sandboxes),
            *((one.id, one.phase) for instances in pod.containers.values() for one in instances),
        )
        for uid, pod in by_pod(snapshot).items()
    }
