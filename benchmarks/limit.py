"""The API server's own limit: the writes of a node agent, sent by the driver itself, with no agent at all.

For each pod the same writes as Virtual Kubelet makes, of the same content: a status, and when the pod is deleted a
terminal status and the final deletion. They overlap with the client's requests just as an agent's do: one follows as
soon as the other is answered. Nothing has to be watched, decided or remembered for it, so no agent can be faster.
"""

from __future__ import annotations

import asyncio
import datetime
from typing import TYPE_CHECKING

from benchmarks.driver import IN_FLIGHT

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from benchmarks.driver import Load

_CONDITION = '{"type":"%s","observedGeneration":%d,"status":"%s","lastTransitionTime":"NOW"%s}'
_COMPLETED = ',"reason":"PodCompleted"'
_CONTAINER = (
    '"containerStatuses":[{"name":"app","state":{%s},"image":"registry.example/app:1","imageID":"registry.example/app:1",'
    '"containerID":"mock://UID/app/0","allocatedResources":{"cpu":"1m","memory":"1Mi"},'
    '"resources":{"requests":{"cpu":"1m","memory":"1Mi"}},%s}]'
)
_STATUS = '{"metadata":{"uid":"UID"},"status":{"observedGeneration":%d,"phase":"%s","conditions":[%s],%s}}'


def _conditions(generation: int, changed: dict[str, str], reasons: dict[str, str]) -> str:
    kinds = ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled")
    return ",".join(_CONDITION % (kind, generation, changed.get(kind, "True"), reasons.get(kind, "")) for kind in kinds)


# Field for field what the API server's audit log shows Virtual Kubelet with its mock provider to write.
RUNNING = _STATUS % (
    1,
    "Running",
    _conditions(1, {}, {}),
    '"hostIP":"127.0.0.1","hostIPs":[{"ip":"127.0.0.1"}],"podIP":"10.88.0.17","podIPs":[{"ip":"10.88.0.17"}],'
    '"startTime":"NOW",' + _CONTAINER % ('"running":{"startedAt":"NOW"}', '"ready":true,"started":true'),
)
ENDED = _STATUS % (
    2,
    "Succeeded",
    _conditions(
        2,
        dict.fromkeys(("PodReadyToStartContainers", "Ready", "ContainersReady"), "False"),
        dict.fromkeys(("Initialized", "Ready", "ContainersReady"), _COMPLETED),
    ),
    _CONTAINER
    % (
        '"terminated":{"exitCode":0,"reason":"Completed","startedAt":"NOW","finishedAt":"NOW",'
        '"containerID":"mock://UID/app/0"}',
        '"started":false',
    ),
)


class Writes:
    """An agent's writes without an agent; remembers the UID of each pod from its creation."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._uids: dict[str, str] = {}

    async def create(self, names: list[str], node: str) -> None:
        """Create the pods and report each Running as soon as it is created."""
        created: asyncio.Queue[str] = asyncio.Queue()

        def note(name: str, uid: str) -> None:
            self._uids[name] = uid
            created.put_nowait(name)

        async with asyncio.TaskGroup() as group:
            group.create_task(self._load.create(names, node, note))
            group.create_task(_follow(created, len(names), self._report_running))

    async def delete(self, names: list[str]) -> None:
        """Delete the pods, and report each ended and remove it as soon as its deletion is answered."""
        deleted: asyncio.Queue[str] = asyncio.Queue()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._load.delete(names, deleted.put_nowait))
            group.create_task(_follow(deleted, len(names), self._remove))

    async def _report_running(self, name: str) -> None:
        await self._load.patch_status(name, _filled(RUNNING, self._uids[name]))

    async def _remove(self, name: str) -> None:
        uid = self._uids[name]
        await self._load.patch_status(name, _filled(ENDED, uid))
        await self._load.delete_now(name, uid)


async def _follow(queue: asyncio.Queue[str], count: int, one: Callable[[str], Awaitable[None]]) -> None:
    """Call `one` for `count` names as they come, with the same number of calls under way as the driver's own."""
    left = count

    async def worker() -> None:
        nonlocal left
        while left > 0:
            left -= 1
            await one(await queue.get())

    async with asyncio.TaskGroup() as group:
        for _ in range(IN_FLIGHT):
            group.create_task(worker())


def _filled(template: str, uid: str) -> bytes:
    now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return template.replace("UID", uid).replace("NOW", now).encode()
