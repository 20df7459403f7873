"""Starts containers: image, environment, volumes, configuration, process, hook; and says what stands in the way."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
from collections.abc import Sequence
from pathlib import Path

from vk_core.api.pod import Pod
from vk_core.engine.configuration.container import container_config
from vk_core.engine.configuration.mounts import ContainerFiles, arranged
from vk_core.engine.deciding.actions import Start
from vk_core.engine.deciding.memory import PodMemory
from vk_core.engine.doing.sandboxes import PodGround
from vk_core.engine.doing.tools import Tools
from vk_core.engine.hooks import (
    FAILED_POST_START_HOOK,
    POST_START_HOOK_ERROR,
    POST_START_HOOK_FAILED,
    HookFailed,
    run_hook,
)
from vk_core.engine.images.policy import ERR_IMAGE_PULL
from vk_core.engine.images.puller import ImageUnavailable
from vk_core.engine.observed import ObservedPod
from vk_core.engine.specs import ContainerConfig, SandboxConfig
from vk_core.errors import ProviderError, Unavailable
from vk_core.host import PodVolumes

CONFIG_ERROR = "CreateContainerConfigError"
CREATE_ERROR = "CreateContainerError"
RUN_ERROR = "RunContainerError"

RETRY_SECONDS = 10.0
"""Between two tries to start a container that cannot be started; sooner if something that it refers to changes."""

SHOWN_SECONDS = 1.0
"""How long a failed pull is shown before the back-off is."""


class StartFailed(Exception):
    """A container could not be started; why, as its status says it."""

    def __init__(self, message: str, *, reason: str, retry_seconds: float = RETRY_SECONDS) -> None:
        super().__init__(message)
        self.reason = reason
        self.retry_seconds = retry_seconds


class ContainerStarter:
    """Starts the containers of one pod, one after the other."""

    def __init__(self, tools: Tools, ground: PodGround, memory: PodMemory) -> None:
        self._tools = tools
        self._ground = ground
        self._memory = memory

    async def start_all(self, pod: Pod, starts: Sequence[Start], observed: ObservedPod) -> None:
        """Start containers in this order; one that fails holds up no other."""
        for start in starts:
            self._memory.note_starting(start)
            try:
                container_id = await self._start(pod, start, observed)
            except StartFailed as failed:
                self._note(start, failed)
            except ProviderError as error:
                self._note(start, self._failed(pod, start, str(error), CREATE_ERROR))
            except BaseException:
                self._memory.starting.discard(start.container.name)
                raise
            else:
                self._memory.note_started(start, container_id)
            self._tools.wake(pod.metadata.uid)

    def _note(self, start: Start, failed: StartFailed) -> None:
        retry_at = self._tools.now() + dt.timedelta(seconds=failed.retry_seconds)
        self._memory.note_failed(start, failed.reason, str(failed), retry_at)

    async def _start(self, pod: Pod, start: Start, observed: ObservedPod) -> str:
        tools, container = self._tools, start.container
        sandbox = observed.sandbox
        config = self._ground.config(pod, sandbox.attempt if sandbox is not None else 0)
        for container_id in start.removes:
            await tools.runtime.remove_container(container_id)
        made = await self._configured(pod, start, observed, config)
        try:
            container_id = await tools.runtime.create_container(start.sandbox_id, made, config)
        except ProviderError as error:
            raise self._failed(pod, start, str(error), CREATE_ERROR) from error
        self._tell(pod, start, "Created", f"Created container: {container.name}")
        try:
            await tools.runtime.start_container(container_id)
        except ProviderError as error:
            raise self._failed(pod, start, str(error), RUN_ERROR) from error
        self._tell(pod, start, "Started", f"Started container {container.name}")
        await self._run_hook(pod, start, container_id, observed)
        return container_id

    async def _configured(
        self, pod: Pod, start: Start, observed: ObservedPod, sandbox: SandboxConfig
    ) -> ContainerConfig:
        tools, container, materials = self._tools, start.container, self._ground.materials
        try:
            image = await tools.puller.ensure(pod, container, materials.registry_credentials, sandbox)
        except ImageUnavailable as error:
            # A pull that has failed is shown as such for a moment, and as one that backs off for the rest of the time.
            longest = SHOWN_SECONDS if error.reason == ERR_IMAGE_PULL else error.retry_seconds
            seconds = min(error.retry_seconds, longest)
            raise StartFailed(str(error), reason=error.reason, retry_seconds=seconds) from error
        ips = observed.sandbox.ips if observed.sandbox is not None else ()
        try:
            volumes = await self._ground.mount()
            environment = await materials.environment(container.name, pod_ips=ips, read_file=volumes.read_file)
            mounts = arranged(
                materials.mounts(container.name, environment), await volumes.mounts(container.name, environment), {}
            )
            return container_config(
                pod,
                container,
                host=tools.host,
                sandbox=sandbox,
                owner=tools.owner,
                image=image,
                attempt=start.attempt,
                environment=environment,
                command=materials.expand(container.command, environment),
                args=materials.expand(container.args, environment),
                mounts=mounts,
                files=await self._files(pod, start, volumes, ips),
                target_id=self._target(container, observed),
            )
        except ProviderError as error:
            raise self._failed(pod, start, str(error), CONFIG_ERROR) from error

    async def _files(self, pod: Pod, start: Start, volumes: PodVolumes, ips: Sequence[str]) -> ContainerFiles:
        made = await volumes.network_files(ips)
        folder = await volumes.container_folder(start.container.name)
        try:
            log = await asyncio.to_thread(_make_file, termination_log(folder, start.attempt))
        except OSError as error:
            raise Unavailable(f"the file for the termination message cannot be made: {error}") from error
        # The runtime writes /etc/resolv.conf itself, from what the sandbox's configuration says.
        return ContainerFiles(hosts=made.hosts, termination_log=log)

    def _target(self, container: object, observed: ObservedPod) -> str:
        name = getattr(container, "target_container_name", "")
        target = observed.newest(name) if name else None
        return target.id if target is not None else ""

    async def _run_hook(self, pod: Pod, start: Start, container_id: str, observed: ObservedPod) -> None:
        lifecycle = start.container.lifecycle
        if lifecycle is None or lifecycle.post_start is None:
            return
        try:
            await run_hook(
                lifecycle.post_start,
                runtime=self._tools.runtime,
                events=self._tools.events,
                container_id=container_id,
                pod=pod,
                container=start.container,
                pod_ip=self._tools.address_of(pod, observed),
                timeout_seconds=None,
            )
        except HookFailed as error:
            self._tell(pod, start, FAILED_POST_START_HOOK, POST_START_HOOK_FAILED, warning=True)
            grace = pod.spec.termination_grace_period_seconds
            self._tell(pod, start, "Killing", "FailedPostStartHook")
            await self._tools.runtime.stop_container(container_id, 30 if grace is None else grace)
            raise StartFailed(str(error), reason=POST_START_HOOK_ERROR) from error

    def _failed(self, pod: Pod, start: Start, message: str, reason: str) -> StartFailed:
        self._tell(pod, start, "Failed", f"Error: {message}", warning=True)
        return StartFailed(message, reason=reason)

    def _tell(self, pod: Pod, start: Start, reason: str, message: str, *, warning: bool = False) -> None:
        self._tools.events.record(pod, reason, message, warning=warning, container_name=start.container.name)


def termination_log(folder: Path, attempt: int) -> Path:
    """The file of an instance's termination message."""
    return folder / f"termination-log-{attempt}"


def _make_file(path: Path) -> Path:
    """An empty file that every user of the container may write to, as kubelet makes it."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o666)
    try:
        os.fchmod(descriptor, 0o666)
    finally:
        os.close(descriptor)
    return path
