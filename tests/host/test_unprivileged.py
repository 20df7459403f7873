"""A process that is not root, really: everything is plain folders of its own user, and nothing is pretended."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.host.fakes import FakeMaterials, files, points_to, reads, seen, until
from vk_core.api.pod import PodSecurityContext
from vk_core.errors import MaterialMissing
from vk_core.host import HostVolumes, Privileges
from vk_core.provider.materials import EmptyDirVolume, Environment, Mount
from vk_core.testing import make_pod

NOBODY = 65534
ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that a process of another user gets at, unlike those of pytest."""
    folder = Path(tempfile.mkdtemp())
    if os.geteuid() == 0:
        os.chown(folder, NOBODY, NOBODY)
    yield folder
    shutil.rmtree(folder)


@pytest.mark.parametrize("number", range(3))
def test_without_root_it_works_as_far_as_it_says(open_folder: Path, number: int) -> None:
    command = [sys.executable, "-m", "tests.host.test_unprivileged", str(number), str(open_folder)]
    subprocess.run(command, cwd=ROOT, check=True, timeout=60)


def is_mounted_below(folder: Path) -> bool:
    return str(folder) in Path("/proc/self/mountinfo").read_text()


async def volumes_of_all_kinds_are_plain_folders(folder: Path) -> None:
    assert not Privileges.of_process().mounts
    volumes = HostVolumes(folder, log=logging.getLogger("test"))
    materials = FakeMaterials(
        files("c", {"a": b"1"}),
        files("s", {"k": b"1"}, kind="secret", mode=0o400, user_id=0),
        EmptyDirVolume("m", in_memory=True, size_limit_bytes=1),
        pod=make_pod(security_context=PodSecurityContext(fs_group=4321)),
        mounts=[Mount("s", "/k", sub_path="k"), Mount("m", "/x", sub_path="x")],
    )
    opened = await volumes.open(materials)
    secret = opened.folder / "volumes/kubernetes.io~secret/s"
    part, made = await opened.mounts("main", Environment({}))

    assert part.host_path.read_bytes() == b"1"
    # Not for a group either: it would be another than the one that was asked for.
    assert stat.S_IMODE(part.host_path.stat().st_mode) == 0o400
    assert part.host_path.stat().st_uid == os.geteuid()
    assert made.host_path.is_dir()
    assert not is_mounted_below(opened.folder)

    before = points_to(secret / "..data")
    await volumes.close()
    opened = await volumes.open(materials)
    assert points_to(secret / "..data") == before
    materials.change(files("s", {"k": b"2"}, kind="secret", mode=0o400))
    await until(reads(secret / "k", b"2"))
    await opened.tear_down()
    assert not opened.folder.exists()


async def whatever_containers_left_is_removed(folder: Path) -> None:
    volumes = HostVolumes(folder, log=logging.getLogger("test"))
    opened = await volumes.open(FakeMaterials(EmptyDirVolume("e"), files("c", {"a": b"1"}, mode=0o000)))
    at = opened.folder / "volumes/kubernetes.io~empty-dir/e"
    deep = at.joinpath(*["x"] * 100)
    deep.mkdir(parents=True)
    for path in (deep, *deep.parents):
        if path == at:
            break
        path.chmod(0o000 if path.name == "x" else 0o700)
    (at / "closed" / "inner").mkdir(parents=True)
    (at / "closed" / "inner" / "file").write_bytes(b"")
    (at / "closed" / "inner").chmod(0o500)
    (at / "closed").chmod(0o000)

    await opened.tear_down()

    assert not opened.folder.exists()


async def what_needs_root_is_refused_and_says_so(folder: Path) -> None:
    volumes = HostVolumes(folder, log=logging.getLogger("test"))
    with pytest.raises(MaterialMissing, match="huge pages can only be had where this process may mount"):
        await volumes.open(FakeMaterials(EmptyDirVolume("h", huge_page_bytes=1 << 21)))
    opened = await volumes.open(FakeMaterials(files("c", {"a": b"1"}, mode=0o000)))
    again = await volumes.open(FakeMaterials(files("c", {"a": b"2"}), pod=make_pod(uid=opened.folder.name)))
    assert seen(again.folder / "volumes/kubernetes.io~configmap/c") == {"a": b"2"}
    await again.tear_down()


CHECKS = (
    volumes_of_all_kinds_are_plain_folders,
    whatever_containers_left_is_removed,
    what_needs_root_is_refused_and_says_so,
)


def main(number: str, folder: str) -> None:
    """Run one check as nobody: Python itself may be out of reach for others, so it is loaded first."""
    asyncio.run(asyncio.to_thread(os.getpid))
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    asyncio.run(CHECKS[int(number)](Path(folder)))


if __name__ == "__main__":
    main(*sys.argv[1:])
