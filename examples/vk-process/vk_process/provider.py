"""The provider: the six calls, then what people need who look into containers. Each is a few lines around a module.

All processes end with virtual-kubelet, so that nothing runs twice after a restart. What may be left of a pod are its
volumes: core says which of them the cluster still wants, and creates those pods again that should run.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from vk_core.api.meta import utc_now
from vk_core.api.pod import Pod
from vk_core.api.podkey import PodKey
from vk_core.api.podstatus import PodStatus
from vk_core.api.stats import Summary
from vk_core.errors import NotFound, Unavailable
from vk_core.host import MOUNTABLE_KINDS
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
from vk_process.containers import Machine, RunningContainer
from vk_process.instances import Instance
from vk_process.logreader import read_log
from vk_process.pods import RunningPod, has_started
from vk_process.processes import Processes, env_that_changes_directory
from vk_process.refusals import refuse_what_is_not_here
from vk_process.settings import ProcessSettings
from vk_process.storage import Storage
from vk_process.surroundings import Surroundings

_ALL_FILTERS: frozenset[LogFilter] = frozenset({"tail", "since", "limit", "timestamps", "stream"})


class ProcessProvider:
    """Keeps the processes of each pod by its UID."""

    def __init__(self, context: ProviderContext[ProcessSettings]) -> None:
        self._context = context
        self._settings = context.settings
        self._pods: dict[str, RunningPod] = {}
        self._notify: PodCallback = lambda _pod: None
        self._machine: Machine | None = None
        self._storage: Storage | None = None

    async def start(self) -> None:
        """Make the folders, and start the process that ends all others when this one is gone (`Startable`)."""
        settings, log = self._settings, self._context.log
        try:
            temporary = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="vk-process-", dir=settings.folder))
        except OSError as error:
            raise Unavailable(f"folder: cannot make a folder for logs: {error}") from error
        self._machine = Machine(
            processes=Processes(temporary), folder=temporary, back_off=settings.back_off.total_seconds(), log=log
        )
        folder = Path(settings.folder) / self._context.node_name if settings.folder else temporary / "volumes"
        self._storage = Storage(folder, keeps=bool(settings.folder), log=log)
        try:
            await self._storage.open()
            await asyncio.to_thread(env_that_changes_directory)
            self._machine.processes.start()
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """End everything; volumes stay if there is a folder to keep them in (`Closable`)."""
        pods, self._notify = [*self._pods.values()], lambda _pod: None
        for pod in pods:
            pod.end(keep_volumes=self._storage is not None and self._storage.keeps)
        await asyncio.gather(*(pod.task for pod in pods))
        if self._storage:
            await self._storage.close()
        if self._machine:
            await self._machine.processes.close()
            await asyncio.to_thread(shutil.rmtree, self._machine.folder, ignore_errors=True)

    async def create_pod(self, pod: Pod) -> None:
        """Start a pod, unless it was started before; its containers wait themselves for what their variables need."""
        uid = pod.metadata.uid
        if uid in self._pods:
            return
        refuse_what_is_not_here(pod)
        machine, storage, address = self._started(), self._stored(), self._context.internal_ip
        materials = self._context.materials.of(pod)
        volumes = await storage.set_up(pod, materials)
        surroundings = Surroundings(materials, volumes, (address,))
        self._pods[uid] = RunningPod(pod, address, machine, surroundings, self._changed)

    async def adopt_pod(self, pod: Pod) -> None:
        """Core asks for a pod of which only volumes are left (`AdoptsPods`); what ran, it counts and starts again."""
        self._stored().claim(pod.metadata.uid)
        if not has_started(pod.status):
            await self.create_pod(pod)
            return
        if pod.spec.restart_policy == "Never":
            await self._stored().remove_left(pod.metadata.uid)
        raise NotFound("its processes have ended together with the virtual-kubelet that started them")

    async def update_pod(self, pod: Pod) -> None:
        """Take over what has changed: another image starts a container again, ephemeral containers join."""
        known = self._find(PodKey.of(pod))
        refuse_what_is_not_here(pod)
        known.update(pod)

    async def delete_pod(self, pod: Pod, grace_period_seconds: int) -> None:
        """Begin to stop a pod; of one that was left by the process before, remove the volumes."""
        uid = pod.metadata.uid
        if uid not in self._pods and self._storage and uid in self._storage.left:
            await self._storage.remove_left(uid)
        self._find(PodKey.of(pod)).stop(grace_period_seconds)

    async def get_pod(self, key: PodKey) -> Pod:
        """The pod with its present status."""
        if key.uid not in self._pods and self._storage and key.uid in self._storage.left:
            return self._storage.left[key.uid]
        return self._find(key).with_status()

    async def get_pod_status(self, key: PodKey) -> PodStatus:
        """The present status."""
        return (await self.get_pod(key)).status

    async def get_pods(self) -> Sequence[Pod]:
        """All pods, finished ones too, and those of which volumes are left."""
        left = self._storage.left.values() if self._storage else ()
        return [*(pod.with_status() for pod in self._pods.values()), *left]

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

    def mountable_volumes(self) -> Collection[str]:
        """What can be laid out on this machine (`MountsVolumes`)."""
        return MOUNTABLE_KINDS

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
        _, instance = self._running(key, container_name)
        return await sessions.run_command(instance, command, io, self._started().processes)

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
        if self._storage and not pod.keeps_volumes:  # else it stays as it is known now
            if pod.is_gone:
                self._storage.forget(known.metadata.uid)
            else:
                self._storage.note(known)
        self._notify(known)

    def _started(self) -> Machine:
        if self._machine is None:
            raise Unavailable("the provider has not been started")
        return self._machine

    def _stored(self) -> Storage:
        if self._storage is None:
            raise Unavailable("the provider has not been started")
        return self._storage

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
