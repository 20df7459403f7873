"""All that is known about one pod, by UID: what the cluster wants, what the provider has, what was told to whom.

A record is the working memory of one pod. It decides nothing and does nothing; everything in it can be rebuilt from
the API server and the provider.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from vk_core.api.meta import ObjectReference
from vk_core.api.pod import Pod
from vk_core.api.podkey import PodKey
from vk_core.api.podstatus import PodStatus
from vk_core.errors import MaterialMissing


@dataclass(slots=True)
class PodRecord:
    """What is known about one pod.

    Attributes:
        pod: the pod as the API server last showed it; after its deletion the last state known.
        wanted: whether the API server still has it.
        present: whether the provider has it, as far as is known.
        actual: its latest status from the provider; kept when the provider no longer has it.
        handed: the pod as it was last handed to the provider.
        verdict: a status that core itself has to report instead of the provider's: rejected, lost, impossible.
        trouble: why the provider could not take it so far; empty when it could.
        missing: what the pod refers to that is not there, so that it could not be handed over; None when all is.
        adopting: whether the provider has still to be told about a pod that it has kept over a restart.
        creating: whether the provider has been at creating it long enough to say so.
        calling: whether the provider is being asked to change it right now.
        stop_grace_seconds: the grace period of the last stop asked for; None when none was.
        stop_due_seconds: when, by the event loop's clock, the stop should have worked.
        overdue: whether a stop did not work in its time, so that the next one gives no grace.
        touched: number of the last inventory tick in which anything about it came from the provider.
        restarts: what to add to the provider's restart counts, by container.
        written: status last written by us, and `written_version` the version that made.
        removed: whether the final DELETE has been sent.
    """

    pod: Pod
    wanted: bool = True
    present: bool = False
    actual: PodStatus | None = None
    handed: Pod | None = None
    verdict: PodStatus | None = None
    trouble: str = ""
    missing: MaterialMissing | None = None
    adopting: bool = False
    creating: bool = False
    calling: bool = False
    stop_grace_seconds: int | None = None
    stop_due_seconds: float = math.inf
    overdue: bool = False
    touched: int = 0
    restarts: dict[str, int] = field(default_factory=dict)
    written: PodStatus | None = None
    written_version: str = ""
    removed: bool = False

    @property
    def key(self) -> PodKey:
        """The pod's identity."""
        return PodKey.of(self.pod)

    @property
    def deleting(self) -> bool:
        """Whether the cluster wants the pod to end."""
        return self.pod.metadata.deletion_timestamp is not None

    @property
    def known_status(self) -> PodStatus:
        """The status the API server has: what we wrote last, until the watch has brought it back."""
        if self.written is not None and not self.echoed(self.pod):
            return self.written
        return self.pod.status

    def echoed(self, pod: Pod) -> bool:
        """Whether a pod from the watch is at least as new as our last write.

        Versions of one resource are ordered numbers (KEP-5504); one that is not a number is taken as newer.
        """
        seen, written = pod.metadata.resource_version, self.written_version
        if not (seen.isdecimal() and written.isdecimal()):
            return True
        return int(seen) >= int(written)


def reference(pod: Pod, container_name: str = "") -> ObjectReference:
    """The pod as events refer to it, or one of its containers, by the field that has it."""
    metadata = pod.metadata
    return ObjectReference(
        api_version="v1",
        kind="Pod",
        namespace=metadata.namespace,
        name=metadata.name,
        uid=metadata.uid,
        resource_version=metadata.resource_version,
        field_path=_field_path(pod, container_name) if container_name else "",
    )


def _field_path(pod: Pod, container_name: str) -> str:
    spec = pod.spec
    for name, containers in (
        ("initContainers", spec.init_containers),
        ("ephemeralContainers", spec.ephemeral_containers),
    ):
        if any(container.name == container_name for container in containers):
            return f"spec.{name}{{{container_name}}}"
    return f"spec.containers{{{container_name}}}"
