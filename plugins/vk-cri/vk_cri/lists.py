"""What a runtime has: all of it at a glance, or one pod looked at closely."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any, TypeVar

import grpc

from vk_core.engine import identity
from vk_core.engine.runtime import RuntimeContainer, Sandbox, Snapshot
from vk_cri import methods
from vk_cri.api import runtime_pb2 as pb
from vk_cri.failures import RpcError
from vk_cri.runtimeapi import RuntimeApi
from vk_cri.translation import answers

Item = TypeVar("Item")
Found = TypeVar("Found", Sandbox, RuntimeContainer)


class Lists:
    """Asks a runtime what there is. All methods raise RpcError."""

    def __init__(self, api: RuntimeApi) -> None:
        self._api = api

    async def everything(self) -> Snapshot:
        """All that carries the label of an engine, which other users of a runtime do not have."""
        sandboxes, containers = await asyncio.gather(self._sandboxes({}), self._containers(pb.ContainerFilter()))
        return Snapshot(
            sandboxes=tuple(answers.listed_sandbox(item) for item in sandboxes if identity.OWNER in item.labels),
            containers=tuple(answers.listed_container(item) for item in containers if identity.OWNER in item.labels),
        )

    async def pod(self, uid: str) -> Snapshot:
        """All of one pod; what disappears meanwhile is left out."""
        labels = {identity.POD_UID: uid}
        sandboxes, containers = await asyncio.gather(
            self._sandboxes(labels), self._containers(pb.ContainerFilter(label_selector=labels))
        )
        close_sandboxes, close_containers = await asyncio.gather(
            _all(self._sandbox, [item for item in sandboxes if identity.OWNER in item.labels]),
            _all(self._container, [item for item in containers if identity.OWNER in item.labels]),
        )
        return Snapshot(
            sandboxes=tuple(sandbox for sandbox in close_sandboxes if sandbox is not None),
            containers=tuple(container for container in close_containers if container is not None),
        )

    async def states(self) -> list[tuple[str, str, int]]:
        """The same as little as possible, for comparing: pod UID, ID and state of each sandbox and container."""
        sandboxes, containers = await asyncio.gather(self._sandboxes({}), self._containers(pb.ContainerFilter()))
        items: list[pb.PodSandbox | pb.Container] = [*sandboxes, *containers]
        return [
            (item.labels.get(identity.POD_UID, ""), item.id, item.state)
            for item in items
            if identity.OWNER in item.labels
        ]

    async def running(self) -> list[str]:
        """The IDs of the containers that run."""
        running = pb.ContainerFilter(state=pb.ContainerStateValue(state=pb.CONTAINER_RUNNING))
        return [item.id for item in await self._containers(running) if identity.OWNER in item.labels]

    async def status(self, container_id: str) -> pb.ContainerStatus:
        """A container looked at closely."""
        request = pb.ContainerStatusRequest(container_id=container_id)
        return (await self._api.runtime(methods.CONTAINER_STATUS, request)).status

    async def of_sandbox(self, sandbox_id: str) -> list[str]:
        """The IDs of the containers in a sandbox."""
        return [item.id for item in await self._containers(pb.ContainerFilter(pod_sandbox_id=sandbox_id))]

    async def sandbox(self, uid: str, attempt: int) -> str | None:
        """The ID of a certain sandbox that is ready, if it is there."""
        found = await self._sandboxes({identity.POD_UID: uid})
        ids = [item.id for item in found if item.metadata.attempt == attempt and item.state == pb.SANDBOX_READY]
        return ids[0] if ids else None

    async def container(self, sandbox_id: str, name: str, attempt: int) -> str | None:
        """The ID of a certain container that was not started, if it is there."""
        found = await self._containers(pb.ContainerFilter(pod_sandbox_id=sandbox_id))
        wanted = (name, attempt, pb.CONTAINER_CREATED)
        ids = [item.id for item in found if (item.metadata.name, item.metadata.attempt, item.state) == wanted]
        return ids[0] if ids else None

    async def _sandbox(self, item: pb.PodSandbox) -> Sandbox:
        request = pb.PodSandboxStatusRequest(pod_sandbox_id=item.id)
        return answers.sandbox((await self._api.runtime(methods.SANDBOX_STATUS, request)).status)

    async def _container(self, item: pb.Container) -> RuntimeContainer:
        return answers.container(await self.status(item.id), item.pod_sandbox_id)

    async def _sandboxes(self, labels: dict[str, str]) -> Sequence[pb.PodSandbox]:
        request = pb.ListPodSandboxRequest(filter=pb.PodSandboxFilter(label_selector=labels))
        return (await self._api.runtime(methods.LIST_SANDBOXES, request)).items

    async def _containers(self, wanted: pb.ContainerFilter) -> Sequence[pb.Container]:
        request = pb.ListContainersRequest(filter=wanted)
        return (await self._api.runtime(methods.LIST_CONTAINERS, request)).containers


async def _all(look: Callable[[Item], Coroutine[Any, Any, Found]], items: Iterable[Item]) -> Sequence[Found | None]:
    return await asyncio.gather(*(_if_there(look, item) for item in items))


async def _if_there(look: Callable[[Item], Coroutine[Any, Any, Found]], item: Item) -> Found | None:
    # Called here: a coroutine that was made before would never run if this is cancelled before it begins.
    try:
        return await look(item)
    except RpcError as error:
        if error.code is grpc.StatusCode.NOT_FOUND:
            return None
        raise
