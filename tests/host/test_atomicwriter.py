"""The files of a volume change all at once, and end up as a plain mapping says, whatever was there before."""

from __future__ import annotations

import errno
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.host.fakes import listed, points_to, seen
from vk_core.host import atomicwriter
from vk_core.host.atomicwriter import DATA, arrange, current, purge, write
from vk_core.host.beneath import Folder, Held, write_new_file
from vk_core.host.ownership import Ownership
from vk_core.provider.materials import VolumeFile

names = st.text(alphabet="ab.", min_size=1, max_size=3)
paths = st.lists(names, min_size=1, max_size=3).map("/".join)
contents = st.dictionaries(paths, st.binary(max_size=3), max_size=5)
plants = st.lists(st.tuples(st.sampled_from(["link", "folder", "file", "loop"]), names), max_size=4)


def put(volume: Path, files: Mapping[str, bytes], mode: int = 0o644) -> bool:
    with Folder.at(volume) as folder:
        return write(folder, arrange({path: VolumeFile(data, mode) for path, data in files.items()}), Ownership())


def tidy(volume: Path, *keep: str) -> None:
    with Folder.at(volume) as folder:
        purge(folder, keep)


def is_allowed(files: Mapping[str, bytes]) -> bool:
    """What the documentation of item paths says, written once more."""
    for path in files:
        parts = path.split("/")
        if path.startswith("..") or {".", ".."} & set(parts):
            return False
        if any(other.startswith(f"{path}/") for other in files):
            return False
    return True


def plant(volume: Path, outside: Path, kind: str, name: str) -> None:
    at = volume / name
    if at.is_symlink() or at.exists():
        return
    match kind:
        case "link":
            at.symlink_to(outside)
        case "folder":
            (at / "x").mkdir(parents=True)
        case "file":
            at.write_bytes(b"planted")
        case "loop":
            at.symlink_to(name)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(steps=st.lists(st.tuples(contents, plants), min_size=1, max_size=4))
def test_a_volume_goes_from_any_state_to_any_other(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[dict[str, bytes], list[tuple[str, str]]]]
) -> None:
    volume, outside = tmp_path_factory.mktemp("volume"), tmp_path_factory.mktemp("outside")
    model: dict[str, bytes] = {}
    for files, planted in steps:
        for kind, name in planted:
            plant(volume, outside, kind, name)
        if is_allowed(files):
            put(volume, files)
            tidy(volume)
            model = files
            assert seen(volume) == model
            assert {name for name in listed(volume) if not name.startswith("..")} == {
                path.split("/")[0] for path in model
            }
        else:
            with pytest.raises(ValueError, match="path"):
                put(volume, files)
    assert not listed(outside)


def test_the_layout_is_that_of_a_kubelet(tmp_path: Path) -> None:
    put(tmp_path, {"a": b"1", "b/c": b"2"})

    generation = points_to(tmp_path / DATA)
    assert (tmp_path / generation).is_dir()
    assert {name: points_to(tmp_path / name) for name in ("a", "b")} == {"a": "..data/a", "b": "..data/b"}
    assert listed(tmp_path) == sorted([generation, DATA, "a", "b"])
    modes = {name: stat.S_IMODE((tmp_path / DATA / name).stat().st_mode) for name in (".", "a", "b", "b/c")}
    assert modes == {".": 0o755, "a": 0o644, "b": 0o755, "b/c": 0o644}


def test_what_has_not_changed_is_not_written_again(tmp_path: Path) -> None:
    assert put(tmp_path, {"a": b"1", "b/c": b"2"})
    before = points_to(tmp_path / DATA)

    assert not put(tmp_path, {"b/c": b"2", "a": b"1"})
    assert points_to(tmp_path / DATA) == before

    assert put(tmp_path, {"a": b"1", "b/c": b"2"}, mode=0o600)
    assert points_to(tmp_path / DATA) != before


@pytest.mark.parametrize("name", ["a", "b"])
def test_what_was_damaged_is_written_again(tmp_path: Path, name: str) -> None:
    put(tmp_path, {"a": b"1", "b": b"2"})
    damaged = tmp_path / DATA / name
    damaged.unlink()
    damaged.symlink_to("/etc/passwd")

    assert put(tmp_path, {"a": b"1", "b": b"2"})
    assert seen(tmp_path) == {"a": b"1", "b": b"2"}


def test_former_files_stay_for_those_who_are_about_to_open_them_until_they_are_purged(tmp_path: Path) -> None:
    put(tmp_path, {"a": b"1"})
    former = tmp_path / points_to(tmp_path / DATA)
    put(tmp_path, {"a": b"2"})
    tidy(tmp_path, former.name)
    assert (former / "a").read_bytes() == b"1"

    tidy(tmp_path)
    assert listed(tmp_path) == sorted([points_to(tmp_path / DATA), DATA, "a"])


def test_a_volume_that_cannot_be_written_stays_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, {"a": b"1"})
    before = listed(tmp_path)

    def full(parent: Held, name: str, data: bytes) -> Held:
        if name == "c":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write_new_file(parent, name, data)

    monkeypatch.setattr(atomicwriter, "write_new_file", full)
    with pytest.raises(OSError, match="No space left"):
        put(tmp_path, {"a": b"2", "b/c": b"3"})

    assert listed(tmp_path) == before
    assert seen(tmp_path) == {"a": b"1"}


def test_a_link_in_the_place_of_the_current_contents_is_never_followed(tmp_path: Path) -> None:
    volume, outside = tmp_path / "volume", tmp_path / "outside"
    volume.mkdir()
    (outside / "..2026_01_01_00_00_00.1").mkdir(parents=True)
    (outside / "..2026_01_01_00_00_00.1" / "a").write_bytes(b"1")
    for target in (outside, outside / "..2026_01_01_00_00_00.1", "../outside/..2026_01_01_00_00_00.1", ".", ".."):
        (volume / DATA).symlink_to(target)
        with Folder.at(volume) as folder:
            assert current(folder) is None
        put(volume, {"a": b"1"})
        assert (volume / DATA / "a").lstat().st_ino != (outside / "..2026_01_01_00_00_00.1" / "a").lstat().st_ino
        (volume / DATA).unlink()
    assert (outside / "..2026_01_01_00_00_00.1" / "a").read_bytes() == b"1"


KILLED = """
import sys
from pathlib import Path
from vk_core.host import atomicwriter
from vk_core.host.atomicwriter import arrange, write
from vk_core.host.beneath import Folder, Held, write_new_file
from vk_core.host.ownership import Ownership
from vk_core.provider.materials import VolumeFile
number = 0
while True:
    number += 1
    data = str(number).encode() * 5000
    with Folder.at(Path(sys.argv[1])) as folder:
        write(folder, arrange({f"{n}/x": VolumeFile(data, 0o600) for n in range(number % 5 + 1)}), Ownership())
    print(number, flush=True)
"""


def test_a_process_that_is_killed_leaves_complete_files_and_the_next_one_repairs_the_rest(tmp_path: Path) -> None:
    for rounds in (3, 40, 121):
        with subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path)], stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            for _ in range(rounds):
                process.stdout.readline()
            process.send_signal(signal.SIGKILL)
        left = {path.read_bytes() for path in (tmp_path / DATA).glob("*/x")}
        assert len(left) == 1
        assert len(left.pop()) % 5000 == 0
        put(tmp_path, {"a": b"1"})
        tidy(tmp_path)
        assert seen(tmp_path) == {"a": b"1"}
        assert len(listed(tmp_path)) == 3
