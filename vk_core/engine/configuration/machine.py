"""Reads what the kernel of this machine offers, once at the start; the only part of configurations that reads files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from vk_core.engine.configuration.host import Machine
from vk_core.engine.configuration.resources import page_size

_CGROUPS = Path("sys/fs/cgroup")
_CPUS = Path("sys/devices/system/cpu")


def read_machine(root: Path = Path("/")) -> Machine:
    """Reads what this machine offers.

    Args:
        root: where its files are.

    Raises:
        OSError: `/proc` cannot be read.
        ValueError: `/proc/meminfo` does not say how much memory there is.
    """
    version = 2 if (root / _CGROUPS / "cgroup.controllers").exists() else 1
    return Machine(
        memory_bytes=_memory(root),
        kernel=_kernel(root),
        cgroup_version=version,
        limits_swap=_limits_swap(root, version),
        huge_page_sizes=tuple(sorted(_huge_pages(root))),
        cpu_throttle_paths=tuple(f"/{path.relative_to(root)}" for path in sorted(_throttles(root))),
        has_selinux=(root / "sys/fs/selinux/enforce").exists(),
        has_apparmor=_has_apparmor(root),
    )


def _memory(root: Path) -> int:
    found = re.search(r"^MemTotal:\s+(\d+) kB$", (root / "proc/meminfo").read_text(), re.MULTILINE)
    if found is None:
        raise ValueError(f"{root / 'proc/meminfo'}: expected a line such as MemTotal: 16316412 kB")
    return int(found[1]) * 1024


def _kernel(root: Path) -> tuple[int, int]:
    release = (root / "proc/sys/kernel/osrelease").read_text()
    found = re.match(r"(\d+)\.(\d+)", release)
    return (int(found[1]), int(found[2])) if found is not None else (0, 0)


def _limits_swap(root: Path, version: int) -> bool:
    if version == 1:
        return (root / _CGROUPS / "memory/memory.memsw.limit_in_bytes").exists()
    own = _text(root / "proc/self/cgroup").partition("::")[2].strip().lstrip("/")
    return (root / _CGROUPS / own / "memory.swap.max").exists()


def _huge_pages(root: Path) -> Iterator[str]:
    for folder in (root / "sys/kernel/mm/hugepages").glob("hugepages-*kB"):
        yield page_size(folder.name.removeprefix("hugepages-").removesuffix("kB") + "Ki")


def _throttles(root: Path) -> Iterator[Path]:
    return (root / _CPUS).glob("cpu[0-9]*/thermal_throttle")


def _has_apparmor(root: Path) -> bool:
    is_on = _text(root / "sys/module/apparmor/parameters/enabled").startswith("Y")
    return is_on and (root / "sys/kernel/security/apparmor").exists()


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except FileNotFoundError:
        return ""
