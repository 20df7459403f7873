"""What the engine remembers of a pod beside what the runtime says. All of it may be lost without harm.

The engine writes it down as things happen; decisions only read it. After a restart it begins empty: what was known of
the pod then comes from the status that the API server has (`Pod.status`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from vk_core.api.container import ResourceRequirements
from vk_core.api.meta import Time
from vk_core.api.podstatus import PodCondition, PodStatus
from vk_core.engine.deciding.actions import Start, Stop
from vk_core.engine.observed import ObservedPod


class ProbeResults(NamedTuple):
    """What the probes of one container instance have found; None is nothing yet, or no such probe.

    Attributes:
        startup: whether it has started; False once the threshold of failures was reached.
        liveness: whether it is alive; False once the threshold was reached.
        readiness: whether it is ready.
    """

    startup: bool | None = None
    liveness: bool | None = None
    readiness: bool | None = None


class Termination(NamedTuple):
    """The pod is being deleted.

    Attributes:
        began_at: when the engine was told.
        grace_period_seconds: what its containers get from then on; may become shorter.
    """

    began_at: Time
    grace_period_seconds: int


class Verdict(NamedTuple):
    """The pod has to fail although its containers have not, such as when it is evicted.

    Attributes:
        at: when that was decided.
        reason: of the pod's status.
        message: of the pod's status.
        grace_period_seconds: what its containers get; None for the pod's own.
        condition: what its status gets when it has ended, such as `DisruptionTarget`.
    """

    at: Time
    reason: str
    message: str
    grace_period_seconds: int | None = None
    condition: PodCondition | None = None


class StartFailure(NamedTuple):
    """The last try to start a container has failed.

    Attributes:
        attempt: which one it was, as `Start.attempt`.
        reason: of its waiting state, such as `ErrImagePull` or `CreateContainerConfigError`.
        message: of its waiting state.
        retry_at: when to try again.
    """

    attempt: int
    reason: str
    message: str
    retry_at: Time


class Streak(NamedTuple):
    """How far the back-off of a container had grown when an instance was started.

    Attributes:
        attempt: which instance.
        length: how often it was started again before without a long run between.
    """

    attempt: int
    length: int


@dataclass(slots=True)
class PodMemory:
    """What the engine remembers of one pod.

    Attributes:
        reported: the last status made by `pod_status`; before the first one, the pod's own is used.
        runtime_name: what container IDs begin with, such as `containerd`.
        host_ips: addresses of the node, which a pod in the host's network has too.
        recursive_read_only: whether the runtime can make mounts read-only with all below them.
        accepted_at: when the engine got the pod; the pod's start time if the API server knows none.
        termination: that the pod is being deleted.
        verdict: that it has to fail.
        probes: results by container ID.
        starting: names of containers whose start is under way, `postStart` hook included.
        stops: stops that have begun, by container ID.
        stopped: IDs of containers whose stop was carried out, for those whose state the runtime does not know.
        streaks: by name.
        failures: of starts, by name; dropped when a start succeeds.
        sandbox_retry_at: when to try again to make a sandbox after that has failed.
        messages: termination messages by container ID, as `termination_message` gives them.
        actuated: resources that running containers were given last, by container ID.
        resize_problem: why resources could not be changed the last time; empty if they could.
    """

    reported: PodStatus | None = None
    runtime_name: str = ""
    host_ips: tuple[str, ...] = ()
    recursive_read_only: bool = False
    accepted_at: Time | None = None
    termination: Termination | None = None
    verdict: Verdict | None = None
    probes: dict[str, ProbeResults] = field(default_factory=dict)
    starting: set[str] = field(default_factory=set)
    stops: dict[str, Stop] = field(default_factory=dict)
    stopped: set[str] = field(default_factory=set)
    streaks: dict[str, Streak] = field(default_factory=dict)
    failures: dict[str, StartFailure] = field(default_factory=dict)
    sandbox_retry_at: Time | None = None
    messages: dict[str, str] = field(default_factory=dict)
    actuated: dict[str, ResourceRequirements] = field(default_factory=dict)
    resize_problem: str = ""

    def note_starting(self, start: Start) -> None:
        """A start has begun."""
        self.starting.add(start.container.name)
        self.streaks[start.container.name] = Streak(start.attempt, start.streak)

    def note_started(self, start: Start, container_id: str) -> None:
        """A start has succeeded, and so has its `postStart` hook."""
        self.starting.discard(start.container.name)
        self.failures.pop(start.container.name, None)
        self.actuated[container_id] = start.container.resources

    def note_failed(self, start: Start, reason: str, message: str, retry_at: Time) -> None:
        """A start has failed, or its `postStart` hook has."""
        self.starting.discard(start.container.name)
        self.failures[start.container.name] = StartFailure(start.attempt, reason, message, retry_at)

    def note_stopping(self, stop: Stop) -> None:
        """A stop has begun, or has been hurried."""
        self.stops[stop.container_id] = stop

    def note_stopped(self, stop: Stop) -> None:
        """A stop has been carried out."""
        self.stopped.add(stop.container_id)

    def forget(self, observed: ObservedPod) -> None:
        """Drop what concerns containers that the runtime no longer has."""
        present = {one.id for instances in observed.containers.values() for one in instances}
        for by_id in (self.probes, self.stops, self.messages, self.actuated):
            for container_id in [known for known in by_id if known not in present]:
                del by_id[container_id]
        self.stopped &= present
