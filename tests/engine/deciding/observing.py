"""Builds what a runtime has of a pod, in few words; times are seconds from the beginning."""

from __future__ import annotations

import datetime as dt
from typing import Any

from vk_core.api.container import Container, ExecAction, Probe
from vk_core.api.pod import Pod
from vk_core.engine import identity
from vk_core.engine.configuration.labels import container_hash
from vk_core.engine.deciding.actions import Plan
from vk_core.engine.deciding.memory import PodMemory
from vk_core.engine.observed import ObservedPod, by_pod
from vk_core.engine.runtime import ContainerPhase, RuntimeContainer, Sandbox, SandboxPhase, Snapshot
from vk_core.testing import make_container, make_pod

BEGIN = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
UID = "11111111-2222-3333-4444-555555555555"
PROBE = Probe(exec=ExecAction(command=("true",)))


def at(seconds: float) -> dt.datetime:
    return BEGIN + dt.timedelta(seconds=seconds)


def pod_of(*containers: Container, init: tuple[Container, ...] = (), policy: str = "Always", **spec: Any) -> Pod:
    containers = containers or (make_container("app"),)
    return make_pod("web", uid=UID, containers=containers, init_containers=init, restart_policy=policy, **spec)


def sidecar(name: str, **fields: Any) -> Container:
    return make_container(name, restart_policy="Always", **fields)


def remembering(**fields: Any) -> PodMemory:
    return PodMemory(runtime_name="sim", accepted_at=BEGIN, **fields)


def sandbox(name: str = "s0", *, ready: bool = True, attempt: int = 0, created: float = 0) -> Sandbox:
    return Sandbox(
        id=name,
        phase=SandboxPhase.READY if ready else SandboxPhase.NOT_READY,
        created_at=at(created),
        attempt=attempt,
        labels={identity.POD_UID: UID},
        ips=("10.0.0.1",),
    )


def running(name: str, attempt: int = 0, *, since: float = 0, **fields: Any) -> RuntimeContainer:
    return instance(name, attempt, ContainerPhase.RUNNING, created=since, started_at=at(since), **fields)


def ended(
    name: str, exit_code: int, attempt: int = 0, *, since: float = 0, until: float = 1, **fields: Any
) -> RuntimeContainer:
    return instance(
        name,
        attempt,
        ContainerPhase.EXITED,
        created=since,
        started_at=at(since),
        finished_at=at(until),
        exit_code=exit_code,
        **fields,
    )


def created(name: str, attempt: int = 0, **fields: Any) -> RuntimeContainer:
    return instance(name, attempt, ContainerPhase.CREATED, **fields)


def out_of_sight(name: str, attempt: int = 0, **fields: Any) -> RuntimeContainer:
    return instance(name, attempt, ContainerPhase.UNKNOWN, **fields)


def instance(
    name: str,
    attempt: int,
    phase: ContainerPhase,
    *,
    created: float = 0,
    sandbox: str = "s0",
    made_of: Container | None = None,
    **fields: Any,
) -> RuntimeContainer:
    """An instance called `NAME-ATTEMPT`; it is of the present definition unless `made_of` is another one."""
    annotations = {identity.RESTART_COUNT: str(attempt)}
    if made_of is not None:
        annotations[identity.HASH] = container_hash(made_of)
    return RuntimeContainer(
        id=f"{name}-{attempt}",
        sandbox_id=sandbox,
        phase=phase,
        created_at=at(created + attempt / 1000),
        labels={identity.POD_UID: UID, identity.CONTAINER_NAME: name},
        annotations=annotations,
        **fields,
    )


def observing(*found: Sandbox | RuntimeContainer) -> ObservedPod:
    """What there is; a ready sandbox unless one is given."""
    sandboxes = [one for one in found if isinstance(one, Sandbox)] or [sandbox()]
    containers = [one for one in found if isinstance(one, RuntimeContainer)]
    return by_pod(Snapshot(sandboxes=sandboxes, containers=containers))[UID]


NOTHING = ObservedPod(UID, (), {})
"""A pod of which the runtime has nothing."""


def starts(decided: Plan) -> list[str]:
    return [start.container.name for start in decided.starts]


def stops(decided: Plan) -> list[str]:
    """What may be asked to end now."""
    return [stop.name for stop in decided.stops if stop.its_turn]
