"""The volumes of a node: taken over after a restart, swept, and left alone where they belong to others."""

from __future__ import annotations

import asyncio
import logging
import stat
import threading
from pathlib import Path

import pytest

from tests.host.conftest import UNPRIVILEGED
from tests.host.fakes import FakeMaterials, files, listed, points_to, seen
from vk_core.errors import MaterialMissing, Unavailable
from vk_core.host import HostVolumes
from vk_core.host.beneath import Folder
from vk_core.host.removal import remove
from vk_core.provider.materials import EmptyDirVolume, Environment, Mount
from vk_core.testing import make_pod

NOTHING = Environment({})
CONFIG = "volumes/kubernetes.io~configmap"
EMPTY = "volumes/kubernetes.io~empty-dir"


def next_process(base: Path, volumes: HostVolumes) -> HostVolumes:
    """What the next process has on the same folder."""
    return HostVolumes(base, log=logging.getLogger("test"), privileges=volumes._privileges)


async def test_the_next_process_takes_over_what_is_there(volumes: HostVolumes, base: Path) -> None:
    pod = make_pod()
    kept = (files("c", {"a": b"1"}), files("s", {"k": b"1"}, kind="secret"))
    empty = (EmptyDirVolume("e"), EmptyDirVolume("m", in_memory=True))
    wanted = [Mount("c", "/a", sub_path="a"), Mount("e", "/x", sub_path="x"), Mount("s", "/k", sub_path="k")]
    opened = await volumes.open(FakeMaterials(*kept, *empty, pod=pod, mounts=wanted))
    for name in ("e", "m"):
        (opened.folder / EMPTY / name / "work").write_bytes(b"of the container")
    before = await opened.mounts("main", NOTHING)
    inodes = [mount.host_path.stat().st_ino for mount in before]
    written = points_to(opened.folder / CONFIG / "c" / "..data")
    await volumes.close()

    following = next_process(base, volumes)
    opened = await following.open(FakeMaterials(*kept, *empty, pod=pod, mounts=wanted))

    assert points_to(opened.folder / CONFIG / "c" / "..data") == written
    assert {(opened.folder / EMPTY / name / "work").read_bytes() for name in ("e", "m")} == {b"of the container"}
    assert await opened.mounts("main", NOTHING) == before
    assert [mount.host_path.stat().st_ino for mount in before] == inodes
    await opened.tear_down()
    assert not listed(base / "pods")


async def test_no_old_file_comes_back_after_a_restart(unprivileged: HostVolumes, base: Path) -> None:
    pod = make_pod()
    opened = await unprivileged.open(FakeMaterials(files("c", {"a": b"1", "gone": b"1"}), pod=pod))
    await unprivileged.close()

    following = next_process(base, unprivileged)
    opened = await following.open(FakeMaterials(files("c", {"a": b"2"}), pod=pod))

    assert seen(opened.folder / CONFIG / "c") == {"a": b"2"}
    await following.close()


async def test_what_a_killed_process_left_half_done_is_repaired(unprivileged: HostVolumes, base: Path) -> None:
    pod = make_pod()
    materials = FakeMaterials(files("c", {"a": b"1"}), EmptyDirVolume("e"), EmptyDirVolume("f"), pod=pod)
    opened = await unprivileged.open(materials)
    await unprivileged.close()
    volume = opened.folder / CONFIG / "c"
    (volume / "..2026_01_01_00_00_00.1" / "deep").mkdir(parents=True)
    (volume / "..data_tmp").symlink_to("..2026_01_01_00_00_00.1")
    (volume / "stale").symlink_to("..data/stale")
    (opened.folder / EMPTY / "f").rename(opened.folder / EMPTY / "..f")
    (opened.folder / "..etc-hosts").write_bytes(b"half")

    following = next_process(base, unprivileged)
    opened = await following.open(materials)
    await opened.network_files()

    assert listed(volume) == sorted(["..data", points_to(volume / "..data"), "a"])
    assert listed(opened.folder / EMPTY) == ["e", "f"]
    assert listed(opened.folder) == ["etc-hosts", "resolv.conf", "volumes"]
    await following.close()


