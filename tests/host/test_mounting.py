"""What is mounted as root: memory for what must not be on a disk, parts of volumes made fast, and all of it undone."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.host.fakes import FakeMaterials, files, listed, points_to, seen
from vk_core.api.container import ResourceRequirements
from vk_core.api.pod import PodSecurityContext
from vk_core.errors import MaterialMissing
from vk_core.host import HostVolumes
from vk_core.provider.materials import EmptyDirVolume, Environment, HostPathVolume, Mount
from vk_core.testing import make_container, make_pod

pytestmark = pytest.mark.usefixtures("as_root")
NOTHING = Environment({})
EMPTY = "volumes/kubernetes.io~empty-dir"
SECRET = "volumes/kubernetes.io~secret"


def mounted(path: Path) -> list[tuple[str, str]]:
    """What is mounted at or below a path: where, and the type and options of its file system."""
    found = []
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        point = line.split(" ")[4].replace("\\040", " ")
        if point == str(path) or point.startswith(f"{path}/"):
            found.append((point, line.split(" - ")[1]))
    return found


def mount(*arguments: object) -> None:
    subprocess.run(["mount", *map(str, arguments)], check=True)


def unmount(path: Path) -> None:
    subprocess.run(["umount", path], check=True)


@pytest.fixture
def shared(base: Path) -> Iterator[Path]:
    """A folder of the host from which mounts spread, as with systemd, and one of its folders is itself a mount."""
    folder = base / "host"
    (folder).mkdir(parents=True)
    mount("-t", "tmpfs", "tmpfs", folder)
    mount("--make-shared", folder)
    (folder / "data" / "inner").mkdir(parents=True)
    (folder / "data" / "kept").write_bytes(b"precious")
    mount("-t", "tmpfs", "tmpfs", folder / "data" / "inner")
    (folder / "data" / "inner" / "kept").write_bytes(b"precious")
    yield folder
    subprocess.run(["umount", "--lazy", "--recursive", folder], check=True)


async def test_what_must_not_be_on_a_disk_is_in_memory(privileged: HostVolumes) -> None:
    opened = await privileged.open(
        FakeMaterials(
            files("c", {"a": b"1"}),
            *(files(kind.lower(), {"k": b"1"}, kind=kind) for kind in ("secret", "downwardAPI", "projected")),
            EmptyDirVolume("m", in_memory=True, size_limit_bytes=1 << 20),
            EmptyDirVolume("e"),
        )
    )

    in_memory = {Path(point).name for point, kind in mounted(opened.folder) if kind.startswith("tmpfs ")}
    assert in_memory == {"secret", "downwardapi", "projected", "m"}
    assert stat.S_IMODE((opened.folder / EMPTY / "m").stat().st_mode) == 0o1777
    with pytest.raises(OSError, match="No space left") as raised:
        (opened.folder / EMPTY / "m" / "large").write_bytes(bytes(2 << 20))
    assert raised.value.errno == errno.ENOSPC

    await opened.tear_down()
    assert not mounted(opened.folder)
    assert not opened.folder.exists()


@pytest.fixture
def has_huge_pages() -> bool:
    is_known = "hugetlbfs" in Path("/proc/filesystems").read_text()
    return is_known and Path("/sys/kernel/mm/hugepages/hugepages-2048kB").exists()


async def test_huge_pages_are_mounted_where_there_are_any(privileged: HostVolumes, has_huge_pages: bool) -> None:
    resources = ResourceRequirements(limits={"hugepages-2Mi": "4Mi", "memory": "1Gi"})
    pod = make_pod(containers=(make_container(resources=resources),))
    try:
        opened = await privileged.open(FakeMaterials(EmptyDirVolume("h", huge_page_bytes=-1), pod=pod))
    except MaterialMissing as error:
        assert not has_huge_pages
        assert "mount: " in str(error)
    else:
        assert mounted(opened.folder)[0][1].startswith("hugetlbfs ")
        await opened.tear_down()
        assert not opened.folder.exists()


async def test_parts_of_volumes_in_memory_have_their_permissions_and_their_group(privileged: HostVolumes) -> None:
    pod = make_pod(security_context=PodSecurityContext(fs_group=4711))
    wanted = [Mount("e", "/x", sub_path="x/y"), Mount("s", "/none", sub_path="none")]
    volumes = (EmptyDirVolume("e", in_memory=True), files("s", {"k": b"1"}, kind="secret"))
    opened = await privileged.open(FakeMaterials(*volumes, pod=pod, mounts=wanted))
    for mount in await opened.mounts("main", NOTHING):
        about = mount.host_path.stat()
        assert (stat.S_IMODE(about.st_mode), about.st_gid) == (0o3777, 4711)
    await opened.tear_down()


async def test_what_was_on_the_disk_before_does_not_stay_below_the_mount(privileged: HostVolumes, base: Path) -> None:
    pod = make_pod()
    left = base / "pods" / pod.metadata.uid / SECRET / "s"
    (left / "..2026_01_01_00_00_00.1").mkdir(parents=True)
    (left / "..2026_01_01_00_00_00.1" / "k").write_bytes(b"secret")
    opened = await privileged.open(FakeMaterials(files("s", {"k": b"1"}, kind="secret"), pod=pod))
    assert seen(left) == {"k": b"1"}

    unmount(left)

    assert not listed(left)
    await opened.tear_down()


async def test_a_part_of_a_volume_stays_the_same_whatever_takes_its_name(privileged: HostVolumes, base: Path) -> None:
    outside = base / "outside"
    outside.mkdir(parents=True)
    opened = await privileged.open(FakeMaterials(EmptyDirVolume("e"), mounts=[Mount("e", "/x", sub_path="x/y")]))
    (part,) = await opened.mounts("main", NOTHING)
    volume = opened.folder / EMPTY / "e"

    (volume / "x").rename(volume / "moved")
    (volume / "x").symlink_to(outside)
    (part.host_path / "file").write_bytes(b"1")

    assert (volume / "moved" / "y" / "file").read_bytes() == b"1"
    assert not listed(outside)
    with pytest.raises(MaterialMissing, match="Not a directory"):
        await opened.mounts("main", NOTHING)
    (volume / "x").unlink()
    (again,) = await opened.mounts("main", NOTHING)
    assert not listed(again.host_path)
    await opened.tear_down()
    assert not mounted(base)


@pytest.mark.parametrize("propagation", ["None", "HostToContainer", "Bidirectional"])
async def test_nothing_of_the_host_is_unmounted_or_removed_with_the_pod(
    privileged: HostVolumes, shared: Path, propagation: str
) -> None:
    wanted = [
        Mount("h", "/data", sub_path="data", propagation=propagation),
        Mount("h", "/kept", sub_path="data/kept", propagation=propagation),
        Mount("h", "/made", sub_path="made/deep", propagation=propagation),
        Mount("h", "/all"),
    ]
    opened = await privileged.open(FakeMaterials(HostPathVolume("h", str(shared)), mounts=wanted))
    data, kept, made, whole = await opened.mounts("main", NOTHING)
    assert (data.is_directory, kept.is_directory, whole.host_path) == (True, False, shared)
    assert (data.host_path / "kept").read_bytes() == kept.host_path.read_bytes() == b"precious"
    (made.host_path / "new").write_bytes(b"of the container")

    (shared / "data" / "later").mkdir()
    mount("-t", "tmpfs", "tmpfs", shared / "data" / "later")
    (shared / "data" / "later" / "kept").write_bytes(b"precious")
    assert (data.host_path / "later" / "kept").exists() == (propagation != "None")

    await opened.tear_down()

    assert not opened.folder.exists()
    assert not mounted(opened.folder)
    for path in ("data/kept", "data/inner/kept", "data/later/kept"):
        assert (shared / path).read_bytes() == b"precious"
    assert (shared / "made" / "deep" / "new").read_bytes() == b"of the container"


async def test_what_a_container_mounted_into_its_volume_is_unmounted_and_stays(
    privileged: HostVolumes, base: Path
) -> None:
    outside = base / "outside"
    (outside / "kept").mkdir(parents=True)
    opened = await privileged.open(FakeMaterials(EmptyDirVolume("e"), EmptyDirVolume("m", in_memory=True)))
    for name in ("e", "m"):
        odd = opened.folder / EMPTY / name / "odd\r\n \\040\t#name" / "deep"
        (odd / "kept").mkdir(parents=True)
        for _ in range(3):
            mount("--bind", outside, odd)
        mount("--bind", outside, odd / "kept")

    await opened.tear_down()

    assert not opened.folder.exists()
    assert (outside / "kept").is_dir()


async def test_a_folder_that_is_in_use_is_unmounted_all_the_same(privileged: HostVolumes) -> None:
    opened = await privileged.open(FakeMaterials(EmptyDirVolume("m", in_memory=True)))
    with (opened.folder / EMPTY / "m" / "open").open("wb") as held:
        await opened.tear_down()
        held.write(b"still")
    assert not opened.folder.exists()


async def test_what_a_dead_process_mounted_is_swept(privileged: HostVolumes, shared: Path, base: Path) -> None:
    wanted = [Mount("h", "/data", sub_path="data"), Mount("s", "/k", sub_path="k")]
    dead = await privileged.open(
        FakeMaterials(HostPathVolume("h", str(shared)), files("s", {"k": b"1"}, kind="secret"), mounts=wanted)
    )
    await dead.mounts("main", NOTHING)
    await privileged.close()

    await privileged.sweep([])

    assert not listed(base / "pods")
    assert (shared / "data" / "kept").read_bytes() == b"precious"


async def test_the_group_of_the_pod_may_read_and_in_an_empty_dir_write(privileged: HostVolumes) -> None:
    pod = make_pod(security_context=PodSecurityContext(fs_group=4321))
    opened = await privileged.open(
        FakeMaterials(
            files("c", {"a": b"1", "b/c": b"1"}, mode=0o600),
            files("s", {"k": b"1"}, kind="secret", mode=0o400, user_id=1234),
            EmptyDirVolume("e"),
            EmptyDirVolume("m", in_memory=True),
            pod=pod,
            mounts=[Mount("e", "/x", sub_path="x")],
        )
    )
    (part,) = await opened.mounts("main", NOTHING)

    def access(path: str) -> tuple[str, int, int]:
        status = (opened.folder / "volumes" / path).stat()
        return f"{stat.S_IMODE(status.st_mode):o}", status.st_uid, status.st_gid

    assert access("kubernetes.io~configmap/c") == ("2777", 0, 4321)
    assert access("kubernetes.io~configmap/c/..data") == ("2755", 0, 4321)
    assert access("kubernetes.io~configmap/c/a") == ("640", 0, 4321)
    assert access("kubernetes.io~configmap/c/b") == ("2755", 0, 4321)
    assert access("kubernetes.io~configmap/c/b/c") == ("640", 0, 4321)
    assert access("kubernetes.io~secret/s") == ("3777", 0, 4321)
    assert access("kubernetes.io~secret/s/k") == ("440", 1234, 4321)
    assert access("kubernetes.io~empty-dir/e") == ("2777", 0, 4321)
    assert access("kubernetes.io~empty-dir/m") == ("3777", 0, 4321)
    assert access("kubernetes.io~empty-dir/e/x") == ("2777", 0, 4321)
    assert part.host_path.stat().st_gid == 4321
    await opened.tear_down()


async def test_files_of_another_user_are_left_alone_when_nothing_has_changed(privileged: HostVolumes) -> None:
    pod = make_pod(security_context=PodSecurityContext(fs_group=4321))
    materials = FakeMaterials(files("c", {"k": b"1"}, mode=0o600, user_id=1234), pod=pod)
    opened = await privileged.open(materials)
    before = points_to(opened.folder / "volumes/kubernetes.io~configmap/c/..data")
    await privileged.close()

    opened = await privileged.open(materials)

    assert points_to(opened.folder / "volumes/kubernetes.io~configmap/c/..data") == before


async def test_what_is_mounted_already_is_not_mounted_again(privileged: HostVolumes, base: Path) -> None:
    materials = FakeMaterials(
        EmptyDirVolume("m", in_memory=True),
        files("s", {"k": b"1"}, kind="secret"),
        mounts=[Mount("m", "/x", sub_path="x"), Mount("s", "/k", sub_path="k")],
    )
    opened = await privileged.open(materials)
    for part in await opened.mounts("main", NOTHING):
        mount("-o", "remount,bind,ro", part.host_path)  # to know it by
    await privileged.close()

    opened = await privileged.open(materials)
    parts = await opened.mounts("main", NOTHING)

    assert all(os.statvfs(part.host_path).f_flag & os.ST_RDONLY for part in parts)
    assert len(mounted(base)) == 4
    await opened.tear_down()
