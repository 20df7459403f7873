"""The types of `hostPath` volumes, as core/v1 says what each demands."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

import pytest

from vk_core.host.hostpath import checked_host_path, is_directory

KINDS = ["Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket", "CharDevice", "BlockDevice"]


@pytest.fixture
def things(tmp_path: Path) -> dict[str, Path]:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_bytes(b"kept")
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(tmp_path / "socket"))
    (tmp_path / "link").symlink_to("folder")
    return {name: tmp_path / name for name in ("folder", "file", "socket", "link", "none")} | {
        "null": Path("/dev/null")
    }


@pytest.mark.parametrize("kind", KINDS)
def test_each_type_takes_what_it_names_and_nothing_else(things: dict[str, Path], kind: str) -> None:
    takes = {
        "Directory": {"folder", "link"},
        "DirectoryOrCreate": {"folder", "link", "none"},
        "File": {"file"},
        "FileOrCreate": {"file", "none"},
        "Socket": {"socket"},
        "CharDevice": {"null"},
        "BlockDevice": set(),
    }[kind]
    for name, path in things.items():
        if name in takes:
            assert checked_host_path(str(path), kind) == path
        else:
            with pytest.raises(ValueError, match=f"hostPath type check failed: {path} is not a"):
                checked_host_path(str(path), kind)
    assert things["file"].read_bytes() == b"kept"


def test_what_is_missing_is_made_as_documented(tmp_path: Path) -> None:
    checked_host_path(str(tmp_path / "a" / "b"), "DirectoryOrCreate")
    checked_host_path(str(tmp_path / "file"), "FileOrCreate")

    assert stat.S_IMODE((tmp_path / "a" / "b").stat().st_mode) == 0o755
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o644
    with pytest.raises(FileNotFoundError):
        checked_host_path(str(tmp_path / "no" / "file"), "FileOrCreate")


def test_without_a_type_anything_goes(things: dict[str, Path]) -> None:
    for path in things.values():
        assert checked_host_path(str(path), "") == path
    assert not things["none"].exists()
    assert {name: is_directory(path) for name, path in things.items()} == {
        "folder": True,
        "link": True,
        "none": True,
        "file": False,
        "socket": False,
        "null": False,
    }


@pytest.mark.parametrize("path", ["relative", "", "/a/../etc", "/a/..", "/a\0b"])
def test_a_path_must_be_absolute_and_without_steps_back(path: str) -> None:
    with pytest.raises(ValueError, match="must be absolute and without"):
        checked_host_path(path, "DirectoryOrCreate")


def test_a_type_that_nobody_knows_is_refused() -> None:
    with pytest.raises(ValueError, match="Pipe is an invalid volume type"):
        checked_host_path(os.devnull, "Pipe")