async def test_a_sweep_removes_what_belongs_to_other_pods(volumes: HostVolumes, base: Path) -> None:
    dead = await volumes.open(
        FakeMaterials(
            files("s", {"k": b"1"}, kind="secret"),
            EmptyDirVolume("m", in_memory=True),
            EmptyDirVolume("e"),
            mounts=[Mount("e", "/x", sub_path="x"), Mount("m", "/y", sub_path="y")],
        )
    )
    await dead.mounts("main", NOTHING)
    kept = await volumes.open(FakeMaterials(files("s", {"k": b"1"}, kind="secret")))
    await volumes.close()
    outside = base / "outside"
    (outside / "kept").mkdir(parents=True)
    (base / "pods" / "linked").symlink_to(outside)
    (base / "pods" / "file").write_bytes(b"")

    following = next_process(base, volumes)
    opened = await following.open(FakeMaterials(EmptyDirVolume("e")))
    await following.sweep([kept.folder.name])

    assert listed(base / "pods") == sorted([kept.folder.name, opened.folder.name])
    assert (outside / "kept").is_dir()
    await following.sweep([])
    assert listed(base / "pods") == [opened.folder.name]
    await opened.tear_down()
    assert not listed(base / "pods")


async def test_a_pod_that_is_opened_while_its_rest_is_removed_waits_for_that(
    unprivileged: HostVolumes, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (base / "pods" / "dead" / "volumes").mkdir(parents=True)
    is_removing, is_laid_out = threading.Event(), threading.Event()

    def slow(parent: Folder, name: str) -> None:
        is_removing.set()
        is_laid_out.wait(0.2)  # it must not be, however long this takes
        remove(parent, name)

    monkeypatch.setattr("vk_core.host.podfolder.remove", slow)
    sweeping = asyncio.create_task(unprivileged.sweep([]))
    await asyncio.to_thread(is_removing.wait, 10)
    opened = await unprivileged.open(FakeMaterials(files("c", {"a": b"1"}), pod=make_pod(uid="dead")))
    is_laid_out.set()
    await sweeping

    assert seen(opened.folder / CONFIG / "c") == {"a": b"1"}


async def test_opening_a_pod_again_follows_the_newer_materials(unprivileged: HostVolumes) -> None:
    pod = make_pod()
    old, new = (FakeMaterials(files("c", {"a": data}), pod=pod) for data in (b"1", b"2"))
    first = await unprivileged.open(old)
    second = await unprivileged.open(new)

    old.change(files("c", {"a": b"old"}))
    await first.close()

    assert seen(second.folder / CONFIG / "c") == {"a": b"2"}
    await first.tear_down()
    await second.tear_down()


async def test_a_pod_whose_materials_are_missing_leaves_nothing_behind(unprivileged: HostVolumes, base: Path) -> None:
    materials = FakeMaterials(files("c", {"a": b"1"}))
    materials.missing = {"c"}
    with pytest.raises(MaterialMissing):
        await unprivileged.open(materials)
    assert not listed(base / "pods")
    assert not unprivileged._pods
    assert not unprivileged._folders

    materials.missing = set()
    opened = await unprivileged.open(materials)
    assert seen(opened.folder / CONFIG / "c") == {"a": b"1"}
    await opened.tear_down()
    assert not unprivileged._pods
    assert not unprivileged._folders


async def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    volumes = HostVolumes(tmp_path / "file" / "node", log=logging.getLogger("test"), privileges=UNPRIVILEGED)
    with pytest.raises(Unavailable, match="the folder for volumes cannot be made: Not a directory"):
        await volumes.open(FakeMaterials())


async def test_the_folder_may_be_behind_a_link(volumes: HostVolumes, base: Path) -> None:
    (base / "real").mkdir(parents=True)
    (base / "link").symlink_to("real")
    linked = HostVolumes(base / "link", log=logging.getLogger("test"), privileges=volumes._privileges)
    opened = await linked.open(FakeMaterials(files("s", {"k": b"1"}, kind="secret")))

    assert opened.folder.is_relative_to(base / "real")
    await opened.tear_down()
    assert not listed(base / "real" / "pods")


async def test_nobody_else_gets_at_the_volumes(unprivileged: HostVolumes, base: Path) -> None:
    await unprivileged.open(FakeMaterials())
    assert [stat.S_IMODE(path.stat().st_mode) for path in (base, base / "pods")] == [0o750, 0o750]


async def test_the_volumes_of_one_pod_go_whoever_laid_them_out_and_those_of_others_stay(
    volumes: HostVolumes, base: Path
) -> None:
    left, here, other = make_pod(), make_pod(), make_pod()
    for pod in (left, other):
        await volumes.open(FakeMaterials(files("s", {"k": b"1"}, kind="secret"), pod=pod))
    await volumes.close()

    following = next_process(base, volumes)
    await following.open(FakeMaterials(files("c", {"a": b"1"}), pod=here))
    for uid in (left.metadata.uid, here.metadata.uid, "never-there"):
        await following.remove(uid)

    assert [path.name for path in (base / "pods").iterdir()] == [other.metadata.uid]
    await following.remove(other.metadata.uid)
