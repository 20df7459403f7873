"""What is read about processes and cgroups of this machine."""

from __future__ import annotations

from pathlib import Path

from vk_cri.cgroups import CgroupUsage, read_usage
from vk_cri.mainprocess import main_process
from vk_cri.streaming.endings import Seen, choose, with_descendants

MAIN = Seen(pid=10, parent=5, started=1.0, command=("main",))


def seen(pid: int, started: float, *command: str, parent: int = 5) -> Seen:
    return Seen(pid=pid, parent=parent, started=started, command=command)


def test_the_command_that_was_asked_for_is_chosen() -> None:
    older, ours, newer = seen(20, 2.0, "sleep", "9"), seen(21, 3.1, "sleep", "9"), seen(22, 4.0, "sleep", "9")
    assert choose([MAIN, newer, ours, older], 10, ("sleep", "9"), 3.0) == ours


def test_a_command_that_has_become_another_program_is_chosen_if_there_is_no_doubt() -> None:
    changed, other = seen(20, 3.0, "sleep", "9"), seen(21, 3.1, "something")
    assert choose([MAIN, changed], 10, ("sh", "-c", "sleep 9"), 2.0) == changed
    assert choose([MAIN, changed, other], 10, ("sh", "-c", "sleep 9"), 2.0) is None


def test_the_main_process_and_its_children_are_never_chosen() -> None:
    child = seen(30, 5.0, "main", parent=10)
    assert choose([MAIN, child], 10, ("main",), 0.0) is None
    assert choose([child], 10, ("main",), 0.0) is None


def test_what_a_command_has_started_ends_with_it() -> None:
    shell, child, grandchild = seen(20, 2.0, "sh"), seen(21, 2.1, "a", parent=20), seen(22, 2.2, "b", parent=21)
    assert with_descendants(shell, [MAIN, grandchild, child, shell]) == [20, 21, 22]


def test_the_main_process_is_what_the_runtime_says() -> None:
    assert main_process({"info": '{"pid": 42}'}) == 42
    for info in ({}, {"info": "no JSON"}, {"info": "[]"}, {"info": '{"pid": 0}'}, {"info": '{"pid": "42"}'}):
        assert main_process(info) is None


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def test_usage_is_read_from_cgroups_of_version_1(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "proc/7/cgroup": "5:cpu,cpuacct:/pod/c\n3:memory:/pod/m\n0::/pod\n",
            "sys/cpuacct/pod/c/cpuacct.usage": "1234\n",
            "sys/memory/pod/m/memory.usage_in_bytes": "1000\n",
            "sys/memory/pod/m/memory.stat": "total_rss 300\ntotal_inactive_file 400\n",
        },
    )
    assert read_usage(7, proc=tmp_path / "proc", root=tmp_path / "sys") == CgroupUsage(1234, 600, 300)


def test_usage_is_read_from_cgroups_of_version_2(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "proc/7/cgroup": "0::/pod\n",
            "sys/pod/cpu.stat": "usage_usec 5\nuser_usec 3\n",
            "sys/pod/memory.current": "1000\n",
            "sys/pod/memory.stat": "anon 300\ninactive_file 2000\n",
        },
    )
    assert read_usage(7, proc=tmp_path / "proc", root=tmp_path / "sys") == CgroupUsage(5000, 0, 300)
    assert read_usage(8, proc=tmp_path / "proc", root=tmp_path / "sys") is None
