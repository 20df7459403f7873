"""Steps below an open directory go to what is there, never to where a link points, also if it comes in between."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from vk_core.host.beneath import Folder, write_new_file


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """An empty folder of the machine."""
    folder = tmp_path / "outside"
    folder.mkdir(mode=0o711)
    return folder


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    folder = tmp_path / "volume"
    folder.mkdir()
    return folder


def put_in_place_of_new_folders(monkeypatch: pytest.MonkeyPatch, put: Callable[[str], None]) -> None:
    """Whatever is made is another thing before it can be opened: the worst moment, without chance."""
    mkdir = os.mkdir

    def made_and_swapped(name: str, mode: int = 0o777, *, dir_fd: int | None = None) -> None:
        mkdir(name, mode, dir_fd=dir_fd)
        os.rmdir(name, dir_fd=dir_fd)
        put(name)

    monkeypatch.setattr(os, "mkdir", made_and_swapped)


@pytest.mark.parametrize("names", [("link",), ("link", "x"), ("a", "link"), ("a", "link", "x")])
def test_no_step_goes_through_a_link(volume: Path, outside: Path, names: tuple[str, ...]) -> None:
    (outside / "x").mkdir()
    (volume / "a").mkdir()
    (volume / "link").symlink_to(outside)
    (volume / "a" / "link").symlink_to(outside)

    with Folder.at(volume) as folder:
        with pytest.raises(OSError, match="Not a directory"):
            folder.folder(*names)
        with pytest.raises(OSError, match="Not a directory"):
            folder.make_folders((*names, "new"), 0o755)

    assert [path.name for path in outside.iterdir()] == ["x"]


def test_a_new_folder_that_became_a_link_is_refused(
    volume: Path, outside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_in_place_of_new_folders(monkeypatch, lambda name: (volume / name).symlink_to(outside))

    with Folder.at(volume) as folder, pytest.raises(OSError, match="Not a directory"):
        folder.make_folder("new", 0o777)

    assert stat.S_IMODE(outside.stat().st_mode) == 0o711


def test_a_new_folder_that_became_another_folder_is_refused(volume: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (volume / "private" / "of another container").mkdir(parents=True)
    (volume / "private").chmod(0o700)
    put_in_place_of_new_folders(monkeypatch, lambda name: os.rename(volume / "private", volume / name))  # noqa: PTH104

    with Folder.at(volume) as folder, pytest.raises(OSError, match="was swapped while it was made"):
        folder.make_folder("new", 0o777)

    assert stat.S_IMODE((volume / "new").stat().st_mode) == 0o700


@pytest.mark.parametrize("target", ["../outside/secret", "../outside/none"])
def test_a_new_file_never_goes_where_a_link_points(volume: Path, outside: Path, target: str) -> None:
    (outside / "secret").write_bytes(b"of the machine")
    (volume / "new").symlink_to(target)

    with Folder.at(volume) as folder, pytest.raises(FileExistsError):
        write_new_file(folder, "new", b"x")

    assert [path.name for path in outside.iterdir()] == ["secret"]
    assert (outside / "secret").read_bytes() == b"of the machine"


def test_a_new_folder_keeps_the_group_that_it_inherits(volume: Path) -> None:
    volume.chmod(0o2777)
    with Folder.at(volume) as folder:
        folder.make_folder("new", 0o777).close()
    assert stat.S_IMODE((volume / "new").stat().st_mode) == 0o2777


def test_what_is_held_stays_the_same_whatever_takes_its_name(volume: Path) -> None:
    (volume / "a" / "b").mkdir(parents=True)
    with Folder.at(volume) as root, root.pin("a", "b") as held:
        inode = (volume / "a" / "b").stat().st_ino
        (volume / "a").rename(volume / "moved")
        (volume / "a").symlink_to("/etc")
        assert held.status.st_ino == Path(held.address).stat().st_ino == inode
