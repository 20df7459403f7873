"""What of its volumes a container gets: all of one, or a part that leads nowhere else."""

from __future__ import annotations

import asyncio
import logging
import stat
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.host.conftest import UNPRIVILEGED
from tests.host.fakes import FakeMaterials, files, listed, reads, seen, shows, until
from vk_core.errors import MaterialMissing
from vk_core.host import HostVolumes
from vk_core.provider.materials import (
    EmptyDirVolume,
    Environment,
    Mount,
)

NOTHING = Environment({})
CONFIG = "volumes/kubernetes.io~configmap"
EMPTY = "volumes/kubernetes.io~empty-dir"


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
