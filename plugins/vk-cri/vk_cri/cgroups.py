"""What a cgroup says that its processes use, version 1 and 2. Everything here blocks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
ROOT = Path("/sys/fs/cgroup")


@dataclass(frozen=True, slots=True)
class CgroupUsage:
    """What is used.

    Attributes:
        cpu_nanoseconds: CPU time since the beginning.
        working_set_bytes: memory that cannot be reclaimed: all of it but files that nobody has used of late.
        rss_bytes: anonymous memory.
    """

    cpu_nanoseconds: int
    working_set_bytes: int
    rss_bytes: int


def read_usage(pid: int, *, proc: Path = PROC, root: Path = ROOT) -> CgroupUsage | None:
    """The usage of the cgroup that a process is in; None if it cannot be read."""
    try:
        paths = cgroup_paths((proc / str(pid) / "cgroup").read_text())
        if "memory" in paths:
            return _version_1(root / "cpuacct" / paths["cpuacct"], root / "memory" / paths["memory"])
        return _version_2(root / paths[""])
    except (OSError, KeyError, ValueError):
        return None


def cgroup_paths(text: str) -> dict[str, str]:
    """The content of `/proc/PID/cgroup`: relative paths by controller; that of version 2 has an empty name."""
    found = {}
    for line in text.splitlines():
        _, controllers, path = line.split(":", 2)
        for controller in controllers.split(","):
            found[controller] = path.lstrip("/")
    return found


def _version_1(cpu: Path, memory: Path) -> CgroupUsage:
    stat = _numbers(memory / "memory.stat")
    used = int((memory / "memory.usage_in_bytes").read_text())
    return CgroupUsage(
        cpu_nanoseconds=int((cpu / "cpuacct.usage").read_text()),
        working_set_bytes=max(used - stat["total_inactive_file"], 0),
        rss_bytes=stat["total_rss"],
    )


def _version_2(folder: Path) -> CgroupUsage:
    stat = _numbers(folder / "memory.stat")
    used = int((folder / "memory.current").read_text())
    return CgroupUsage(
        cpu_nanoseconds=_numbers(folder / "cpu.stat")["usage_usec"] * 1000,
        working_set_bytes=max(used - stat["inactive_file"], 0),
        rss_bytes=stat["anon"],
    )


def _numbers(path: Path) -> Mapping[str, int]:
    return {name: int(value) for name, value in (line.split() for line in path.read_text().splitlines())}
