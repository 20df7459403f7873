"""What processes use, from /proc; where there is none, nothing is known and nothing is said."""

from __future__ import annotations

import datetime as dt
import os
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from vk_core.api.meta import Time
from vk_core.api.stats import ContainerStats, CPUStats, MemoryStats, NodeStats, PodReference, PodStats
from vk_process.instances import Instance
from vk_process.pods import RunningPod

_PROC = Path("/proc")
_TICK_NS = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_SECOND_NS = 1_000_000_000

_SESSION, _FIRST_TIME, _LAST_TIME, _PAGES = 3, 11, 15, 21
"""Fields of /proc/PID/stat behind the name: session; utime, stime, cutime and cstime; rss."""


class Usage(NamedTuple):
    """CPU time in nanoseconds, and resident memory in bytes."""

    cpu_ns: int
    memory_bytes: int


def usage_by_session(sessions: Iterable[int]) -> dict[int, Usage]:
    """What the processes of each session use, with the CPU time of their children that have ended.

    A process that leads a session stands for all that it has started, as long as they do not leave the session.
    """
    wanted = frozenset(sessions)
    ticks: dict[int, int] = defaultdict(int)
    pages: dict[int, int] = defaultdict(int)
    for entry in os.scandir(_PROC) if wanted and _PROC.exists() else ():
        if not entry.name.isdigit():
            continue
        try:
            fields = Path(entry.path, "stat").read_bytes().rpartition(b") ")[2].split()
        except OSError:  # it has ended meanwhile
            continue
        session = int(fields[_SESSION])
        if session in wanted:
            ticks[session] += sum(map(int, fields[_FIRST_TIME:_LAST_TIME]))
            pages[session] += int(fields[_PAGES])
    return {session: Usage(ticks[session] * _TICK_NS, pages[session] * _PAGE_BYTES) for session in ticks}


def pod_stats(pods: Iterable[RunningPod], usages: Mapping[int, Usage], now: Time) -> tuple[PodStats, ...]:
    """What each pod and its running containers use."""
    return tuple([_pod_stats(pod, usages, now) for pod in pods])


def sessions_of(pod: RunningPod) -> set[int]:
    """The sessions of a pod's running containers, and of the commands beside them."""
    running = [container.running for container in pod.containers]
    return {pid for instance in running if instance for pid in _sessions_of(instance)}


def _sessions_of(instance: Instance) -> set[int]:
    return {instance.process.pid, *(session.pid for session in instance.sessions)}


def _pod_stats(pod: RunningPod, usages: Mapping[int, Usage], now: Time) -> PodStats:
    known = pod.with_status()
    containers = []
    for container in pod.containers:
        if (instance := container.running) and instance.process.pid in usages:
            used = [usages[session] for session in _sessions_of(instance) if session in usages]
            cpu_ns = sum(one.cpu_ns for one in used) + int(instance.spent_seconds * _SECOND_NS)
            # Of a process that nobody has waited for the time is lost; what was told once is not taken back.
            instance.told_cpu_ns = max(instance.told_cpu_ns, cpu_ns, 1)
            memory = sum(one.memory_bytes for one in used)
            containers.append(
                ContainerStats(
                    name=container.spec.name,
                    start_time=dt.datetime.fromtimestamp(instance.started_at, dt.UTC),
                    cpu=CPUStats(time=now, usage_core_nano_seconds=instance.told_cpu_ns),
                    memory=MemoryStats(time=now, working_set_bytes=memory, rss_bytes=memory),
                )
            )
    metadata = known.metadata
    return PodStats(
        pod_ref=PodReference(name=metadata.name, namespace=metadata.namespace, uid=metadata.uid),
        start_time=known.status.start_time or now,
        containers=tuple(containers),
    )


def _kilobytes(meminfo: str) -> dict[str, int]:
    return {name: int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in meminfo.splitlines())}


def node_stats(name: str, now: Time) -> NodeStats:
    """What this machine uses as a whole."""
    if not _PROC.exists():
        return NodeStats(node_name=name, start_time=now)
    stat = dict(line.split(" ", 1) for line in Path(_PROC, "stat").read_text("ascii").splitlines())
    user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, stat["cpu"].split()[:8])
    kilobytes = _kilobytes(Path(_PROC, "meminfo").read_text("ascii"))
    available = kilobytes["MemAvailable"] * 1024
    return NodeStats(
        node_name=name,
        start_time=dt.datetime.fromtimestamp(int(stat["btime"]), dt.UTC),
        cpu=CPUStats(time=now, usage_core_nano_seconds=(user + nice + system + irq + softirq + steal) * _TICK_NS),
        memory=MemoryStats(
            time=now,
            available_bytes=available,
            working_set_bytes=kilobytes["MemTotal"] * 1024 - available,
        ),
    )
