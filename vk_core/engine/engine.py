"""Pods on a back end that can only start and stop containers: the provider interface on top of a `ContainerRuntime`."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from vk_core.aio.keyedqueue import KeyedQueue
from vk_core.api.meta import ObjectMeta, Time
from vk_core.api.pod import Pod
from vk_core.api.podkey import PodKey
from vk_core.api.podstatus import (
    ContainerState,
    ContainerStateRunning,
    ContainerStateTerminated,
    ContainerStatus,
    PodStatus,
)
from vk_core.engine import identity
from vk_core.engine.configuration.host import Host, PodSettings
from vk_core.engine.configuration.machine import read_machine
from vk_core.engine.configuration.refusals import refusal
from vk_core.engine.deciding.memory import ProbeResults
from vk_core.engine.doing.keeper import PodKeeper
from vk_core.engine.doing.tools import Tools, utc_now_exactly
from vk_core.engine.images.puller import ImagePuller
from vk_core.engine.observed import ObservedPod, by_pod, restart_count
from vk_core.engine.probing.prober import Prober
from vk_core.engine.runtime import ContainerPhase, ContainerRuntime, RuntimeContainer
from vk_core.engine.watching import RuntimeWatch
from vk_core.errors import InvalidInput, NotFound, Unavailable
from vk_core.host import MOUNTABLE_KINDS, HostVolumes
from vk_core.provider.capabilities import PodCallback
from vk_core.provider.events import PodEvents
from vk_core.provider.materials import Materials
from vk_core.provider.protocol import OWNER_ANNOTATION
from vk_core.provider.streams import ContainerIO, LogOptions, LogStream, PortStream

LOOKERS = 16
"""Pods that are looked at at the same time."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EngineSettings:
    """What whoever runs the node decides.

    Attributes:
        pods: about pods.
        volume_root: where volumes are.
        parallel_pulls: how many images are fetched at once.
        pull_timeout_seconds: how long one may take.
    """

    pods: PodSettings
    volume_root: Path
    parallel_pulls: int = 5
    pull_timeout_seconds: float = 1800.0


@dataclass(frozen=True, kw_only=True, slots=True)
class EngineContext:
    """Where the engine lives: what it takes of a provider's context.

    Attributes:
        owner: the owner mark of this node.
        internal_ip: the node's address.
        materials: what pods refer to.
        events: where to tell what happens.
        log: where messages go.
        now: the time.
    """

    owner: str
    internal_ip: str
    materials: Materials
    events: PodEvents
    log: logging.Logger
    now: Callable[[], Time] = utc_now_exactly


