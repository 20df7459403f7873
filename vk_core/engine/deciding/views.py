"""One container of a pod as it is: its instances in the runtime, and what was known of it before.

A container counts as having run if the runtime has an instance of it or, when the runtime has lost all of them, if its
last known status says so.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass

from vk_core.api.container import Container, ResourceRequirements
from vk_core.api.podstatus import ContainerStateTerminated, ContainerStatus
from vk_core.engine.deciding.actions import Kind
from vk_core.engine.deciding.memory import ProbeResults
from vk_core.engine.deciding.policy import NEVER, RESTART_ALL, matching_action, restart_policy, restarts
from vk_core.engine.observed import restart_count
from vk_core.engine.runtime import ContainerPhase, RuntimeContainer

KILLED = 137
"""Exit code of what was killed, and of what nobody knows the end of."""

STATUS_UNKNOWN = "ContainerStatusUnknown"
RESTARTING_ALL = "RestartingAllContainers"
USED_TO_RUN = "The container could not be located when the pod was deleted.  The container used to be Running"


class Stage(enum.Enum):
    """How far the newest instance of a container has come."""

    ABSENT = "absent"
    CREATED = "created"
    RUNNING = "running"
    UNKNOWN = "unknown"
    ENDED = "ended"


@dataclass(frozen=True, kw_only=True, slots=True)
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
        was_reset: whether its instances were removed in order to start all containers of the pod anew.
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
    was_reset: bool
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
        return self.lost.exit_code if self.lost is not None else KILLED

    @property
    def lost(self) -> ContainerStateTerminated | None:
        """How it has ended if the runtime has nothing of it; None if it never ran, or shall run as if it never had."""
        return None if self.was_reset or self.newest is not None else lost(self.known)

    @property
    def restarts(self) -> bool:
        """Whether it is started again, if it has ended."""
        return self.stopped_to_restart or restarts(self.container, self.kind, self.pod_policy, self.exit_code)

    @property
    def may_restart(self) -> bool:
        """Whether it is started again when the engine has stopped it, whatever it ends with."""
        return restart_policy(self.container, self.pod_policy) != NEVER

    @property
    def failed_for_good(self) -> bool:
        """Whether its newest instance has failed and is not started again."""
        newest = self.newest
        if newest is None:
            ended = self.lost is not None
        else:
            ended = newest.phase is ContainerPhase.EXITED or self.stage is Stage.ENDED
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
    def is_ready(self) -> bool:
        """Whether it has started and its readiness probe, if it has one, says so; remembered as `is_started` is."""
        if not self.is_started:
            return False
        if self.container.readiness_probe is None:
            return True
        if self.probes.readiness is not None:
            return self.probes.readiness
        return self.known_instance is not None and self.known_instance.ready

    @property
    def known_instance(self) -> ContainerStatus | None:
        """Its last known status, if that speaks of its newest instance."""
        return of_instance(self.known, self.newest)

    @property
    def next_attempt(self) -> int:
        """Which start the next one will be, from 0."""
        newest, known = self.newest, self.known.restart_count if self.known is not None else 0
        if newest is None:
            return known + (self.was_reset or self.lost is not None)
        if known > restart_count(newest):
            return known + 1  # A newer one was removed behind the engine's back.
        return restart_count(newest) + (newest.phase is not ContainerPhase.CREATED)


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


def of_instance(known: ContainerStatus | None, instance: RuntimeContainer | None) -> ContainerStatus | None:
    """A status, if it speaks of an instance."""
    if known is None or instance is None:
        return None
    return known if known.container_id.rpartition("://")[2] == instance.id else None


def asks_for_restart_of_all(
    container: Container, newest: RuntimeContainer | None, known: ContainerStatus | None
) -> bool:
    """Whether a container has ended with an exit code on which all containers of the pod start anew (KEP-5532)."""
    if newest is not None:
        return newest.phase is ContainerPhase.EXITED and _restarts_all(container, exit_code_of(newest))
    ended = known.state.terminated if known is not None else None
    return ended is not None and _restarts_all(container, ended.exit_code)


def has_ended(instance: RuntimeContainer) -> bool:
    """Whether an instance ran and does no more, as far as is known."""
    return instance.phase in {ContainerPhase.EXITED, ContainerPhase.UNKNOWN}


def exit_code_of(instance: RuntimeContainer) -> int:
    """What an instance has ended with."""
    if instance.phase is not ContainerPhase.EXITED or instance.exit_code is None:
        return KILLED
    return instance.exit_code


def _restarts_all(container: Container, exit_code: int) -> bool:
    return matching_action(container, exit_code) == RESTART_ALL
