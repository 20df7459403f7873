"""The provider: the six calls, then what people need who look into containers. Each is a few lines around a module.

Everything ends with virtual-kubelet, so that nothing runs twice after a restart: core finds no pods and creates those
again that should run.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from vk_core.api.meta import utc_now
from vk_core.api.pod import Pod
from vk_core.api.podkey import PodKey
from vk_core.api.podstatus import PodStatus
from vk_core.api.stats import Summary
from vk_core.errors import NotFound, Unavailable
from vk_core.provider import (
    ContainerIO,
    LogFilter,
    LogOptions,
    LogStream,
    PodCallback,
    PortStream,
    ProviderContext,
)
from vk_process import ports, sessions, stats
from vk_process.commands import refuse_what_is_not_here
from vk_process.containers import Machine, RunningContainer
from vk_process.instances import Instance
from vk_process.logreader import read_log
from vk_process.pods import RunningPod
from vk_process.processes import Processes
from vk_process.settings import ProcessSettings

_ALL_FILTERS: frozenset[LogFilter] = frozenset({"tail", "since", "limit", "timestamps", "stream"})


class ProcessProvider:
    """Keeps the processes of each pod by its UID."""

    def __init__(self, context: ProviderContext[ProcessSettings]) -> None:
        self._context = context
        self._settings = context.settings
        self._pods: dict[str, RunningPod] = {}
        self._notify: PodCallback = lambda _pod: None
        self._machine: Machine | None = None

    async def start(self) -> None:
        """Make the folder for logs, and start the process that ends all others when this one is gone (`Startable`)."""
        try:
            folder = await asyncio.to_thread(tempfile.mkdtemp, prefix="vk-process-", dir=self._settings.folder)
        except OSError as error:
            raise Unavailable(f"folder: cannot make a folder for logs: {error}") from error
        self._machine = Machine(
            processes=Processes(Path(folder)),
            folder=Path(folder),
            back_off=self._settings.back_off.total_seconds(),
            log=self._context.log,
        )
        self._machine.processes.start()

    async def close(self) -> None:
        """End everything (`Closable`)."""
        pods, self._notify = [*self._pods.values()], lambda _pod: None
        for pod in pods:
            pod.stop(0)
        await asyncio.gather(*(pod.task for pod in pods))
        if self._machine:
            await self._machine.processes.close()
            await asyncio.to_thread(shutil.rmtree, self._machine.folder, ignore_errors=True)

    async def create_pod(self, pod: Pod) -> None:
        """Start a pod, unless it was started before."""
        if pod.metadata.uid not in self._pods:
            refuse_what_is_not_here(pod)
            machine = self._started()
            self._pods[pod.metadata.uid] = RunningPod(pod, self._context.internal_ip, machine, self._changed)

    async def update_pod(self, pod: Pod) -> None:
        """Take over what has changed: another image starts a container again, ephemeral containers join."""
        known = self._find(PodKey.of(pod))
        refuse_what_is_not_here(pod)
        known.update(pod)

    async def delete_pod(self, pod: Pod, grace_period_seconds: int) -> None:
        """Begin to stop a pod."""
        self._find(PodKey.of(pod)).stop(grace_period_seconds)

    async def get_pod(self, key: PodKey) -> Pod:
        """The pod with its present status."""
        return self._find(key).with_status()

    async def get_pod_status(self, key: PodKey) -> PodStatus:
        """The present status."""
        return self._find(key).with_status().status

    async def get_pods(self) -> Sequence[Pod]:
        """All pods, finished ones too."""
        return [pod.with_status() for pod in self._pods.values()]

    def notify_pods(self, notify: PodCallback) -> None:
        """Remember whom to tell about changes (`NotifiesPods`)."""
        self._notify = notify

    async def ping(self) -> None:
        """Look whether processes can be started (`Pingable`)."""
        self._started().processes.check()

    async def capacity(self) -> Mapping[str, str]:
        """What the settings say, else what the machine has (`HasCapacity`)."""
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        settings = self._settings
        return {
            "cpu": settings.cpu or str(os.cpu_count() or 1),
            "memory": settings.memory or str(memory),
            "pods": settings.pods,
        }

    async def get_container_logs(self, key: PodKey, container_name: str, options: LogOptions) -> LogStream:
        """What a container has written (`HasContainerLogs`)."""
        container = self._container(key, container_name)
        instance = container.previous if options.previous else container.instance
        if instance is None:
            which = "previous terminated container" if options.previous else "log of container"
            raise NotFound(f'{which} "{container_name}" in pod "{key.name}" not found')
        chunks = read_log(instance.log, options)
        return LogStream(chunks=chunks, timestamped=options.timestamps, applied=_ALL_FILTERS)

    async def run_in_container(self, key: PodKey, container_name: str, command: Sequence[str], io: ContainerIO) -> int:
        """Run a command beside the process of a container (`RunsInContainer`)."""
        container, instance = self._running(key, container_name)
        return await sessions.run_command(instance, container.spec, command, io, self._started().processes)

    async def attach_to_container(self, key: PodKey, container_name: str, io: ContainerIO) -> None:
        """Connect a client to the process of a container (`AttachesToContainer`)."""
        container, instance = self._running(key, container_name)
        await sessions.attach(instance, container.spec, io)

    async def port_forward(self, key: PodKey, port: int, stream: PortStream) -> None:
        """Connect a client to a port, of whichever process of this machine it is (`ForwardsPorts`)."""
        self._find(key)
        await ports.forward(port, stream)

    async def get_stats_summary(self) -> Summary:
        """What the machine and the processes use (`HasStats`)."""
        pods, now = [*self._pods.values()], utc_now()
        wanted = {session for pod in pods for session in stats.sessions_of(pod)}
        usages = await asyncio.to_thread(stats.usage_by_session, wanted)
        node = await asyncio.to_thread(stats.node_stats, self._context.node_name, now)
        return Summary(node=node, pods=stats.pod_stats(pods, usages, now))

    def _changed(self, pod: RunningPod) -> None:
        known = pod.with_status()
        if pod.is_gone:
            del self._pods[known.metadata.uid]
        self._notify(known)

    def _started(self) -> Machine:
        if self._machine is None:
            raise Unavailable("the provider has not been started")
        return self._machine

    def _find(self, key: PodKey) -> RunningPod:
        if key.uid not in self._pods:
            raise NotFound(f"there are no processes of the pod {key} with UID {key.uid}")
        return self._pods[key.uid]

    def _container(self, key: PodKey, name: str) -> RunningContainer:
        container = self._find(key).container(name)
        if container is None:
            raise NotFound(f'container "{name}" in pod "{key.name}" does not exist')
        return container

    def _running(self, key: PodKey, name: str) -> tuple[RunningContainer, Instance]:
        container = self._container(key, name)
        if container.running is None:
            raise NotFound(f'container "{name}" in pod "{key.name}" is not running')
        return container, container.running