class PodEngine:
    """Runs pods on a container runtime; a provider (`vk_core.provider.Provider`) but for what only a back end knows."""

    def __init__(self, runtime: ContainerRuntime, context: EngineContext, settings: EngineSettings) -> None:
        self.runtime = runtime
        self._context = context
        self._settings = settings
        self._notify: PodCallback = lambda _pod: None
        self._keepers: dict[str, PodKeeper] = {}
        self._volumes = HostVolumes(settings.volume_root, log=context.log)
        self._prober = Prober(runtime, context.events, changed=self._probed, now=context.now)
        self._queue: KeyedQueue[str] = KeyedQueue("engine", self._look, workers=LOOKERS, show=self._name_of)
        self._watch = RuntimeWatch(runtime, self._wake, self._wake_all, context.log)
        self._running: asyncio.Task[None] | None = None
        self._tools: Tools | None = None

    def notify_pods(self, notify: PodCallback) -> None:
        """Remember whom to tell about changes (`NotifiesPods`)."""
        self._notify = notify

    async def start(self) -> None:
        """Get to know the runtime and the machine (`Startable`)."""
        state = await self.runtime.state()
        if not state.ready:
            raise Unavailable(f"the runtime {state.name} is not ready: {state.problem}")
        machine = await asyncio.to_thread(read_machine)
        host = Host(
            machine=machine,
            settings=self._settings.pods,
            handlers=state.handlers,
            supplemental_groups_policy=state.supplemental_groups_policy,
        )
        context = self._context
        self._tools = Tools(
            runtime=self.runtime,
            runtime_name=state.name,
            puller=ImagePuller(
                self.runtime,
                context.events,
                parallel=self._settings.parallel_pulls,
                timeout_seconds=self._settings.pull_timeout_seconds,
            ),
            prober=self._prober,
            volumes=self._volumes,
            materials=context.materials,
            events=context.events,
            host=host,
            owner=context.owner,
            host_ips=(context.internal_ip,),
            wake=self._wake,
            log=context.log,
            now=context.now,
        )
        self._running = asyncio.create_task(self._run(), name="pod-engine")

    async def close(self) -> None:
        """Let go of everything; pods go on (`Closable`)."""
        if self._running is not None:
            self._running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._running
        await asyncio.gather(*(keeper.close() for keeper in self._keepers.values()))
        await self._prober.close()
        await self._volumes.close()

    async def ping(self) -> None:
        """Look whether the runtime is well (`Pingable`)."""
        if self._running is not None and self._running.done():
            self._running.result()
        state = await self.runtime.state()
        if not (state.ready and state.network_ready):
            raise Unavailable(state.problem or f"the runtime {state.name} is not ready")

    async def create_pod(self, pod: Pod) -> None:
        """Begin to keep a pod, also one that the runtime has since before; raises InvalidInput if it can never run."""
        uid = pod.metadata.uid
        if uid not in self._keepers and self._tools is not None:
            refused = refusal(pod, self._tools.host)
            if refused is not None:
                raise InvalidInput(refused.message, reason=refused.reason)
        keeper = self._keep(pod)
        try:
            await self._look_first(keeper)
        except Unavailable:
            self._wake(uid)  # the queue says so, and tries again

    async def adopt_pod(self, pod: Pod) -> None:
        """Keep a pod that the runtime has since before (`AdoptsPods`)."""
        await self._look_first(self._keep(pod))

    async def update_pod(self, pod: Pod) -> None:
        """Take over what has changed."""
        self._find(PodKey.of(pod)).update(pod)

    async def delete_pod(self, pod: Pod, grace_period_seconds: int) -> None:
        """Begin to end a pod, also one that nobody has kept."""
        uid = pod.metadata.uid
        if uid not in self._keepers and not (await self.runtime.pod_snapshot(uid)).sandboxes:
            raise NotFound(f"the runtime has nothing of the pod {PodKey.of(pod)}")
        self._keep(pod).stop(grace_period_seconds)

    async def get_pod(self, key: PodKey) -> Pod:
        """The pod with its present status; of one that nobody keeps, what the runtime knows."""
        keeper = self._keepers.get(key.uid)
        if keeper is not None:
            return keeper.with_status()
        found = by_pod(await self.runtime.pod_snapshot(key.uid)).get(key.uid)
        if found is None:
            raise NotFound(f"the runtime has nothing of the pod {key} with UID {key.uid}")
        return pod_of(key.uid, found, self._runtime_name)

    async def get_pod_status(self, key: PodKey) -> PodStatus:
        """The present status."""
        return (await self.get_pod(key)).status

    async def get_pods(self) -> Sequence[Pod]:
        """All pods that are kept, and those that the runtime has besides."""
        found = by_pod(await self.runtime.snapshot())
        others = [pod_of(uid, pod, self._runtime_name) for uid, pod in found.items() if uid not in self._keepers]
        return [*(keeper.with_status() for keeper in self._keepers.values()), *others]

    def counts_restarts(self) -> bool:
        """They are on the containers, and in the status of pods of which the runtime has none (`CountsRestarts`)."""
        return True

    def mountable_volumes(self) -> Collection[str]:
        """What can be laid out on this machine (`MountsVolumes`)."""
        return MOUNTABLE_KINDS

    async def get_container_logs(self, key: PodKey, container_name: str, options: LogOptions) -> LogStream:
        """What a container has written (`HasContainerLogs`)."""
        instances = await self._instances(key, container_name)
        index = 1 if options.previous and instances and instances[0].phase is not ContainerPhase.EXITED else 0
        if options.previous and len(instances) <= index:
            raise NotFound(f'previous terminated container "{container_name}" in pod "{key.name}" not found')
        if not instances:
            raise NotFound(f'container "{container_name}" in pod "{key.name}" has not been started')
        return await self.runtime.logs(instances[index], options)

    async def run_in_container(self, key: PodKey, container_name: str, command: Sequence[str], io: ContainerIO) -> int:
        """Run a command in a container (`RunsInContainer`)."""
        return await self.runtime.exec((await self._running_instance(key, container_name)).id, command, io)

    async def attach_to_container(self, key: PodKey, container_name: str, io: ContainerIO) -> None:
        """Connect to a container's process (`AttachesToContainer`)."""
        instance = await self._running_instance(key, container_name)
        spec = self._find(key).pod.spec
        everyone = (*spec.containers, *spec.init_containers, *spec.ephemeral_containers)
        container = next(one for one in everyone if one.name == container_name)
        await self.runtime.attach(instance.id, io, tty=container.tty, stdin_once=container.stdin_once)

    async def port_forward(self, key: PodKey, port: int, stream: PortStream) -> None:
        """Connect to a port of a pod (`ForwardsPorts`)."""
        found = by_pod(await self.runtime.pod_snapshot(key.uid)).get(key.uid)
        if found is None or found.sandbox is None:
            raise NotFound(f"the pod {key} has no sandbox")
        await self.runtime.port_forward(found.sandbox.id, port, stream)

    async def _run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._queue.run(), name="engine-queue")
            group.create_task(self._watch.run(), name="engine-watch")
            group.create_task(self._prober.run(), name="engine-probes")

    def _keep(self, pod: Pod) -> PodKeeper:
        uid = pod.metadata.uid
        keeper = self._keepers.get(uid)
        if keeper is None:
            if self._tools is None:
                raise Unavailable("the provider has not been started")
            keeper = PodKeeper(pod, self._tools, report=self._report, gone=self._forget)
            self._keepers[uid] = keeper
        return keeper

    def _report(self, pod: Pod) -> None:
        self._notify(pod)

    def _forget(self, uid: str) -> None:
        self._keepers.pop(uid, None)

    async def _look_first(self, keeper: PodKeeper) -> None:
        """Look at once, so that what the runtime has of the pod already is in its status from the beginning."""
        seconds = await keeper.look()
        if seconds is not None:
            self._queue.add_after(keeper.uid, seconds)

    async def _look(self, uid: str) -> float | None:
        keeper = self._keepers.get(uid)
        return await keeper.look() if keeper is not None else None

    def _wake(self, uid: str) -> None:
        if uid in self._keepers:
            self._queue.add(uid, urgent=True)

    def _wake_all(self) -> None:
        for uid in self._keepers:
            self._wake(uid)

    def _probed(self, uid: str, container_id: str, results: ProbeResults) -> None:
        keeper = self._keepers.get(uid)
        if keeper is not None:
            keeper.note_probes(container_id, results)

    @property
    def _runtime_name(self) -> str:
        return self._tools.runtime_name if self._tools is not None else ""

    def _name_of(self, uid: str) -> str:
        keeper = self._keepers.get(uid)
        return str(PodKey.of(keeper.pod)) if keeper is not None else uid

    def _find(self, key: PodKey) -> PodKeeper:
        keeper = self._keepers.get(key.uid)
        if keeper is None:
            raise NotFound(f"the runtime has nothing of the pod {key} with UID {key.uid}")
        return keeper

    async def _instances(self, key: PodKey, name: str) -> Sequence[RuntimeContainer]:
        found = by_pod(await self.runtime.pod_snapshot(key.uid)).get(key.uid)
        return found.containers.get(name, ()) if found is not None else ()

    async def _running_instance(self, key: PodKey, name: str) -> RuntimeContainer:
        instances = await self._instances(key, name)
        if not instances or instances[0].phase is not ContainerPhase.RUNNING:
            raise NotFound(f'container "{name}" in pod "{key.name}" is not running')
        return instances[0]


