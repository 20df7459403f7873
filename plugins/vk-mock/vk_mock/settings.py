"""What the mock can be told in its TOML file. Everything has a default, so that it runs without a file as well."""

from __future__ import annotations

import datetime as dt
import ipaddress
from typing import Annotated

import msgspec

from vk_core.api.volumes import Volume
from vk_core.provider import Duration, Quantity

Delay = Duration | tuple[Duration, Duration]
"""A time span, or the shortest and the longest one, between which each container draws its own."""
Rate = Annotated[float, msgspec.Meta(ge=0, le=1)]
ExitCode = Annotated[int, msgspec.Meta(ge=0, le=255)]

_AT_ONCE = dt.timedelta()
_VOLUME_KINDS = frozenset(Volume.__struct_encode_fields__) - {"name"}


class Capacity(msgspec.Struct, frozen=True, kw_only=True):
    """How much the node says it has; nothing of it is really used.

    Attributes:
        cpu: number of CPUs.
        memory: bytes of memory.
        pods: how many pods fit.
        other: further resources by name, such as `{"nvidia.com/gpu" = 8}`.
    """

    cpu: Quantity = "1000"
    memory: Quantity = "4Ti"
    pods: Quantity = "20000"
    other: dict[str, Quantity] = msgspec.field(default_factory=lambda: {"ephemeral-storage": "10Ti"})


class Delays(msgspec.Struct, frozen=True, kw_only=True):
    """How long things take. Without delays a pod runs before `create_pod` returns.

    Attributes:
        pull: pulling the image, before a container's first start; two durations are the ends of a range.
        start: every start of a container; two durations are the ends of a range.
        stop: from the signal to stop until the containers end, unless the grace period is over before; two durations
            are the ends of a range.
    """

    pull: Delay = _AT_ONCE
    start: Delay = _AT_ONCE
    stop: Delay = _AT_ONCE


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """Lets containers end by themselves. Patterns are those of a shell (`*`, `?`, `[a-z]`); all of them must match.

    Attributes:
        image: pattern of the image.
        container: pattern of the container's name.
        labels: labels that the pod must have, each with a pattern of its value.
        annotations: the same for annotations.
        after: how long the container runs; two durations are the ends of a range.
        exit_code: what it exits with.
    """

    image: str = "*"
    container: str = "*"
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    after: Delay = _AT_ONCE
    exit_code: ExitCode = 0


class Failures(msgspec.Struct, frozen=True, kw_only=True):
    """How often calls fail as if the back end did not answer: 0 is never, 1 is always.

    Attributes:
        create: share of `create_pod` calls.
        delete: share of `delete_pod` calls.
        ping: share of `ping` calls, which turn the node NotReady.
    """

    create: Rate = 0
    delete: Rate = 0
    ping: Rate = 0


class Logs(msgspec.Struct, frozen=True, kw_only=True):
    """What containers write.

    Attributes:
        lines: written one after the other, from the first one again after the last; `{number}`, `{container}` and
            `{pod}` in them are replaced.
        lines_per_second: how many; 0 is each line once, at the start.
    """

    lines: tuple[str, ...] = ("{container} of {pod} has started",)
    lines_per_second: Annotated[float, msgspec.Meta(ge=0, le=1_000_000)] = 0


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """What every container uses, if no annotation of its pod says otherwise.

    Attributes:
        cpu: number of CPUs.
        memory: bytes of memory.
    """

    cpu: Quantity = "10m"
    memory: Quantity = "32Mi"


class MockSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of the mock provider.

    Attributes:
        capacity: how much the node says it has.
        delays: how long things take.
        endings: which containers end by themselves; the first that matches holds, others run until they are stopped.
        failures: how often calls fail.
        logs: what containers write.
        pod_cidr: where the pods' addresses are taken from.
        pretended_volumes: further kinds of volumes, such as `persistentVolumeClaim`, that pods may have; they are shown
            as empty directories.
        seed: makes everything that is left to chance the same in every run.
        usage: what containers use.
    """

    capacity: Capacity = Capacity()
    delays: Delays = Delays()
    endings: tuple[Ending, ...] = ()
    failures: Failures = Failures()
    logs: Logs = Logs()
    pod_cidr: str = "10.88.0.0/16"
    pretended_volumes: tuple[str, ...] = ()
    seed: int | None = None
    usage: Usage = Usage()


def capacity(settings: MockSettings) -> dict[str, str]:
    """All resources of the node by name."""
    own = settings.capacity
    return {"cpu": own.cpu, "memory": own.memory, "pods": own.pods, **own.other}


def problems(settings: MockSettings) -> list[str]:
    """What types alone cannot say: the order of ranges, the CIDR, and the kinds of volumes."""
    found = []
    delays = {f"delays.{key}": getattr(settings.delays, key) for key in Delays.__struct_fields__}
    delays |= {f"endings[{index}].after": ending.after for index, ending in enumerate(settings.endings)}
    for key, delay in delays.items():
        if isinstance(delay, tuple) and delay[0] > delay[1]:
            found.append(f"{key}: expected the shorter time first")
    try:
        ipaddress.ip_network(settings.pod_cidr)
    except ValueError as error:
        found.append(f"pod_cidr: expected a CIDR such as 10.88.0.0/16: {error}")
    found += [
        f"pretended_volumes: expected kinds of volumes as the API names them, such as persistentVolumeClaim, got {kind}"
        for kind in settings.pretended_volumes
        if kind not in _VOLUME_KINDS
    ]
    return found
