"""Keeps one pod: looks at what the runtime has of it, decides, has it done, and reports.

Everything that takes time is begun and left to itself; when it has ended, the pod is looked at again. So looking is
quick, and a slow pull or a container that does not want to end keeps nobody waiting.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Callable

from msgspec.structs import replace

from vk_core.aio.backoff import Backoff
from vk_core.api.container import Container
from vk_core.api.meta import Time
from vk_core.api.pod import Pod
from vk_core.api.podstatus import PodStatus
from vk_core.engine.configuration.errors import ConfigurationError
from vk_core.engine.configuration.resources import container_resources
from vk_core.engine.deciding.actions import BackOff, MakeSandbox, Plan, Resize, Stop
from vk_core.engine.deciding.memory import PodMemory, ProbeResults, Termination
from vk_core.engine.deciding.plan import plan
from vk_core.engine.deciding.status import pod_status
from vk_core.engine.doing.messages import read_messages
from vk_core.engine.doing.operations import Operations
from vk_core.engine.doing.sandboxes import PodGround
from vk_core.engine.doing.starts import CONFIG_ERROR, ContainerStarter
from vk_core.engine.doing.stops import ContainerStop
from vk_core.engine.doing.tools import Tools
from vk_core.engine.observed import ObservedPod, by_pod
from vk_core.engine.runtime import ContainerPhase
from vk_core.errors import MaterialMissing, ProviderError

SANDBOX_RETRY = Backoff(first_seconds=1.0, limit_seconds=60.0)
"""Between two tries to make a sandbox."""

CLEAR_RETRY = Backoff(first_seconds=1.0, limit_seconds=60.0)
MOUNT_RETRY = Backoff(first_seconds=1.0, limit_seconds=60.0)

MAKING = SANDBOX, MOUNT, STARTS, REMOVES = "sandbox", "mount", "starts", "removes"
"""What adds to a pod, or takes from it while it goes on: over before the pod is cleared away."""

STOP_SANDBOXES, RESIZES, CLEAR = (
    "sandboxes",
    "resizes",
    "clear",
)


class PodKeeper:
    """One pod.

    Args:
        pod: as core hands it over.
        tools: what everything is done with.
        report: takes the pod with its new status.
        gone: told when nothing of the pod is left.

    Attributes:
        pod: as created or last updated.
        memory: what is remembered of it.
    """

    def __init__(self, pod: Pod, tools: Tools, *, report: Callable[[Pod], None], gone: Callable[[str], None]) -> None:
        self.pod = pod
        self.uid = pod.metadata.uid
        self.memory = PodMemory(
            runtime_name=tools.runtime_name, host_ips=tools.host_ips, accepted_at=tools.now().replace(microsecond=0)
        )
        self._tools = tools
        self._report = report
        self._gone = gone
        self._ground = PodGround(tools, pod, changed=self.materials_changed)
        self._starter = ContainerStarter(tools, self._ground, self.memory)
        self._operations = Operations(
            lambda: tools.wake(self.uid), tools.log, f"{pod.metadata.namespace}/{pod.metadata.name}"
        )
        self._stops: dict[str, ContainerStop] = {}
        self._told_back_offs: dict[str, Time] = {}
        self._sandbox_failures = 0
        self._clear_failures = 0
        self._mount_failures = 0
        self._looking = asyncio.Lock()

    def with_status(self) -> Pod:
        """The pod with the status that was found last; before the first look, as it was known or as it begins."""
        status = self.memory.reported or self.pod.status
        if not status.phase:
            status = pod_status(self.pod, ObservedPod(self.uid, (), {}), self.memory, self._tools.now())
        return replace(self.pod, status=status)

    def update(self, pod: Pod) -> None:
        """Take over what has changed."""
        self.pod = pod
        self._tools.wake(self.uid)

    def stop(self, grace_period_seconds: int) -> None:
        """Begin to end it; asked again it only gets quicker."""
        known = self.memory.termination
        if known is None or grace_period_seconds < known.grace_period_seconds:
            self.memory.termination = Termination(self._tools.now(), grace_period_seconds)
            self._tools.wake(self.uid)

    def note_probes(self, container_id: str, results: ProbeResults) -> None:
        """The probes of a container have found something else."""
        self.memory.probes[container_id] = results
        self._tools.wake(self.uid)

    def materials_changed(self) -> None:
        """Something that the pod refers to has changed: no reason to wait any longer for what was missing."""
        failures = self.memory.failures
        for name in [name for name, failure in failures.items() if failure.reason == CONFIG_ERROR]:
            failures[name] = failures[name]._replace(retry_at=self._tools.now())
        self.memory.sandbox_retry_at = None
        self._tools.wake(self.uid)

    async def look(self) -> float | None:
        """Look at the pod, and have done what is right now; gives the seconds after which to look again."""
        async with self._looking:
            return await self._look()

    async def _look(self) -> float | None:
        observed = await self._observed()
        now = self._tools.now()
        wanted = plan(self.pod, observed, self.memory, now)
        self._carry_out(wanted, observed)
        self._probe(observed)
        self._tell_status(observed, now)
        if wanted.ended:
            self._end(observed)
        return max((wanted.wake_at - now).total_seconds(), 0.01) if wanted.wake_at is not None else None

    async def close(self) -> None:
        """Leave everything as it is."""
        await self._operations.close()
        await self._ground.close()

    async def _observed(self) -> ObservedPod:
        """What the runtime has of it, seen after the last thing that was done: else that would be done once more."""
        while True:
            ended = self._operations.ended
            snapshot = await self._tools.runtime.pod_snapshot(self.uid)
            observed = by_pod(snapshot).get(self.uid) or ObservedPod(self.uid, (), {})
            self.memory.forget(observed)
            await read_messages(self._tools, observed, self.memory, self.pod.status)
            if self._operations.ended == ended:
                return observed

    def _carry_out(self, wanted: Plan, observed: ObservedPod) -> None:
        begin, runtime = self._operations.begin, self._tools.runtime
        for stop in wanted.stops:
            self._begin_stop(stop, observed)
        for wait in wanted.back_offs:
            self._tell_back_off(wait)
        if wanted.removes:
            begin(REMOVES, lambda: _each(wanted.removes, runtime.remove_container))
        if wanted.stop_sandboxes:
            begin(STOP_SANDBOXES, lambda: _each(wanted.stop_sandboxes, runtime.stop_sandbox))
        if wanted.sandbox is not None:
            sandbox = wanted.sandbox
            begin(SANDBOX, lambda: self._make_sandbox(sandbox))
        if wanted.over:
            self._give_up()
        elif wanted.starts:
            begin(STARTS, lambda: self._starter.start_all(self.pod, wanted.starts, observed))
        elif observed.runs and self._ground.volumes is None:
            begin(MOUNT, self._mount)  # after a restart of virtual-kubelet, for changes of volumes to arrive
        if wanted.resizes:
            begin(RESIZES, lambda: self._resize(wanted.resizes))

    def _give_up(self) -> None:
        """A slow pull or a volume that is not there holds up no end; what the runtime has begun is waited for."""
        self._operations.cancel(STARTS)
        self._operations.cancel(MOUNT)
        if self._ground.is_mounting:
            self._operations.cancel(SANDBOX)

    async def _mount(self) -> None:
        try:
            await self._ground.mount()
        except ProviderError as error:
            self._mount_failures += 1
            self._tools.log.debug("the volumes of %s cannot be followed: %s", self.pod.metadata.name, error)
            await asyncio.sleep(MOUNT_RETRY.delay_seconds(self._mount_failures))
        else:
            self._mount_failures = 0

    def _begin_stop(self, stop: Stop, observed: ObservedPod) -> None:
        self.memory.note_stopping(stop)
        known = self._stops.get(stop.container_id)
        if known is not None:
            known.hurry(stop)
            return
        self._tools.prober.forget(stop.container_id)
        address = self._tools.address_of(self.pod, observed)
        ending = ContainerStop(self._tools, self.pod, stop, pod_ip=address, stopped=self.memory.note_stopped)
        self._stops[stop.container_id] = ending
        self._operations.begin(f"stop {stop.container_id}", lambda: self._run_stop(stop.container_id, ending))

    def _tell_back_off(self, wait: BackOff) -> None:
        """Once for each wait, as an event that kubelet tells at every look."""
        if self._told_back_offs.get(wait.name) != wait.until:
            self._told_back_offs[wait.name] = wait.until
            metadata = self.pod.metadata
            where = f"{metadata.name}_{metadata.namespace}({self.uid})"
            text = f"Back-off restarting failed container {wait.name} in pod {where}"
            self._tools.events.record(self.pod, "BackOff", text, warning=True, container_name=wait.name)

    async def _run_stop(self, container_id: str, ending: ContainerStop) -> None:
        try:
            await ending.run()
        except ProviderError as error:
            self._tools.log.warning("stopping a container of %s: %s", self.pod.metadata.name, error)
            await asyncio.sleep(1.0)
        finally:
            del self._stops[container_id]

    async def _make_sandbox(self, wanted: MakeSandbox) -> None:
        try:
            await self._ground.make(self.pod, wanted)
        except ProviderError as error:
            self._sandbox_failures += 1
            delay = SANDBOX_RETRY.delay_seconds(self._sandbox_failures)
            self.memory.sandbox_retry_at = self._tools.now() + dt.timedelta(seconds=delay)
            if isinstance(error, ConfigurationError):
                self._tools.events.record(self.pod, error.reason, str(error), warning=True)
            elif not isinstance(error, MaterialMissing):
                self._tools.log.warning("the sandbox of %s cannot be made: %s", self.pod.metadata.name, error)
        else:
            self._sandbox_failures = 0
            self.memory.sandbox_retry_at = None

    async def _resize(self, resizes: tuple[Resize, ...]) -> None:
        for resize in resizes:
            resources = container_resources(self.pod, resize.container, self._tools.host)
            try:
                await self._tools.runtime.update_container(resize.container_id, resources)
            except ProviderError as error:
                self.memory.resize_problem = str(error)
                return
            self.memory.actuated[resize.container_id] = resize.resources
        self.memory.resize_problem = ""

    def _probe(self, observed: ObservedPod) -> None:
        """Have the probes of all containers that run and are not about to end followed."""
        spec = self.pod.spec
        reported = self.memory.reported or self.pod.status
        for container in (*spec.init_containers, *spec.containers):
            instance = observed.newest(container.name)
            if instance is None or not _has_probes(container):
                continue
            if instance.phase is ContainerPhase.RUNNING and instance.id not in self.memory.stops:
                if container.name not in self.memory.starting:
                    self._tools.prober.follow(
                        self.pod,
                        container,
                        instance.id,
                        pod_ip=self._tools.address_of(self.pod, observed),
                        started_at=instance.started_at or instance.created_at,
                        was=_known_results(reported, container, f"{self.memory.runtime_name}://{instance.id}"),
                    )
            else:
                self._tools.prober.forget(instance.id)

    def _tell_status(self, observed: ObservedPod, now: Time) -> None:
        status = pod_status(self.pod, observed, self.memory, now)
        if status != self.memory.reported:
            self.memory.reported = status
            self._report(replace(self.pod, status=status))

    def _end(self, observed: ObservedPod) -> None:
        """Nothing of the pod runs any more: take away what is not needed, and all of it if the pod was deleted."""
        self._tools.prober.forget_pod(self.uid)
        if any(name in self._operations for name in MAKING):
            return  # looked at again when that is over
        if self.memory.termination is not None:
            self._operations.begin(CLEAR, lambda: self._clear(observed))
        elif self._ground.volumes is not None:
            self._operations.begin(CLEAR, lambda: self._clear(None))

    async def _clear(self, observed: ObservedPod | None) -> None:
        """Take everything away, or only the volumes of a pod that is still shown."""
        try:
            if observed is None:
                await self._ground.unmount()
            else:
                await self._ground.clear(self.pod, observed)
        except ProviderError as error:
            self._clear_failures += 1
            delay = CLEAR_RETRY.delay_seconds(self._clear_failures)
            self._tools.log.warning("what is left of %s cannot be removed: %s", self.pod.metadata.name, error)
            await asyncio.sleep(delay)
        else:
            self._clear_failures = 0
            if observed is not None:
                self._gone(self.uid)


async def _each(ids: tuple[str, ...], act: Callable[[str], object]) -> None:
    for one in ids:
        outcome = act(one)
        if asyncio.iscoroutine(outcome):
            await outcome


def _has_probes(container: Container) -> bool:
    return bool(container.startup_probe or container.liveness_probe or container.readiness_probe)


def _known_results(status: PodStatus, container: Container, container_id: str) -> ProbeResults | None:
    """What was known of a container before a restart of virtual-kubelet, so that a ready one remains so."""
    for known in (*status.container_statuses, *status.init_container_statuses):
        if known.name == container.name and known.container_id == container_id:
            # Not started yet is no failure to start.
            return ProbeResults(startup=known.started or None, liveness=None, readiness=known.ready)
    return None
