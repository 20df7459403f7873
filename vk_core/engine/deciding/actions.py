"""What can be decided about a pod: the steps that the engine takes, as plain data.

A plan says what is right at one moment and is made anew when anything has changed, so a step under way is planned
again: the engine takes each step once. A step never depends on another one of the same plan; what must come after
another step is planned when that one is seen to be done.
"""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass

from vk_core.api.container import Container, ResourceRequirements
from vk_core.api.meta import Time


class Kind(enum.Enum):
    """What a container is for."""

    INIT = "init"
    SIDECAR = "sidecar"
    APP = "app"
    EPHEMERAL = "ephemeral"


class StopReason(enum.Enum):
    """Why a container is stopped."""

    POD_ENDS = "pod ends"
    SANDBOX_CHANGED = "sandbox changed"
    DEFINITION_CHANGED = "definition changed"
    LIVENESS = "liveness"
    STARTUP = "startup"
    RESIZE = "resize"
    UNKNOWN_STATE = "unknown state"
    RESTART_ALL = "restart all"


@dataclass(frozen=True, kw_only=True, slots=True)
class MakeSandbox:
    """A sandbox has to be made.

    Attributes:
        attempt: how many the pod had before.
        replaces: sandboxes to stop first; none for the pod's first sandbox (otherwise an event `SandboxChanged`).
    """

    attempt: int
    replaces: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Start:
    """A container has to be made and started.

    The starts of a plan are made one after the other, as kubelet does: a container's `postStart` hook is over before
    the next container starts. One that fails holds up no other.

    Attributes:
        container: what to start.
        kind: what it is for.
        sandbox_id: the sandbox it goes into.
        attempt: how often it was started before.
        streak: to remember with it (`PodMemory.note_started`).
        removes: leftovers to remove before, which never ran or must not run beside it.
    """

    container: Container
    kind: Kind
    sandbox_id: str
    attempt: int = 0
    streak: int = 0
    removes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Stop:
    """A container has to end.

    Attributes:
        container_id: the runtime's name for it.
        name: its name in the pod.
        reason: why.
        message: why, as the event `Killing` says it.
        deadline: when its grace period is over, its `preStop` hook included.
        its_turn: whether it may be asked to end now. If not, its hook runs already, and it waits for others to end.
        restart: whether it is started again whatever its exit code and restart policy.
        hook: whether its `preStop` hook runs.
        extension_seconds: its time to end when the hook, or waiting for its turn, has taken all of its grace period.
    """

    container_id: str
    name: str
    reason: StopReason
    message: str
    deadline: Time
    its_turn: bool = True
    restart: bool = False
    hook: bool = True
    extension_seconds: int = 0

    def seconds_left(self, now: Time) -> int:
        """How long it may take from the moment on at which it is asked to end; 0 is at once."""
        left = math.ceil(self.seconds_of_grace(now))
        return left if left > 0 else self.extension_seconds

    def seconds_of_grace(self, now: Time) -> float:
        """What is left of the grace period, for the `preStop` hook and for waiting; negative when it is over."""
        return (self.deadline - now).total_seconds()


@dataclass(frozen=True, kw_only=True, slots=True)
class Resize:
    """A running container has to get other resources (KEP-1287).

    Attributes:
        container_id: the runtime's name for it.
        container: what it is now, with its new resources.
    """

    container_id: str
    container: Container

    @property
    def resources(self) -> ResourceRequirements:
        """What it gets; to remember when that is done (`PodMemory.actuated`)."""
        return self.container.resources


@dataclass(frozen=True, kw_only=True, slots=True)
class BackOff:
    """A container has failed and is not started again yet.

    Attributes:
        name: its name in the pod.
        until: when it is started.
        message: why not now, as its status says it.
    """

    name: str
    until: Time
    message: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What to do about a pod now.

    Attributes:
        stops: containers to end; those of one plan at the same time.
        removes: containers to remove, one after the other, none of which runs.
        sandbox: a sandbox to make; then nothing is started yet.
        starts: containers to start, in this order.
        resizes: containers to give other resources, those first that get less.
        stop_sandboxes: sandboxes to stop, because the pod has ended and nothing runs in them any more.
        back_offs: containers that wait before they are started again.
        wake_at: when to plan again even if nothing happens.
        over: whether nothing of the pod is started any more: starts under way are to be given up.
        ended: whether the pod is over and nothing of it runs: all that is left to do is to remove it.
    """

    stops: tuple[Stop, ...] = ()
    removes: tuple[str, ...] = ()
    sandbox: MakeSandbox | None = None
    starts: tuple[Start, ...] = ()
    resizes: tuple[Resize, ...] = ()
    stop_sandboxes: tuple[str, ...] = ()
    back_offs: tuple[BackOff, ...] = ()
    wake_at: Time | None = None
    over: bool = False
    ended: bool = False
