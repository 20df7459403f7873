"""A pod: its containers in the order that Kubernetes promises, and the phase that follows from them."""

from __future__ import annotations

import asyncio
import shutil
import signal
from collections.abc import Callable, Iterable, Sequence

from msgspec.structs import replace

from vk_core.api.container import Container
from vk_core.api.meta import utc_now
from vk_core.api.pod import Pod
from vk_core.api.podstatus import ContainerStatus, PodIP, PodStatus
from vk_core.errors import ProviderError
from vk_process.containers import Machine, RunningContainer
from vk_process.surroundings import Surroundings

_DEFAULT_GRACE_SECONDS = 30


class RunningPod:
    """A pod that was created.

    Args:
        pod: as core hands it over.
        address: what it is reported to be reached at.
        machine: what all containers share.
        surroundings: what its containers find.
        changed: called on every change of the pod's status; the last time when it was deleted and is gone.

    Attributes:
        is_gone: whether it was deleted and has ended.
        keeps_volumes: whether they outlive it, because it ends only together with virtual-kubelet.
    """

    def __init__(
        self,
        pod: Pod,
        address: str,
        machine: Machine,
        surroundings: Surroundings,
        changed: Callable[[RunningPod], None],
    ) -> None:
        self.is_gone = False
        self.keeps_volumes = False
        self._pod = pod
        self._address = address
        self._machine = machine
        self._surroundings = surroundings
        self._changed = changed
        self._started_at = utc_now()
        self._reason = ""
        self._deleted = asyncio.Event()
        self._kill: asyncio.TimerHandle | None = None
        self._kill_at = 0.0
        self._folder = machine.folder / pod.metadata.uid
        self._inits = self._make(pod.spec.init_containers)
        self._mains = self._make(pod.spec.containers)
        self._debuggers: list[RunningContainer] = []
        self._debugging: list[asyncio.Task[None]] = []
        self.task = asyncio.create_task(self._run(), name=f"pod {pod.metadata.uid}")
        self.task.add_done_callback(self._report)

    @property
    def containers(self) -> Sequence[RunningContainer]:
        """All containers of all sorts."""
        return (*self._inits, *self._mains, *self._debuggers)

    def container(self, name: str) -> RunningContainer | None:
        """The container of this name."""
        return next((one for one in self.containers if one.spec.name == name), None)

    def with_status(self) -> Pod:
        """The pod with its present status."""
        inits, mains = _statuses(self._inits), _statuses(self._mains)
        found = phase(self._pod, inits, mains)
        if self._reason and found == "Succeeded":
            found = "Failed"
        status = PodStatus(
            phase=found,
            reason=self._reason if found == "Failed" else "",
            pod_ip=self._address,
            pod_ips=(PodIP(ip=self._address),),
            start_time=self._started_at,
            init_container_statuses=inits,
            container_statuses=mains,
            ephemeral_container_statuses=_statuses(self._debuggers),
        )
        return replace(self._pod, status=status)

    def update(self, pod: Pod) -> None:
        """Take over a changed pod."""
        self._pod = pod
        for container in (*pod.spec.init_containers, *pod.spec.containers):
            if known := self.container(container.name):
                known.update(container)
        self._debug(pod.spec.ephemeral_containers)

    def stop(self, grace_period_seconds: int) -> None:
        """Ask all processes to end, and end them when the grace period is over; asked again it only gets shorter."""
        if not self._deleted.is_set():
            self._deleted.set()
            self._signal(signal.SIGTERM)
        self._kill_in(grace_period_seconds)

    def end(self, *, keep_volumes: bool) -> None:
        """End all processes at once because virtual-kubelet ends; a pod that was not deleted may be created again."""
        self.keeps_volumes = keep_volumes and not self._deleted.is_set()
        self.stop(0)

    def _make(self, containers: Iterable[Container]) -> list[RunningContainer]:
        return [RunningContainer(one, self._pod, self._machine, self._surroundings, self._tell) for one in containers]

    def _report(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()):
            self._machine.log.error("the pod %s is no longer looked after", self._pod.metadata.name, exc_info=error)

    def _tell(self) -> None:
        self._changed(self)

    async def _run(self) -> None:
        """The whole life of the pod."""
        await asyncio.to_thread(self._folder.mkdir)
        deadline = self._pod.spec.active_deadline_seconds
        timer = asyncio.get_running_loop().call_later(deadline, self._expire) if deadline else None
        self._debug(self._pod.spec.ephemeral_containers)
        async with asyncio.TaskGroup() as sidecars:
            if await self._initialize(sidecars):
                async with asyncio.TaskGroup() as mains:
                    for container in self._mains:
                        policy = container.spec.restart_policy or self._pod.spec.restart_policy
                        mains.create_task(container.run(policy), name=f"container {container.spec.name}")
            self._end_sidecars()
        if timer:
            timer.cancel()
        await self._deleted.wait()
        await asyncio.gather(*self._debugging)
        self._cancel_kill()
        await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)
        if not self.keeps_volumes:
            await self._tear_down()
        self.is_gone = True
        self._tell()

    async def _initialize(self, sidecars: asyncio.TaskGroup) -> bool:
        """Run init containers one after the other, and leave sidecars running; says whether all went well."""
        policy = "Never" if self._pod.spec.restart_policy == "Never" else "OnFailure"
        for container in self._inits:
            if _is_sidecar(container.spec):
                started = asyncio.Event()
                sidecar = sidecars.create_task(container.run("Always", started.set), name=container.spec.name)
                waiting = asyncio.create_task(started.wait(), name=f"start of {container.spec.name}")
                await asyncio.wait({sidecar, waiting}, return_when=asyncio.FIRST_COMPLETED)
                waiting.cancel()
            else:
                await container.run(policy)
                if container.exit_code and not self._deleted.is_set():
                    return False
        return True

    async def _tear_down(self) -> None:
        try:
            await self._surroundings.volumes.tear_down()
        except ProviderError as error:
            self._machine.log.warning("%s: %s", self._pod.metadata.name, error)

    def _debug(self, containers: Iterable[Container]) -> None:
        """Start the ephemeral containers that are not there yet; they run once, whatever the restart policy."""
        for debugger in self._make(one for one in containers if self.container(one.name) is None):
            self._debuggers.append(debugger)
            if self._deleted.is_set():
                debugger.stop(signal.SIGKILL)
            name = f"container {debugger.spec.name}"
            self._debugging.append(asyncio.create_task(debugger.run("Never"), name=name))

    def _expire(self) -> None:
        """The pod has been active for too long."""
        self._reason = "DeadlineExceeded"
        self._signal(signal.SIGTERM)
        self._kill_in(self._grace_period_seconds)

    def _end_sidecars(self) -> None:
        """What the sidecars are there for is over."""
        for container in self._inits:
            container.stop(signal.SIGTERM)
        self._kill_in(self._grace_period_seconds)

    @property
    def _grace_period_seconds(self) -> int:
        seconds = self._pod.spec.termination_grace_period_seconds
        return _DEFAULT_GRACE_SECONDS if seconds is None else seconds

    def _signal(self, number: int) -> None:
        for container in self.containers:
            container.stop(number)

    def _kill_in(self, seconds: int) -> None:
        """Kill what still runs then, or earlier if that was arranged before."""
        loop = asyncio.get_running_loop()
        when = loop.time() + seconds
        if self._kill and self._kill_at <= when:  # what uvloop returns for no delay at all cannot be asked
            return
        self._cancel_kill()
        self._kill_at = when
        self._kill = loop.call_later(seconds, self._kill_now)

    def _kill_now(self) -> None:
        self._kill = None
        self._signal(signal.SIGKILL)

    def _cancel_kill(self) -> None:
        if self._kill:
            self._kill.cancel()
            self._kill = None


def phase(pod: Pod, inits: Sequence[ContainerStatus], mains: Sequence[ContainerStatus]) -> str:
    """The phase of a pod whose containers are terminated only if they are not started again."""
    sidecars = {container.name for container in pod.spec.init_containers if _is_sidecar(container)}
    if any(_has_failed(status) for status in inits if status.name not in sidecars):
        return "Failed"
    if not all(map(_has_run, mains)):
        return "Pending"  # even if others run, as with kubelet
    if any(status.state.terminated is None for status in mains):
        return "Running"
    return "Failed" if any(map(_has_failed, mains)) else "Succeeded"


def has_started(status: PodStatus) -> bool:
    """Whether any container was started at least once."""
    return any(map(_has_run, (*status.init_container_statuses, *status.container_statuses)))


def _is_sidecar(container: Container) -> bool:
    return container.restart_policy == "Always"


def _statuses(containers: Iterable[RunningContainer]) -> tuple[ContainerStatus, ...]:
    return tuple([container.status for container in containers])


def _has_run(status: ContainerStatus) -> bool:
    return status.state.waiting is None or status.last_state.terminated is not None


def _has_failed(status: ContainerStatus) -> bool:
    return status.state.terminated is not None and status.state.terminated.exit_code != 0
