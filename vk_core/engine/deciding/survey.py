"""A pod as it is: what the specification, the runtime and the memory say together. All that is decided starts here."""

from __future__ import annotations

from dataclasses import dataclass

from vk_core.api.container import Container
from vk_core.api.pod import Pod
from vk_core.api.podstatus import ContainerStatus, PodStatus
from vk_core.engine.deciding.actions import Kind
from vk_core.engine.deciding.memory import PodMemory, ProbeResults
from vk_core.engine.deciding.policy import ALWAYS
from vk_core.engine.deciding.views import Stage, View, asks_for_restart_of_all, lost, of_instance
from vk_core.engine.observed import ObservedPod
from vk_core.engine.runtime import ContainerPhase, RuntimeContainer, Sandbox

_NO_RESULTS = ProbeResults()
_STAGES = {
    ContainerPhase.CREATED: Stage.CREATED,
    ContainerPhase.RUNNING: Stage.RUNNING,
    ContainerPhase.EXITED: Stage.ENDED,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Survey:
    """A pod as it is.

    Attributes:
        pod: as it is specified.
        observed: as the runtime has it.
        memory: what is remembered of it.
        known: its last known status.
        sandbox: the present sandbox, if it is ready and the only one that is.
        restarts_all: whether all containers are being removed in order to start anew (KEP-5532).
        inits: init containers and sidecars, in their order.
        apps: app containers.
        ephemeral: ephemeral containers.
    """

    pod: Pod
    observed: ObservedPod
    memory: PodMemory
    known: PodStatus
    sandbox: Sandbox | None
    restarts_all: bool
    inits: tuple[View, ...]
    apps: tuple[View, ...]
    ephemeral: tuple[View, ...]

    @property
    def views(self) -> tuple[View, ...]:
        """All containers: init containers and sidecars, app containers, ephemeral containers."""
        return (*self.inits, *self.apps, *self.ephemeral)

    @property
    def alive(self) -> list[tuple[str, RuntimeContainer]]:
        """Names and instances of all that runs or may run, also of what the specification does not name."""
        return [
            (name, one)
            for name, instances in self.observed.containers.items()
            for one in instances
            if _is_alive(one, self.memory)
        ]


def survey(pod: Pod, observed: ObservedPod, memory: PodMemory) -> Survey:
    """Puts together what there is to know of a pod."""
    known = memory.reported or pod.status
    spec = pod.spec
    statuses = {
        status.name: status
        for status in (*known.init_container_statuses, *known.container_statuses, *known.ephemeral_container_statuses)
    }
    viewer = _Viewer(pod, observed, memory, statuses)
    return Survey(
        pod=pod,
        observed=observed,
        memory=memory,
        known=known,
        sandbox=viewer.sandbox,
        restarts_all=viewer.restarts_all,
        inits=tuple(viewer.view(one, _kind_of_init(one)) for one in spec.init_containers),
        apps=tuple(viewer.view(one, Kind.APP) for one in spec.containers),
        ephemeral=tuple(viewer.view(one, Kind.EPHEMERAL) for one in spec.ephemeral_containers),
    )


def _kind_of_init(container: Container) -> Kind:
    return Kind.SIDECAR if container.restart_policy == ALWAYS else Kind.INIT


class _Viewer:
    """Makes the views of one pod."""

    def __init__(
        self, pod: Pod, observed: ObservedPod, memory: PodMemory, statuses: dict[str, ContainerStatus]
    ) -> None:
        self._policy = pod.spec.restart_policy
        self._observed = observed
        self._memory = memory
        self._statuses = statuses
        self.sandbox = observed.sandbox if observed.is_ready else None
        self.restarts_all = any(
            asks_for_restart_of_all(one, observed.newest(one.name), statuses.get(one.name))
            for one in (*pod.spec.init_containers, *pod.spec.containers)
        )

    def view(self, container: Container, kind: Kind) -> View:
        memory, sandbox = self._memory, self.sandbox
        known = self._statuses.get(container.name)
        newest = self._observed.newest(container.name)
        current = newest if newest is not None and sandbox is not None and newest.sandbox_id == sandbox.id else None
        was_reset = self._was_reset(kind, newest, known)
        stop = memory.stops.get(newest.id) if newest is not None else None
        status = of_instance(known, newest)
        runs = newest is not None and newest.phase is ContainerPhase.RUNNING
        return View(
            container=container,
            kind=kind,
            instances=self._observed.containers.get(container.name, ()),
            current=current,
            stage=self._stage(kind, current, newest, None if was_reset else known),
            known=known,
            pod_policy=self._policy,
            was_reset=was_reset,
            stopped_to_restart=stop is not None and stop.restart,
            starting=container.name in memory.starting,
            probes=memory.probes.get(newest.id, _NO_RESULTS) if newest is not None else _NO_RESULTS,
            actuated=memory.actuated.get(newest.id, status.resources if status is not None else None)
            if newest is not None and runs
            else None,
        )

    def _was_reset(self, kind: Kind, newest: RuntimeContainer | None, known: ContainerStatus | None) -> bool:
        if not self.restarts_all or kind is Kind.EPHEMERAL or newest is not None or known is None:
            return False
        return known.state.running is not None or known.state.terminated is not None

    def _stage(
        self,
        kind: Kind,
        current: RuntimeContainer | None,
        newest: RuntimeContainer | None,
        known: ContainerStatus | None,
    ) -> Stage:
        instance = current if kind in {Kind.INIT, Kind.SIDECAR} else newest
        if instance is None:
            ran = kind in {Kind.APP, Kind.EPHEMERAL} and lost(known) is not None
            return Stage.ENDED if ran else Stage.ABSENT
        if instance.phase is ContainerPhase.UNKNOWN:
            return Stage.ENDED if instance.id in self._memory.stopped else Stage.UNKNOWN
        return _STAGES[instance.phase]


def _is_alive(instance: RuntimeContainer, memory: PodMemory) -> bool:
    if instance.phase is ContainerPhase.UNKNOWN:
        return instance.id not in memory.stopped
    return instance.phase is ContainerPhase.RUNNING