def pod_of(uid: str, found: ObservedPod, runtime_name: str) -> Pod:
    """A pod as the runtime knows it: who it is, whose, and which of its containers run."""
    sandbox = found.sandbox
    newest = [instances[0] for instances in found.containers.values()]
    labels = sandbox.labels if sandbox is not None else newest[0].labels
    metadata = ObjectMeta(
        name=labels.get(identity.POD_NAME, ""),
        namespace=labels.get(identity.POD_NAMESPACE, ""),
        uid=uid,
        annotations={OWNER_ANNOTATION: sandbox.annotations.get(identity.OWNER_MARK, "") if sandbox is not None else ""},
    )
    statuses = tuple(_status_of(one, runtime_name) for one in newest)
    return Pod(metadata=metadata, status=PodStatus(phase="Running", container_statuses=statuses))


def _status_of(container: RuntimeContainer, runtime_name: str) -> ContainerStatus:
    if container.phase is ContainerPhase.EXITED:
        ended = ContainerStateTerminated(exit_code=container.exit_code or 0, finished_at=container.finished_at)
        state = ContainerState(terminated=ended)
    else:
        state = ContainerState(running=ContainerStateRunning(started_at=container.started_at))
    return ContainerStatus(
        name=container.labels.get(identity.CONTAINER_NAME, ""),
        image=container.image,
        image_id=container.image_id,
        container_id=f"{runtime_name}://{container.id}",
        restart_count=restart_count(container),
        state=state,
    )
