"""What to do about a pod next, as a pure function of what is known about it.

Nothing here waits, calls or remembers; `PodExecutor` carries out what is decided and comes back.
"""

from __future__ import annotations

import enum
from typing import NamedTuple

from vk_core.api.pod import Pod
from vk_core.pod.phase import has_started, has_stopped, is_finished
from vk_core.pod.record import PodRecord
from vk_core.provider.protocol import OWNER_ANNOTATION

DEFAULT_GRACE_SECONDS = 30
"""`spec.terminationGracePeriodSeconds` where nobody says otherwise (core/v1)."""

MIRROR_ANNOTATION = "kubernetes.io/config.mirror"
SOURCE_ANNOTATION = "kubernetes.io/config.source"


class Action(enum.Enum):
    """What can be done about a pod."""

    NOTHING = "nothing"
    FORGET = "forget"
    CREATE = "create"
    RECREATE = "recreate"
    GIVE_UP = "give up"
    ADOPT = "adopt"
    UPDATE = "update"
    STOP = "stop"


class Decision(NamedTuple):
    """An action, for STOP with the grace period to give."""

    action: Action
    grace_period_seconds: int = 0


NOTHING = Decision(Action.NOTHING)


def decide(record: PodRecord) -> Decision:
    """What to do about a pod next."""
    if not record.wanted:
        return Decision(Action.FORGET) if _is_settled(record) else _stop(record)
    if record.deleting:
        return _stop(record) if record.present else NOTHING
    if is_finished(record.pod.status) or record.verdict is not None:
        return _stop(record) if record.present and not _is_over(record) else NOTHING
    if record.present and record.adopting:
        return Decision(Action.ADOPT)
    if record.present:
        return Decision(Action.UPDATE) if needs_update(record) else NOTHING
    return _start(record)


def may_remove(record: PodRecord) -> bool:
    """Whether a pod that is being deleted has ended, so that the API server can let go of it."""
    if not (record.wanted and record.deleting) or record.removed:
        return False
    return _is_settled(record) and not (record.calling and not record.present)


def needs_update(record: PodRecord) -> bool:
    """Whether the pod differs from the one last handed to the provider in anything a running pod can take over."""
    return (
        record.handed is not None
        and record.handed is not record.pod
        and record.stop_grace_seconds is None
        and updatable(record.handed) != updatable(record.pod)
    )


def updatable(pod: Pod) -> tuple[object, ...]:
    """The parts of a pod whose change the provider is told about."""
    metadata, spec = pod.metadata, pod.spec
    annotations = metadata.annotations
    if OWNER_ANNOTATION in annotations:
        annotations = {key: value for key, value in annotations.items() if key != OWNER_ANNOTATION}
    return (
        spec.containers,
        spec.init_containers,
        spec.ephemeral_containers,
        spec.active_deadline_seconds,
        spec.termination_grace_period_seconds,
        spec.tolerations,
        spec.resources,
        metadata.labels,
        annotations,
    )


def grace_period_seconds(pod: Pod) -> int:
    """How long the containers of a pod may take to end."""
    if pod.metadata.deletion_grace_period_seconds is not None:
        return pod.metadata.deletion_grace_period_seconds
    if pod.spec.termination_grace_period_seconds is not None:
        return pod.spec.termination_grace_period_seconds
    return DEFAULT_GRACE_SECONDS


def is_static(pod: Pod) -> bool:
    """Whether the pod comes from a file of some kubelet, or mirrors such a one; it is not ours to start."""
    annotations = pod.metadata.annotations
    return MIRROR_ANNOTATION in annotations or annotations.get(SOURCE_ANNOTATION, "api") != "api"


def _start(record: PodRecord) -> Decision:
    if is_static(record.pod) or _is_over(record):
        return NOTHING
    if record.actual is None and not has_started(record.pod.status):
        return Decision(Action.CREATE)
    never = record.pod.spec.restart_policy == "Never"
    return Decision(Action.GIVE_UP if never else Action.RECREATE)


def _is_settled(record: PodRecord) -> bool:
    """Whether nothing is left to do in the provider for a pod that must go."""
    if not record.present:
        return True
    return record.stop_grace_seconds is not None and record.actual is not None and has_stopped(record.actual)


def _is_over(record: PodRecord) -> bool:
    return record.actual is not None and is_finished(record.actual)


def _stop(record: PodRecord) -> Decision:
    """Stop, or stop sooner than was asked for before; one that has ended is only cleared away."""
    asked = record.stop_grace_seconds
    ended = record.actual is not None and has_stopped(record.actual)
    grace = 0 if ended or record.overdue else grace_period_seconds(record.pod)
    if asked is None or (grace < asked and not ended):
        return Decision(Action.STOP, grace)
    return NOTHING
