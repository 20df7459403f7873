"""A CRI runtime as the pod engine wants one (`ContainerRuntime`): what it is told is said in CRI, and its answers too.

No decision about pods is made here. What takes more than a call is in modules of its own: logs, streams, events, usage.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Sequence
from pathlib import Path
from typing import Any, TypeVar

from vk_core.engine.runtime import (
    ContainerPhase,
    ContainerRuntime,
    ContainerUsage,
    Finished,
    Image,
    RuntimeContainer,
    RuntimeState,
    Snapshot,
)
from vk_core.engine.specs import ContainerConfig, ContainerResources, SandboxConfig
from vk_core.errors import InvalidInput, NotFound, ProviderError
from vk_core.provider import ContainerIO, LogOptions, LogStream, PortStream, RegistryCredential
from vk_cri import methods
from vk_cri.api import runtime_pb2 as pb
from vk_cri.commands import run_command
from vk_cri.events import Events
from vk_cri.failures import RpcError, refusal
from vk_cri.images import Images
from vk_cri.lists import Lists
from vk_cri.logfolders import LogFolders
from vk_cri.logs.following import open_log
from vk_cri.logs.keeping import LogKeeper
from vk_cri.runtimeapi import RuntimeApi
from vk_cri.settings import CriSettings
from vk_cri.streaming.streams import Streams
from vk_cri.translation import answers, containers, sandboxes, security
from vk_cri.usage import Usage

Result = TypeVar("Result")


class CriRuntime:
    """A runtime and its image service. `close` lets go of the connections; pods go on."""

    def __init__(self, settings: CriSettings) -> None:
        self._api = RuntimeApi(settings)
        self._images = Images(self._api)
        self._lists = Lists(self._api)
        self._events = Events(self._api, self._lists)
        self._usage = Usage(self._api, self._lists)
        self._streams = Streams(self._api)
        self._keeper = LogKeeper(self._api, self._lists, settings.logs)
        self._folders = LogFolders(Path(settings.log_root))

    async def close(self) -> None:
        """Let go of the connections."""
        await self._api.close()

    async def maintain(self) -> None:
        """Keep logs from growing without end, for as long as this runs; to be run once, beside everything else."""
        await self._keeper.run()

    async def state(self) -> RuntimeState:
        """How it is."""
        return await self._ask(self._state())

    async def snapshot(self) -> Snapshot:
        """All sandboxes and containers that carry the engine's labels, whatever their state."""
        return await self._ask(self._lists.everything())

    async def pod_snapshot(self, uid: str) -> Snapshot:
        """The same of one pod, looked at closely."""
        return await self._ask(self._lists.pod(uid))

    def events(self) -> AsyncIterator[str] | None:
        """UIDs of pods that have changed, as it happens, until the connection breaks."""
        return self._events.listen()

    # Sandboxes.

    async def run_sandbox(self, config: SandboxConfig) -> str:
        """Make a sandbox with its network; one that is there already, with the same UID and attempt, is taken."""
        await asyncio.to_thread(self._folders.make, config.log_directory)
        request = pb.RunPodSandboxRequest(
            config=sandboxes.sandbox_config(config), runtime_handler=config.runtime_handler
        )
        try:
            return (await self._api.runtime(methods.RUN_SANDBOX, request)).pod_sandbox_id
        except RpcError as error:
            existing = await self._lists.sandbox(config.uid, config.attempt) if error.is_reserved else None
            if existing is None:
                raise refusal(error, in_full=True) from error
            return existing

    async def stop_sandbox(self, sandbox_id: str) -> None:
        """End everything in it and take its network down."""
        request = pb.StopPodSandboxRequest(pod_sandbox_id=sandbox_id)
        await self._ask_if_there(self._api.runtime(methods.STOP_SANDBOX, request))

    async def remove_sandbox(self, sandbox_id: str) -> None:
        """Remove it with its containers and their logs."""
        inside = await self._ask(self._lists.of_sandbox(sandbox_id))
        await asyncio.gather(*(self.remove_container(container_id) for container_id in inside))
        request = pb.RemovePodSandboxRequest(pod_sandbox_id=sandbox_id)
        folder = await self._log_folder(sandbox_id)
        await self._ask_if_there(self._api.runtime(methods.REMOVE_SANDBOX, request))
        if folder is not None:
            await asyncio.to_thread(self._folders.remove_if_empty, folder)

    # Containers.

    async def create_container(self, sandbox_id: str, config: ContainerConfig, sandbox: SandboxConfig) -> str:
        """Make a container that does not run yet; one that is there already, of the same attempt, is taken."""
        request = pb.CreateContainerRequest(
            pod_sandbox_id=sandbox_id,
            config=containers.container_config(config),
            sandbox_config=sandboxes.sandbox_config(sandbox),
        )
        if config.log_path:
            await asyncio.to_thread(self._folders.make, (sandbox.log_directory / config.log_path).parent)
        try:
            return (await self._api.runtime(methods.CREATE_CONTAINER, request)).container_id
        except RpcError as error:
            name = config.name
            existing = await self._lists.container(sandbox_id, name, config.attempt) if error.is_reserved else None
            if existing is None:
                raise refusal(error, otherwise=InvalidInput) from error
            return existing

    async def start_container(self, container_id: str) -> None:
        """Start its process; does nothing if it was started before."""
        self._events.hurry()
        try:
            await self._api.runtime(methods.START_CONTAINER, pb.StartContainerRequest(container_id=container_id))
        except RpcError as error:
            if not await self._was_started(container_id):
                raise refusal(error, otherwise=InvalidInput) from error

    async def stop_container(self, container_id: str, grace_period_seconds: int) -> None:
        """Ask its process to end, and end it after the grace period; returns when it has ended."""
        request = pb.StopContainerRequest(container_id=container_id, timeout=grace_period_seconds)
        await self._ask_if_there(
            self._api.runtime(methods.STOP_CONTAINER, request, waiting_seconds=grace_period_seconds)
        )

    async def remove_container(self, container_id: str) -> None:
        """Remove it with its log."""
        try:
            log = (await self._ask(self._lists.status(container_id))).log_path
        except NotFound:
            return
        request = pb.RemoveContainerRequest(container_id=container_id)
        await self._ask_if_there(self._api.runtime(methods.REMOVE_CONTAINER, request))
        if log:
            await asyncio.to_thread(self._folders.remove_log, Path(log))

    async def update_container(self, container_id: str, resources: ContainerResources) -> None:
        """Give a running container other resources."""
        request = pb.UpdateContainerResourcesRequest(container_id=container_id, linux=security.resources(resources))
        await self._ask(self._api.runtime(methods.UPDATE_CONTAINER, request))

    # Images.

    async def image(self, reference: str) -> Image | None:
        """The image, if it is here."""
        return await self._ask(self._images.find(reference))

    async def pull(self, reference: str, credential: RegistryCredential | None, sandbox: SandboxConfig) -> str:
        """Fetch an image; gives its ID."""
        return await self._ask(self._images.pull(reference, credential, sandbox), in_full=True)

    async def images(self) -> Sequence[Image]:
        """All images that are here."""
        return await self._ask(self._images.all())

    async def remove_image(self, image_id: str) -> None:
        """Remove an image."""
        await self._ask_if_there(self._images.remove(image_id))

    # Looking into containers.

    async def run_command(self, container_id: str, command: Sequence[str], timeout_seconds: float) -> Finished:
        """Run a command to its end, without input."""
        return await self._ask(run_command(self._api, container_id, command, timeout_seconds), in_full=True)

    async def usage(self) -> Sequence[ContainerUsage]:
        """What all containers use."""
        return await self._ask(self._usage.all())

    async def exec(self, container_id: str, command: Sequence[str], io: ContainerIO) -> int:
        """Run a command with a client at it."""
        return await self._ask(self._streams.exec(container_id, command, io))

    async def attach(self, container_id: str, io: ContainerIO, *, tty: bool, stdin_once: bool) -> None:
        """Connect a client to the main process; the end of input was settled when the container was made."""
        del stdin_once
        await self._ask(self._streams.attach(container_id, io, tty=tty))

    async def port_forward(self, sandbox_id: str, port: int, stream: PortStream) -> None:
        """Join a client's connection with one to a port."""
        await self._ask(self._streams.port_forward(sandbox_id, port, stream))

    async def logs(self, container: RuntimeContainer, options: LogOptions) -> LogStream:
        """What a container has written, from the files that the runtime writes."""
        path = container.log_path or (await self._ask(self._lists.status(container.id))).log_path
        if not path:
            raise NotFound("the container was made without a log")

        async def is_running() -> bool:
            try:
                status = await self._ask(self._lists.status(container.id))
            except NotFound:
                return False
            return status.state in {pb.CONTAINER_RUNNING, pb.CONTAINER_CREATED}

        has_ended = container.phase is ContainerPhase.EXITED
        return await open_log(Path(path), options, is_running, has_ended=has_ended)

    async def _state(self) -> RuntimeState:
        version, status = await asyncio.gather(
            self._api.runtime(methods.VERSION, pb.VersionRequest()),
            self._api.runtime(methods.STATUS, pb.StatusRequest()),
        )
        return answers.state(version, status)

    async def _was_started(self, container_id: str) -> bool:
        try:
            status = await self._lists.status(container_id)
        except (RpcError, ProviderError):
            return False
        has_run = status.state == pb.CONTAINER_EXITED and status.started_at > 0
        return status.state == pb.CONTAINER_RUNNING or has_run

    async def _log_folder(self, sandbox_id: str) -> Path | None:
        try:
            request = pb.PodSandboxStatusRequest(pod_sandbox_id=sandbox_id)
            answer = await self._ask(self._api.runtime(methods.SANDBOX_STATUS, request))
        except NotFound:
            return None
        metadata = answer.status.metadata
        return self._folders.of_pod(metadata.namespace, metadata.name, metadata.uid)

    async def _ask(self, question: Coroutine[Any, Any, Result], *, in_full: bool = False) -> Result:
        try:
            return await question
        except RpcError as error:
            raise refusal(error, in_full=in_full) from error

    async def _ask_if_there(self, question: Coroutine[Any, Any, object]) -> None:
        try:
            await self._ask(question)
        except NotFound:
            return


_: type[ContainerRuntime] = CriRuntime
