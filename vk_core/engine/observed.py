"""One pod as the runtime has it, put in order: the newest sandbox, and every container's instances by name."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from vk_core.engine import identity
from vk_core.engine.runtime import ContainerPhase, RuntimeContainer, Sandbox, SandboxPhase, Snapshot

Made = TypeVar("Made", Sandbox, RuntimeContainer)


@dataclass(frozen=True, slots=True)
class ObservedPod:
    """What the runtime has of one pod.

    Attributes:
        uid: its UID.
        sandboxes: the newest first.
        containers: instances by the container's name, the newest first.
    """

    uid: str
    sandboxes: Sequence[Sandbox]
    containers: Mapping[str, Sequence[RuntimeContainer]]

    @property
    def sandbox(self) -> Sandbox | None:
        """The newest sandbox."""
        return self.sandboxes[0] if self.sandboxes else None

    @property
    def is_ready(self) -> bool:
        """Whether there is exactly one sandbox that is ready, the newest."""
        ready = [sandbox for sandbox in self.sandboxes if sandbox.phase is SandboxPhase.READY]
        return len(ready) == 1 and ready[0] is self.sandbox

    def newest(self, name: str) -> RuntimeContainer | None:
        """The newest instance of a container."""
        instances = self.containers.get(name)
        return instances[0] if instances else None

    @property
    def runs(self) -> bool:
        """Whether a process of any container runs."""
        return any(
            instance.phase is ContainerPhase.RUNNING for instances in self.containers.values() for instance in instances
        )


def restart_count(container: RuntimeContainer) -> int:
    """How often the container was started before this instance."""
    text = container.annotations.get(identity.RESTART_COUNT, "0")
    return int(text) if text.isascii() and text.isdigit() else 0


def by_pod(snapshot: Snapshot) -> dict[str, ObservedPod]:
    """The pods of a snapshot by their UID."""
    sandboxes: defaultdict[str, list[Sandbox]] = defaultdict(list)
    containers: defaultdict[str, defaultdict[str, list[RuntimeContainer]]] = defaultdict(lambda: defaultdict(list))
    for sandbox in snapshot.sandboxes:
        sandboxes[sandbox.labels.get(identity.POD_UID, "")].append(sandbox)
    for container in snapshot.containers:
        labels = container.labels
        containers[labels.get(identity.POD_UID, "")][labels.get(identity.CONTAINER_NAME, "")].append(container)
    return {
        uid: ObservedPod(
            uid,
            _newest_first(sandboxes.get(uid, ())),
            {name: _newest_first(instances) for name, instances in containers.get(uid, {}).items()},
        )
        for uid in (*sandboxes, *(uid for uid in containers if uid not in sandboxes))
        if uid
    }


def _newest_first(made: Iterable[Made]) -> tuple[Made, ...]:
    return tuple(sorted(made, key=lambda one: (one.created_at, one.id), reverse=True))
