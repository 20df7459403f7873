"""The volumes of a pod: laid out, read, and gone in the end."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from tests.host.fakes import FakeMaterials, files, listed, seen
from vk_core.api.volumes import PersistentVolumeClaimVolumeSource
from vk_core.errors import InvalidInput, MaterialMissing, Unavailable
from vk_core.host import HostVolumes
from vk_core.provider.materials import (
    EmptyDirVolume,
    Environment,
    HostPathVolume,
    ImageVolume,
    Mount,
    OtherVolume,
)
from vk_core.testing import make_pod

NOTHING = Environment({})
CONFIG = "volumes/kubernetes.io~configmap"
EMPTY = "volumes/kubernetes.io~empty-dir"


async def test_every_kind_of_files_is_where_a_kubelet_has_it(volumes: HostVolumes) -> None:
    kinds = {
        "configMap": "kubernetes.io~configmap",
        "secret": "kubernetes.io~secret",
        "downwardAPI": "kubernetes.io~downward-api",
        "projected": "kubernetes.io~projected",
    }
    materials = FakeMaterials(*(files(f"v-{kind.lower()}", {"k": kind.encode()}, kind=kind) for kind in kinds))

    opened = await volumes.open(materials)

    for kind, folder in kinds.items():
        assert seen(opened.folder / "volumes" / folder / f"v-{kind.lower()}") == {"k": kind.encode()}
    assert opened.folder.parent.name == "pods"
    assert opened.folder.name == materials.pod.metadata.uid
    assert stat.S_IMODE(opened.folder.stat().st_mode) == 0o750


@pytest.mark.parametrize(
    ("volume", "kind"),
    [
        (ImageVolume("x", "busybox", "Always"), "image"),
        (
            OtherVolume("x", "persistentVolumeClaim", PersistentVolumeClaimVolumeSource(claim_name="data")),
            "persistentVolumeClaim",
        ),
    ],
)
async def test_a_volume_that_cannot_be_made_here_is_named_with_its_kind(
    unprivileged: HostVolumes, base: Path, volume: ImageVolume | OtherVolume, kind: str
) -> None:
    with pytest.raises(MaterialMissing, match=f'"x" : volumes of the kind {kind} cannot be mounted') as raised:
        await unprivileged.open(FakeMaterials(files("c", {"a": b"1"}), volume))

    assert raised.value.reason == "FailedMount"
    assert not listed(base / "pods")


async def test_a_pod_that_cannot_be_laid_out_leaves_nothing_behind(unprivileged: HostVolumes, base: Path) -> None:
    materials = FakeMaterials(files("c", {"a": b"1"}), HostPathVolume("h", str(base / "none"), "Directory"))

    with pytest.raises(MaterialMissing, match=f"hostPath type check failed: {base}/none is not a directory"):
        await unprivileged.open(materials)

    assert not listed(base / "pods")


@pytest.mark.parametrize("path", ["../x", "/etc/x", "a/../../x", "..data/x", "..x", "a//b", "a\0b", ""])
async def test_no_item_path_leads_out_of_the_volume(unprivileged: HostVolumes, base: Path, path: str) -> None:
    with pytest.raises(MaterialMissing, match=r'MountVolume\.SetUp failed for volume "c" : the path'):
        await unprivileged.open(FakeMaterials(files("c", {path: b"1"})))


@pytest.mark.parametrize("name", ["../x", "..", "", "a/b", ".x"])
async def test_no_name_of_a_volume_or_uid_leads_out_of_the_pod(
    unprivileged: HostVolumes, base: Path, name: str
) -> None:
    with pytest.raises(InvalidInput):
        await unprivileged.open(FakeMaterials(EmptyDirVolume(name)))
    with pytest.raises(InvalidInput):
        await unprivileged.open(FakeMaterials(pod=make_pod(uid=name or "..")))
    opened = await unprivileged.open(FakeMaterials())
    with pytest.raises(InvalidInput):
        await opened.mounts(name, NOTHING)
    with pytest.raises(InvalidInput):
        await opened.container_folder(name)


async def test_an_empty_dir_is_for_everybody_in_the_pod(unprivileged: HostVolumes) -> None:
    opened = await unprivileged.open(FakeMaterials(EmptyDirVolume("e"), mounts=[Mount("e", "/cache", read_only=True)]))

    (mount,) = await opened.mounts("main", NOTHING)

    assert mount.host_path == opened.folder / EMPTY / "e"
    assert (mount.path, mount.volume, mount.is_directory, mount.read_only) == ("/cache", "e", True, True)
    assert stat.S_IMODE(mount.host_path.stat().st_mode) == 0o777


async def test_files_of_volumes_are_read_safely(unprivileged: HostVolumes, tmp_path: Path) -> None:
    opened = await unprivileged.open(
        FakeMaterials(EmptyDirVolume("e"), files("c", {"a/b": b"1"}), HostPathVolume("h", str(tmp_path)))
    )
    (tmp_path / "env").write_bytes(b"H=1")
    volume = opened.folder / EMPTY / "e"
    (volume / "env").write_bytes(b"A=1\n")
    (volume / "link").symlink_to("/etc/passwd")
    (volume / "folder").symlink_to("/etc")
    os.mkfifo(volume / "pipe")
    with (volume / "large").open("wb") as large:
        large.truncate((1 << 20) + 1)

    assert await opened.read_file("e", "env") == b"A=1\n"
    assert await opened.read_file("c", "a/b") == b"1"
    assert await opened.read_file("h", "env") == b"H=1"
    for name, path in (("e", "none"), ("e", "none/x"), ("x", "env")):
        with pytest.raises(FileNotFoundError):
            await opened.read_file(name, path)
    for path, why in {
        "link": "symbolic link",
        "folder/passwd": "Not a directory",
        "pipe": "not a regular file",
        "large": "larger than 1048576 bytes",
        "../e/env": "must be relative",
        "/etc/passwd": "must be relative",
    }.items():
        with pytest.raises(OSError, match=why) as raised:
            await opened.read_file("e", path)
        assert not isinstance(raised.value, FileNotFoundError)


async def test_network_files_are_written_once_and_with_the_addresses_once_they_are_known(
    unprivileged: HostVolumes,
) -> None:
    materials = FakeMaterials()
    materials.hosts = None
    opened = await unprivileged.open(materials)
    network = await opened.network_files()
    assert network.hosts is None
    assert network.resolv_conf.read_text() == "nameserver 10.0.0.10\n"

    materials.hosts = "127.0.0.1 localhost\n"
    network = await opened.network_files(("10.0.0.7",))
    assert (network.hostname, network.domain) == ("web", "")
    assert network.hosts == opened.folder / "etc-hosts"
    assert network.hosts.read_text() == "127.0.0.1 localhost\n10.0.0.7 web\n"
    assert stat.S_IMODE(network.hosts.stat().st_mode) == 0o644

    before = network.hosts.stat().st_ino
    await opened.network_files(("10.0.0.7",))
    assert network.hosts.stat().st_ino == before

    network.hosts.write_text("what a container wrote")
    await opened.network_files(("10.0.0.7",))
    assert network.hosts.read_text() == "127.0.0.1 localhost\n10.0.0.7 web\n"


async def test_what_is_asked_for_after_the_end_is_refused_and_makes_nothing(volumes: HostVolumes) -> None:
    materials = FakeMaterials(files("c", {"a": b"1"}), EmptyDirVolume("e"))
    opened = await volumes.open(materials)
    (await opened.container_folder("main") / "log").write_bytes(b"")

    await opened.tear_down()
    await opened.tear_down()

    materials.change(files("c", {"a": b"2"}))
    for call in (opened.mounts("main", NOTHING), opened.network_files(), opened.container_folder("main")):
        with pytest.raises(Unavailable):
            await call
    with pytest.raises(FileNotFoundError):
        await opened.read_file("c", "a")
    assert not opened.folder.exists()
