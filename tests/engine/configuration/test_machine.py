"""What this machine offers is read from its files."""

from __future__ import annotations

from pathlib import Path

import pytest

from vk_core.engine.configuration.host import Machine
from vk_core.engine.configuration.machine import read_machine


def write(root: Path, **files: str) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write(
        tmp_path,
        **{
            "proc/meminfo": "MemTotal:        4194304 kB\nMemFree: 1 kB\n",
            "proc/sys/kernel/osrelease": "6.1.0-22-amd64\n",
            "proc/self/cgroup": "0::/system.slice/vk.service\n",
        },
    )
    return tmp_path


def test_a_plain_machine(root: Path) -> None:
    assert read_machine(root) == Machine(memory_bytes=4 * 2**30, kernel=(6, 1), cgroup_version=1)


def test_a_machine_with_everything(root: Path) -> None:
    write(
        root,
        **{
            "sys/fs/cgroup/cgroup.controllers": "cpu memory\n",
            "sys/fs/cgroup/system.slice/vk.service/memory.swap.max": "max\n",
            "sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages": "0\n",
            "sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages": "0\n",
            "sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count": "0\n",
            "sys/devices/system/cpu/cpufreq/policy0": "\n",
            "sys/fs/selinux/enforce": "1",
            "sys/module/apparmor/parameters/enabled": "Y\n",
            "sys/kernel/security/apparmor/profiles": "",
        },
    )

    assert read_machine(root) == Machine(
        memory_bytes=4 * 2**30,
        kernel=(6, 1),
        cgroup_version=2,
        limits_swap=True,
        huge_page_sizes=("1GB", "2MB"),
        cpu_throttle_paths=("/sys/devices/system/cpu/cpu0/thermal_throttle",),
        has_selinux=True,
        has_apparmor=True,
    )


def test_apparmor_that_nobody_can_reach_is_none(root: Path) -> None:
    write(root, **{"sys/module/apparmor/parameters/enabled": "Y\n"})

    assert not read_machine(root).has_apparmor


def test_swap_of_cgroup_v1(root: Path) -> None:
    write(root, **{"sys/fs/cgroup/memory/memory.memsw.limit_in_bytes": "1"})

    assert read_machine(root).limits_swap


def test_a_machine_that_does_not_tell_its_memory_is_an_error(root: Path) -> None:
    write(root, **{"proc/meminfo": "Nothing\n"})

    with pytest.raises(ValueError, match="expected a line such as MemTotal"):
        read_machine(root)


def test_this_machine_can_be_read() -> None:
    assert read_machine().memory_bytes > 2**20
