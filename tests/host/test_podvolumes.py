"""The volumes of a pod: laid out, followed, given to containers, read, and gone in the end."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import stat
import threading
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.host.conftest import UNPRIVILEGED
from tests.host.fakes import FakeMaterials, files, listed, points_to, reads, seen, shows, until
from vk_core.api.volumes import PersistentVolumeClaimVolumeSource
from vk_core.errors import Conflict, InvalidInput, MaterialMissing, Unavailable
from vk_core.host import HostVolumes, atomicwriter
from vk_core.host.beneath import Folder
from vk_core.host.ownership import Ownership
from vk_core.provider.materials import (
    EmptyDirVolume,
    Environment,
    HostPathVolume,
    ImageVolume,
    Mount,
    OtherVolume,
    VolumeFile,
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


async def test_a_change_is_in_the_files_at_once(volumes: HostVolumes) -> None:
    materials = FakeMaterials(files("c", {"a": b"1", "b": b"1"}), files("s", {"k": b"1"}, kind="secret"))
    opened = await volumes.open(materials)

    changed = time.monotonic()
    materials.change(files("c", {"a": b"2", "new": b"2"}))
    await until(reads(opened.folder / CONFIG / "c" / "a", b"2"))

    assert time.monotonic() - changed < 1  # it takes about 3 ms
    await until(shows(opened.folder / CONFIG / "c", {"a": b"2", "new": b"2"}))


async def test_many_changes_at_once_are_written_once_or_twice(unprivileged: HostVolumes) -> None:
    materials = FakeMaterials(files("c", {"a": b"0"}))
    opened = await unprivileged.open(materials)
    asked = materials.asked

    for number in range(100):
        materials.change(files("c", {"a": str(number).encode()}))
    await until(reads(opened.folder / CONFIG / "c" / "a", b"99"))

    assert materials.asked - asked <= 2


async def test_former_contents_are_gone_after_a_while(
    unprivileged: HostVolumes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vk_core.host.volumewriter.KEPT_SECONDS", 0.0)
    monkeypatch.setattr("vk_core.host.podvolumes.KEPT_SECONDS", 0.01)
    materials = FakeMaterials(files("c", {"a": b"1"}))
    opened = await unprivileged.open(materials)

    materials.change(files("c", {"a": b"2"}))

    await until(shows(opened.folder / CONFIG / "c", {"a": b"2"}))
    await until(lambda: len(listed(opened.folder / CONFIG / "c")) == 3)


async def test_a_reader_in_a_loop_never_misses_a_file_and_never_sees_some_old_and_some_new(
    volumes: HostVolumes,
) -> None:
    materials = FakeMaterials(files("c", {"a": b"0", "b/c": b"0"}))
    opened = await volumes.open(materials)
    volume = opened.folder / CONFIG / "c"
    problems: list[object] = []
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            try:
                (volume / "a").read_bytes(), (volume / "b" / "c").read_bytes()
                current = os.open(volume / "..data", os.O_RDONLY)
                both = {Path(f"/proc/self/fd/{current}/{name}").read_bytes() for name in ("a", "b/c")}
                os.close(current)
            except OSError as error:
                problems.append(error)
            else:
                if len(both) != 1:
                    problems.append(both)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for number in range(1, 100):
            data = str(number).encode() * 1000
            materials.change(files("c", {"a": data, "b/c": data}))
            await until(reads(volume / "a", data))
    finally:
        done.set()
        reader.join()
    assert not problems


async def test_what_has_not_changed_is_left_alone(unprivileged: HostVolumes) -> None:
    materials = FakeMaterials(files("c", {"a": b"1"}), files("d", {"a": b"1"}))
    opened = await unprivileged.open(materials)
    before = points_to(opened.folder / CONFIG / "c" / "..data")

    materials.change(files("d", {"a": b"2"}))
    await until(reads(opened.folder / CONFIG / "d" / "a", b"2"))

    assert points_to(opened.folder / CONFIG / "c" / "..data") == before


async def test_what_a_process_has_removed_from_a_volume_is_back_with_the_next_change(unprivileged: HostVolumes) -> None:
    materials = FakeMaterials(files("c", {"a": b"1"}), files("d", {"a": b"1"}))
    opened = await unprivileged.open(materials)
    (opened.folder / CONFIG / "c" / "..data").unlink()

    materials.change()

    await until(shows(opened.folder / CONFIG / "c", {"a": b"1"}))


async def test_a_mandatory_object_that_vanishes_keeps_its_files_and_holds_up_no_other(
    unprivileged: HostVolumes,
) -> None:
    materials = FakeMaterials(files("c", {"a": b"1"}), files("d", {"a": b"1"}))
    opened = await unprivileged.open(materials)

    materials.missing = {"c"}
    materials.change(files("d", {"a": b"2"}))
    await until(reads(opened.folder / CONFIG / "d" / "a", b"2"))
    assert seen(opened.folder / CONFIG / "c") == {"a": b"1"}

    materials.missing = set()
    materials.change(files("c", {"a": b"3"}))
    await until(reads(opened.folder / CONFIG / "c" / "a", b"3"))


async def test_a_change_while_the_volumes_are_laid_out_is_not_lost(unprivileged: HostVolumes) -> None:
    materials = FakeMaterials(files("c", {"a": b"1"}))
    materials.meanwhile = lambda: materials.change(files("c", {"a": b"2"}))

    opened = await unprivileged.open(materials)

    await until(reads(opened.folder / CONFIG / "c" / "a", b"2"))


async def test_what_cannot_be_written_now_is_tried_again(
    unprivileged: HostVolumes, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("vk_core.host.podvolumes._FIRST_RETRY_SECONDS", 0.01)
    materials = FakeMaterials(files("c", {"a": b"1"}))
    opened = await unprivileged.open(materials)
    write, failures = atomicwriter.write, iter(range(3))

    def full(volume: Folder, contents: Mapping[atomicwriter.Parts, VolumeFile], ownership: Ownership) -> bool:
        if next(failures, None) is not None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(volume, contents, ownership)

    monkeypatch.setattr(atomicwriter, "write", full)
    materials.change(files("c", {"a": b"secret"}))

    await until(reads(opened.folder / CONFIG / "c" / "a", b"secret"))
    assert caplog.messages[0] == ("pod default/web: the volume c cannot be brought up to date: No space left on device")
    assert "secret" not in caplog.text


async def test_a_bug_while_following_is_shown_and_the_next_change_is_written(
    unprivileged: HostVolumes, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    materials = FakeMaterials(files("c", {"a": b"1"}))
    opened = await unprivileged.open(materials)

    def broken(volumes: object) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(opened._folder, "update", broken)
        materials.change(files("c", {"a": b"2"}))
        await until(lambda: "ZeroDivisionError" in caplog.text)
    materials.change(files("c", {"a": b"3"}))

    await until(reads(opened.folder / CONFIG / "c" / "a", b"3"))


async def test_materials_that_have_ended_are_not_asked_again(unprivileged: HostVolumes) -> None:
    materials = FakeMaterials(files("c", {"a": b"1"}))
    opened = await unprivileged.open(materials)

    async def ended(*arguments: object) -> None:
        materials.asked += 1
        raise Conflict("the pod has come to its end")

    materials.volumes = ended  # type: ignore[method-assign,assignment]
    asked = materials.asked
    materials.change()

    await until(lambda: materials.asked > asked)
    await until(lambda: opened._writing is not None and opened._writing.done())
    assert materials.asked == asked + 1


async def test_the_provider_hears_of_changes_from_the_volumes(unprivileged: HostVolumes) -> None:
    materials = FakeMaterials(EmptyDirVolume("e"))
    opened = await unprivileged.open(materials)
    heard: list[str] = []
    opened.follow(lambda: heard.append("changed"))

    materials.change()
    await opened.close()
    materials.change()

    assert heard == ["changed"]


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


async def test_files_that_core_makes_are_read_only_in_containers(unprivileged: HostVolumes) -> None:
    opened = await unprivileged.open(FakeMaterials(files("c", {"a": b"1"}), mounts=[Mount("c", "/etc/c")]))

    (mount,) = await opened.mounts("main", NOTHING)

    assert mount.read_only
    assert seen(mount.host_path) == {"a": b"1"}


async def test_a_part_of_files_is_what_it_was_at_the_start_of_the_container(volumes: HostVolumes) -> None:
    wanted = [Mount("c", "/a", sub_path="a"), Mount("c", "/b", sub_path="./b/"), Mount("s", "/k", sub_path="k/l")]
    materials = FakeMaterials(
        files("c", {"a": b"1", "b/c/d": b"1"}), files("s", {"k/l": b"1"}, kind="secret", mode=0o400), mounts=wanted
    )
    opened = await volumes.open(materials)

    file, folder, secret = await opened.mounts("main", NOTHING)
    assert (file.is_directory, folder.is_directory, secret.is_directory) == (False, True, False)
    assert (file.host_path.read_bytes(), seen(folder.host_path)) == (b"1", {"c/d": b"1"})
    assert stat.S_IMODE(secret.host_path.stat().st_mode) == 0o400

    materials.change(files("c", {"a": b"2", "b/c/d": b"2"}))
    await until(reads(opened.folder / CONFIG / "c" / "a", b"2"))
    assert file.host_path.read_bytes() == b"1"

    assert [mount.host_path for mount in await opened.mounts("main", NOTHING)] == [
        file.host_path,
        folder.host_path,
        secret.host_path,
    ]
    assert (file.host_path.read_bytes(), seen(folder.host_path)) == (b"2", {"c/d": b"2"})
    await opened.tear_down()
    assert not opened.folder.exists()


async def test_a_part_of_files_that_is_not_there_is_an_empty_folder_until_it_is(volumes: HostVolumes) -> None:
    materials = FakeMaterials(files("c", {}), mounts=[Mount("c", "/a", sub_path="a/b")])
    opened = await volumes.open(materials)

    (mount,) = await opened.mounts("main", NOTHING)
    assert mount.is_directory
    assert not listed(mount.host_path)
    assert stat.S_IMODE(mount.host_path.stat().st_mode) == 0o777, "as the volume itself"

    materials.change(files("c", {"a/b": b"1"}))
    await until(shows(opened.folder / CONFIG / "c", {"a/b": b"1"}))
    (mount,) = await opened.mounts("main", NOTHING)
    assert mount.host_path.read_bytes() == b"1"

    materials.change(files("c", {}))
    await until(shows(opened.folder / CONFIG / "c", {}))
    (mount,) = await opened.mounts("main", NOTHING)
    assert mount.is_directory
    await opened.tear_down()


async def test_a_part_may_go_through_the_link_that_the_layout_consists_of(volumes: HostVolumes) -> None:
    wanted = [Mount("c", "/all", sub_path="..data"), Mount("c", "/one", sub_path="..data/d/e")]
    opened = await volumes.open(FakeMaterials(files("c", {"d/e": b"1"}), mounts=wanted))
    everything, one = await opened.mounts("main", NOTHING)
    assert (everything.host_path / "d" / "e").read_bytes() == one.host_path.read_bytes() == b"1"
    await opened.tear_down()


async def test_a_part_of_an_empty_dir_is_made_with_the_volumes_permissions(volumes: HostVolumes) -> None:
    opened = await volumes.open(FakeMaterials(EmptyDirVolume("e"), mounts=[Mount("e", "/x", sub_path="x/y")]))

    (mount,) = await opened.mounts("main", NOTHING)
    (mount.host_path / "file").write_bytes(b"1")

    made = opened.folder / EMPTY / "e" / "x" / "y"
    assert (made / "file").read_bytes() == b"1"
    assert stat.S_IMODE(made.stat().st_mode) == stat.S_IMODE(made.parent.stat().st_mode) == 0o777
    assert (await opened.mounts("main", NOTHING))[0] == mount
    await opened.tear_down()


@pytest.mark.parametrize(
    ("sub_path", "why"),
    [
        ("..", "must be relative, without"),
        ("a/../../x", "must be relative, without"),
        ("/etc", "must be relative"),
        ("link", "is a symbolic link"),
        ("link/x", "Not a directory"),
        ("dangling/x", "Not a directory"),
        ("file/x", "Not a directory"),
        ("a\0b", "must be relative, without"),
    ],
)
async def test_no_sub_path_leads_out_of_the_volume(volumes: HostVolumes, base: Path, sub_path: str, why: str) -> None:
    opened = await volumes.open(FakeMaterials(EmptyDirVolume("e"), mounts=[Mount("e", "/x", sub_path=sub_path)]))
    outside = base / "outside"
    outside.mkdir()
    volume = opened.folder / EMPTY / "e"
    (volume / "link").symlink_to(outside)
    (volume / "dangling").symlink_to(base / "made")
    (volume / "file").write_bytes(b"")

    with pytest.raises(MaterialMissing, match=f'subPath for volumeMount "e" of container "main": .*{why}') as raised:
        await opened.mounts("main", NOTHING)

    assert (raised.value.reason, raised.value.container_name) == ("CreateContainerConfigError", "main")
    assert not listed(outside)
    assert not (base / "made").exists()


tree_names = st.sampled_from(["a", "b", "..", ".", "out", "in", ""])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(parts=st.lists(tree_names, max_size=4), absolute=st.booleans())
def test_every_sub_path_is_below_the_volume_or_refused(
    tmp_path_factory: pytest.TempPathFactory, parts: list[str], absolute: bool
) -> None:
    folder = tmp_path_factory.mktemp("node")
    outside = folder / "outside"
    outside.mkdir()
    sub_path = ("/" if absolute else "") + "/".join(parts)

    async def mounted() -> tuple[Path, Path]:
        volumes = HostVolumes(folder, log=logging.getLogger("test"), privileges=UNPRIVILEGED)
        materials = FakeMaterials(EmptyDirVolume("e"), mounts=[Mount("e", "/x", sub_path=sub_path)])
        opened = await volumes.open(materials)
        (opened.folder / EMPTY / "e" / "a").mkdir()
        (opened.folder / EMPTY / "e" / "out").symlink_to(outside)
        (opened.folder / EMPTY / "e" / "in").symlink_to("a")
        (mount,) = await opened.mounts("main", NOTHING)
        return mount.host_path, opened.folder / EMPTY / "e"

    model = [part for part in parts if part not in {"", "."}]
    if ".." in model or model[:1] in (["out"], ["in"]) or sub_path.startswith("/"):
        with pytest.raises(MaterialMissing, match="failed to prepare subPath"):
            asyncio.run(mounted())
    else:
        path, volume = asyncio.run(mounted())
        assert path == volume.joinpath(*model)
        assert path.is_dir()
    assert not listed(outside)


async def test_a_mount_of_a_volume_that_the_pod_does_not_have_is_refused(unprivileged: HostVolumes) -> None:
    opened = await unprivileged.open(FakeMaterials(mounts=[Mount("x", "/x")]))
    with pytest.raises(MaterialMissing, match='cannot find volume "x" to mount into container "main"'):
        await opened.mounts("main", NOTHING)


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
