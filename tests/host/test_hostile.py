"""A container that swaps everything it can reach, all the time, while we write, resolve, read and remove.

The container here is stronger than any real one: a thread with our own permissions, which also reaches volumes that
containers can only read. Whatever it does, nothing outside the pod's folder is written, read, changed or removed.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import stat
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.host.fakes import FakeMaterials, files, listed, points_to
from vk_core.errors import MaterialMissing, Unavailable
from vk_core.host import HostVolumes
from vk_core.provider.materials import EmptyDirVolume, Environment, Mount
from vk_core.testing import make_pod

NOTHING = Environment({})
ROUNDS = 60
NAMES = ("a", "b", "x", "y", "..data", "..data_tmp")


@pytest.fixture
def outside(base: Path) -> Iterator[Path]:
    """Things of the machine; the test fails if any of them is another in the end."""
    folder = base / "outside"
    for name in ("a", "b", "x", "y", "x/y", "..data"):
        (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / name / "secret").write_bytes(b"of the machine")
        (folder / name).chmod(0o711)
    (folder / "empty").mkdir()
    (folder / "secret").write_bytes(b"of the machine")
    (folder / "secret").chmod(0o604)

    def state() -> dict[str, tuple[int, int, int, int, bytes]]:
        found = {}
        for path in sorted(folder.rglob("*")):
            status = path.lstat()
            data = path.read_bytes() if stat.S_ISREG(status.st_mode) else b""
            found[str(path)] = (status.st_mode, status.st_uid, status.st_gid, status.st_ino, data)
        return found

    before = state()
    yield folder
    assert state() == before


class Container:
    """Plants and moves things in folders until it is stopped; it does not follow its own links, as they are bait."""

    def __init__(self, outside: Path, *folders: Path) -> None:
        self._baits = ("/", *(str(outside / name) for name in (".", "empty", "x", "secret", "x/y")))
        self._folders = folders
        self._is_done = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.steps = 0
        self.errors: list[BaseException] = []

    def __enter__(self) -> Container:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_done.set()
        self._thread.join()
        assert not self.errors

    def _run(self) -> None:
        steps = (self._plant, self._swap, self._move, self._make, self._remove)
        try:
            while not self._is_done.is_set():
                with contextlib.suppress(OSError, ValueError):  # somebody else was faster
                    random.choice(steps)(random.choice(self._folders), random.choice(NAMES))
                    self.steps += 1
        except BaseException as error:
            self.errors.append(error)

    def _plant(self, at: Path, name: str) -> None:
        (at / name).symlink_to(random.choice(self._baits))

    def _swap(self, at: Path, _: str) -> None:
        """What was made last, which may be just being written: the likeliest moment for an attack."""
        newest = max(at.iterdir(), key=lambda path: path.lstat().st_ctime_ns)
        newest.rename(at / f"..{random.randrange(3)}")
        newest.symlink_to(random.choice(self._baits))

    def _move(self, at: Path, name: str) -> None:
        (at / name).rename(at / random.choice(NAMES))

    def _make(self, at: Path, name: str) -> None:
        (at / name).mkdir()
        folder = os.open(at / name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            if random.random() < 0.5:
                os.mkdir("y", dir_fd=folder)
            else:
                os.symlink(random.choice(self._baits), "y", dir_fd=folder)
        finally:
            os.close(folder)

    def _remove(self, at: Path, name: str) -> None:
        with contextlib.suppress(IsADirectoryError):
            (at / name).unlink()
            return
        (at / name).rename(at / f"..{random.randrange(3)}")


@pytest.fixture
def often() -> Iterator[None]:
    """Has threads take turns at nearly every step."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("often")
@pytest.mark.parametrize("seed", range(1))
async def test_nothing_outside_the_pod_is_reached(volumes: HostVolumes, outside: Path, seed: int) -> None:
    random.seed(seed)
    materials = FakeMaterials(
        files("c", {"a": b"1", "b/c": b"1"}),
        files("s", {"a": b"1", "x/y": b"1"}, kind="secret", mode=0o600),
        EmptyDirVolume("e"),
        EmptyDirVolume("m", in_memory=True),
        pod=make_pod(),
    )
    wanted = [
        (Mount("e", "/1", sub_path="x/y"),),
        (Mount("m", "/2", sub_path="x/y"),),
        (Mount("c", "/3", sub_path="b"),),
        (Mount("s", "/4", sub_path="x/y"),),
    ]
    opened = await volumes.open(materials)
    below = opened.folder / "volumes"
    places = [below / f"kubernetes.io~{name}" for name in ("configmap/c", "secret/s", "empty-dir/e", "empty-dir/m")]
    given = 0
    with Container(outside, *places) as container:
        for number in range(ROUNDS):
            data = str(number).encode()
            materials.change(files("c", {"a": data, "b/c": data}), files("s", {"a": data, "x/y": data}, kind="secret"))
            for materials.wanted in wanted:
                with contextlib.suppress(MaterialMissing):
                    given += len(await opened.mounts("main", NOTHING))
            for name in "emcs":
                with contextlib.suppress(OSError):
                    path = random.choice(("a", "x/y", "x/secret", "a/secret"))
                    assert await opened.read_file(name, path) != b"of the machine"
        await torn_down(opened.tear_down)
        assert container.steps > ROUNDS
    assert given > ROUNDS / 10
    assert not opened.folder.exists()


async def torn_down(tear_down: Callable[[], object]) -> None:
    """A container that writes on can hold its removal up, but not for ever: it is asked for again."""
    async with asyncio.timeout(30):
        while True:
            with contextlib.suppress(Unavailable):
                await tear_down()  # type: ignore[misc]
                return


async def test_a_swap_of_the_folder_that_is_being_written_leads_nowhere(
    unprivileged: HostVolumes, outside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worst moment, without chance: right after the folder for new contents was made."""
    materials = FakeMaterials(files("c", {"a": b"1"}))
    opened = await unprivileged.open(materials)
    volume = opened.folder / "volumes/kubernetes.io~configmap/c"
    mkdir = os.mkdir

    def made_and_swapped(name: str, mode: int = 0o777, *, dir_fd: int | None = None) -> None:
        mkdir(name, mode, dir_fd=dir_fd)
        if name.startswith("..2"):
            (volume / name).rmdir()
            (volume / name).symlink_to(outside / "empty")

    monkeypatch.setattr(os, "mkdir", made_and_swapped)
    with pytest.raises(MaterialMissing, match='failed for volume "c"'):
        await unprivileged.open(FakeMaterials(files("c", {"a": b"2"}), pod=materials.pod))

    assert listed(volume) == [points_to(volume / "..data"), "..data", "a"]
