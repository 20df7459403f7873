"""A pod as it is: each container of its specification with its instances and with what was known of it before.

All that is decided is decided from this. A container counts as having run if the runtime has an instance of it or, when
the runtime has lost all of them, if its last known status says so.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass

from vk_core.api.container import Container, ResourceRequirements
from vk_core.api.pod import Pod
from vk_core.api.podstatus import ContainerStateTerminated, ContainerStatus, PodStatus
from vk_core.engine.deciding.actions import Kind
from vk_core.engine.deciding.memory import PodMemory, ProbeResults
from vk_core.engine.deciding.policy import ALWAYS, restarts
from vk_core.engine.observed import ObservedPod, restart_count
from vk_core.engine.runtime import ContainerPhase, RuntimeContainer, Sandbox

KILLED = 137
"""Exit code of what was killed, and of what nobody knows the end of."""

STATUS_UNKNOWN = "ContainerStatusUnknown"
RESTARTING_ALL = "RestartingAllContainers"
NOT_LOCATED = "The container could not be located when the pod was terminated"
USED_TO_RUN = "The container could not be located when the pod was deleted.  The container used to be Running"

NO_RESULTS = ProbeResults()


class Stage(enum.Enum):
    """How far the newest instance of a container has come."""

    ABSENT = "absent"
    CREATED = "created"
    RUNNING = "running"
    UNKNOWN = "unknown"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class View:
    """One container of a pod.

    Attributes:
        container: as it is specified.
        kind: what it is for.
        instances: all that the runtime has of it, the newest first.
        current: the newest one, if it is in the present sandbox.
        stage: how far the newest one has come; `ENDED` too if the runtime has none and the last known status says that
            it ran; of init containers and sidecars only those in the present sandbox count.
        known: its last known status.
        pod_policy: the pod's restart policy.
        stopped_to_restart: whether the engine has stopped its newest instance in order to start it anew.
        starting: whether its start is under way.
        probes: results of the newest instance.
        actuated: resources it was given last; None if nobody knows, or it does not run.
    """

    container: Container
    kind: Kind
    instances: Sequence[RuntimeContainer]
    current: RuntimeContainer | None
    stage: Stage
    known: ContainerStatus | None
    pod_policy: str
    stopped_to_restart: bool
    starting: bool
    probes: ProbeResults
    actuated: ResourceRequirements | None

    @property
    def name(self) -> str:
        """Its name in the pod."""
        return self.container.name

    @property
    def newest(self) -> RuntimeContainer | None:
        """Its newest instance, in whatever sandbox."""
        return self.instances[0] if self.instances else None

    @property
    def exit_code(self) -> int:
        """What it has ended with."""
        if self.newest is not None:
            return exit_code_of(self.newest)
        ended = lost(self.known)
        return ended.exit_code if ended is not None else KILLED

    @property
    def restarts(self) -> bool:
        """Whether it is started again, if it has ended."""
        return self.stopped_to_restart or restarts(self.container, self.kind, self.pod_policy, self.exit_code)

    @property
    def failed_for_good(self) -> bool:
        """Whether its newest instance has failed and is not started again."""
        newest = self.newest
        ended = lost(self.known) is not None if newest is None else has_ended(newest)
        return ended and self.exit_code != 0 and not self.restarts

    @property
    def is_started(self) -> bool:
        """Whether it runs and its startup probe, if it has one, has succeeded.

        A container that was known as started before remains so: probes begin anew when virtual-kubelet does.
        """
        if self.stage is not Stage.RUNNING or self.starting:
            return False
        if self.container.startup_probe is None:
            return True
        if self.probes.startup is not None:
            return self.probes.startup
        return self.known_instance is not None and bool(self.known_instance.started)

    @property
    def known_instance(self) -> ContainerStatus | None:
        """Its last known status, if that speaks of its newest instance."""
        return _of_instance(self.known, self.newest)

    @property
    def next_attempt(self) -> int:
        """Which start the next one will be, from 0."""
        newest = self.newest
        if newest is not None:
            return restart_count(newest) + (newest.phase is not ContainerPhase.CREATED)
        known = self.known
        if known is None:
            return 0
        ended = known.last_state.terminated
        if ended is not None and ended.reason == RESTARTING_ALL and known.state.terminated is None:
            return known.restart_count
        return known.restart_count + (lost(known) is not None)


@dataclass(frozen=True, slots=True)
class Survey:
    """A pod as it is.

    Attributes:
        pod: as it is specified.
        observed: as the runtime has it.
        memory: what is remembered of it.
        known: its last known status.
        sandbox: the present sandbox, if it is ready and the only one that is.
        inits: init containers and sidecars, in their order.
        apps: app containers.
        ephemeral: ephemeral containers.
    """

    pod: Pod
    observed: ObservedPod
    memory: PodMemory
    known: PodStatus
    sandbox: Sandbox | None
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
    sandbox = observed.sandbox if observed.is_ready else None
    spec = pod.spec

    def draw(container: Container, kind: Kind, statuses: Sequence[ContainerStatus]) -> View:
        status = next((status for status in statuses if status.name == container.name), None)
        return _view(
            container, kind, status, observed=observed, memory=memory, sandbox=sandbox, policy=spec.restart_policy
        )

    return Survey(
        pod,
        observed,
        memory,
        known,
        sandbox,
        tuple(
            draw(one, Kind.SIDECAR if one.restart_policy == ALWAYS else Kind.INIT, known.init_container_statuses)
            for one in spec.init_containers
        ),
        tuple(draw(one, Kind.APP, known.container_statuses) for one in spec.containers),
        tuple(draw(one, Kind.EPHEMERAL, known.ephemeral_container_statuses) for one in spec.ephemeral_containers),
    )


def lost(known: ContainerStatus | None) -> ContainerStateTerminated | None:
    """How a container of which the runtime has nothing has ended, from its last known status; None if it never ran."""
    if known is None:
        return None
    if known.state.terminated is not None:
        return known.state.terminated
    if known.state.running is not None:
        return ContainerStateTerminated(exit_code=KILLED, reason=STATUS_UNKNOWN, message=USED_TO_RUN)
    ended = known.last_state.terminated
    return None if ended is None or ended.reason == RESTARTING_ALL else ended


def has_ended(instance: RuntimeContainer) -> bool:
    """Whether an instance ran and does no more, as far as is known."""
    return instance.phase in {ContainerPhase.EXITED, ContainerPhase.UNKNOWN}


def exit_code_of(instance: RuntimeContainer) -> int:
    """What an instance has ended with."""
    if instance.phase is not ContainerPhase.EXITED or instance.exit_code is None:
        return KILLED
    return instance.exit_code


def _is_alive(instance: RuntimeContainer, memory: PodMemory) -> bool:
    if instance.phase is ContainerPhase.UNKNOWN:
        return instance.id not in memory.stopped
    return instance.phase is ContainerPhase.RUNNING


def _view(
    container: Container,
    kind: Kind,
    known: ContainerStatus | None,
    *,
    observed: ObservedPod,
    memory: PodMemory,
    sandbox: Sandbox | None,
    policy: str,
) -> View:
    instances = observed.containers.get(container.name, ())
    newest = instances[0] if instances else None
    current = newest if newest is not None and sandbox is not None and newest.sandbox_id == sandbox.id else None
    if kind in {Kind.INIT, Kind.SIDECAR}:
        stage = _stage(current, memory)
    elif newest is None and lost(known) is not None:
        stage = Stage.ENDED
    else:
        stage = _stage(newest, memory)
    stop = memory.stops.get(newest.id) if newest is not None else None
    return View(
        container=container,
        kind=kind,
        instances=instances,
        current=current,
        stage=stage,
        known=known,
        pod_policy=policy,
        stopped_to_restart=stop is not None and stop.restart,
        starting=container.name in memory.starting,
        probes=memory.probes.get(newest.id, NO_RESULTS) if newest is not None else NO_RESULTS,
        actuated=_actuated(newest, known, memory),
    )


def _actuated(
    newest: RuntimeContainer | None, known: ContainerStatus | None, memory: PodMemory
) -> ResourceRequirements | None:
    if newest is None or newest.phase is not ContainerPhase.RUNNING:
        return None
    if newest.id in memory.actuated:
        return memory.actuated[newest.id]
    status = _of_instance(known, newest)
    return status.resources if status is not None else None


def _of_instance(known: ContainerStatus | None, instance: RuntimeContainer | None) -> ContainerStatus | None:
    if known is None or instance is None or not known.container_id:
        return None
    return known if known.container_id.rpartition("://")[2] == instance.id else None


def _stage(instance: RuntimeContainer | None, memory: PodMemory) -> Stage:
    if instance is None:
        return Stage.ABSENT
    if instance.phase is ContainerPhase.UNKNOWN:
        return Stage.ENDED if instance.id in memory.stopped else Stage.UNKNOWN
    return _STAGES[instance.phase]


_STAGES = {
    ContainerPhase.CREATED: Stage.CREATED,
    ContainerPhase.RUNNING: Stage.RUNNING,
    ContainerPhase.EXITED: Stage.ENDED,
}
