"""Removing a folder removes nothing else, and leaves nothing of it, however it was filled."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from vk_core.host.beneath import Folder
from vk_core.host.removal import remove


def removed(path: Path) -> None:
    with Folder.at(path.parent) as parent:
        remove(parent, path.name)


def test_what_links_point_to_stays(tmp_path: Path) -> None:
    outside, doomed = tmp_path / "outside", tmp_path / "doomed"
    (outside / "kept").mkdir(parents=True)
    (doomed / "a").mkdir(parents=True)
    (doomed / "a" / "out").symlink_to(outside)
    (doomed / "up").symlink_to("..")
    (doomed / "nowhere").symlink_to("nowhere")
    os.mkfifo(doomed / "pipe")

    removed(doomed)

    assert not doomed.exists()
    assert (outside / "kept").is_dir()


def test_a_link_in_the_place_of_a_folder_is_removed_itself(tmp_path: Path) -> None:
    (tmp_path / "outside" / "kept").mkdir(parents=True)
    (tmp_path / "doomed").symlink_to("outside")

    removed(tmp_path / "doomed")

    assert [path.name for path in tmp_path.iterdir()] == ["outside"]
    assert (tmp_path / "outside" / "kept").is_dir()


def test_a_tree_deeper_than_any_path_and_than_the_number_of_open_files_is_removed(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    request.addfinalizer(lambda: subprocess.run(["rm", "-rf", tmp_path / "doomed"], check=True))  # pytest cannot
    at = os.open(tmp_path, os.O_RDONLY)
    for name in ["doomed", *["x" * 10] * 3000]:
        os.mkdir(name, dir_fd=at)
        below = os.open(name, os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = below
    os.close(at)

    removed(tmp_path / "doomed")

    assert not list(tmp_path.iterdir())


def test_what_is_not_there_is_no_problem(tmp_path: Path) -> None:
    removed(tmp_path / "never")


@pytest.mark.usefixtures("as_root")
def test_nothing_is_removed_through_a_mount(base: Path) -> None:
    outside, doomed = base / "outside", base / "doomed"
    (outside / "kept").mkdir(parents=True)
    mounted = doomed / "a" / "mounted"
    mounted.mkdir(parents=True)
    subprocess.run(["mount", "--bind", outside, mounted], check=True)

    with pytest.raises(OSError, match="something is mounted there"):
        removed(doomed)
    with pytest.raises(OSError, match="something is mounted there"):
        removed(mounted)

    assert (outside / "kept").is_dir()
    subprocess.run(["umount", mounted], check=True)
    removed(doomed)
    assert (outside / "kept").is_dir()
    assert not doomed.exists()
