"""What containers have mounted, in which order and how."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.engine.configuration.making import container_of, host, pod
from vk_core.api.volumes import (
    ConfigMapVolumeSource,
    EmptyDirVolumeSource,
    HostPathVolumeSource,
    ImageVolumeSource,
    Volume,
)
from vk_core.engine.configuration.errors import ConfigurationError
from vk_core.engine.configuration.mounts import ContainerFiles, arranged
from vk_core.engine.runtime import HandlerFeatures
from vk_core.engine.specs import ContainerMount
from vk_core.host.results import HostMount
from vk_core.provider.materials import Mount
from vk_core.testing import make_container

FILES = ContainerFiles(hosts=Path("/p/etc-hosts"), termination_log=Path("/p/containers/main/0"))


def on_host(volume: str, path: str, **fields: Any) -> HostMount:
    defaults: dict[str, Any] = {"read_only": False, "recursive_read_only": "Disabled", "propagation": "None"}
    return HostMount(
        path=path, host_path=Path("/p", volume), is_directory=True, volume=volume, **{**defaults, **fields}
    )


def mounts(*given: Any, on: Any = None, files: ContainerFiles = FILES, log: str = "/dev/termination-log") -> Any:
    made = pod(
        make_container(termination_message_path=log),
        volumes=(
            Volume(name="config", config_map=ConfigMapVolumeSource(name="c")),
            Volume(name="data", empty_dir=EmptyDirVolumeSource()),
            Volume(name="host", host_path=HostPathVolumeSource(path="/srv")),
            Volume(name="tools", image=ImageVolumeSource(reference="tools:1")),
        ),
    )
    return container_of(made, on=on, mounts=given, files=files).mounts


def test_volumes_come_first_then_hosts_then_the_termination_log() -> None:
    assert mounts(
        on_host("data", "/data", propagation="Bidirectional"), on_host("config", "/etc/c", read_only=True)
    ) == (
        ContainerMount(container_path="/data", host_path=Path("/p/data"), propagation="Bidirectional"),
        ContainerMount(container_path="/etc/c", host_path=Path("/p/config"), read_only=True),
        ContainerMount(container_path="/etc/hosts", host_path=Path("/p/etc-hosts")),
        ContainerMount(container_path="/dev/termination-log", host_path=Path("/p/containers/main/0")),
    )


def test_images_are_mounted_where_the_specification_has_them() -> None:
    wanted = [Mount("data", "/data"), Mount("tools", "/tools", sub_path="bin", read_only=True), Mount("host", "/host")]

    given = arranged(wanted, [on_host("data", "/data"), on_host("host", "/host")], {"tools": "sha256:abc"})

    assert [mount.container_path for mount in mounts(*given)][:3] == ["/data", "/tools", "/host"]
    assert mounts(*given)[1] == ContainerMount(
        container_path="/tools", image="sha256:abc", image_sub_path="bin", read_only=True
    )


@pytest.mark.parametrize(("path", "files"), [("/etc/hosts", "hosts"), ("/etc/resolv.conf", "resolv_conf")])
def test_a_volume_in_place_of_a_file_of_ours_wins(path: str, files: str) -> None:
    given = ContainerFiles(**{files: Path("/p/ours")})

    assert [mount.host_path for mount in mounts(files=given, log="")] == [Path("/p/ours")]
    assert [mount.host_path for mount in mounts(on_host("host", path), files=given, log="")] == [Path("/p/host")]


@pytest.mark.parametrize(("path", "expected"), [("", []), ("log/end", ["/log/end"]), ("/x", ["/x"])])
def test_the_termination_log_is_where_the_container_says(path: str, expected: list[str]) -> None:
    files = ContainerFiles(termination_log=Path("/p/log"))

    assert [mount.container_path for mount in mounts(files=files, log=path)] == expected


@pytest.mark.parametrize(
    ("mode", "able", "expected"),
    [("Disabled", True, False), ("IfPossible", True, True), ("IfPossible", False, False), ("Enabled", True, True)],
)
def test_what_is_below_a_mount_is_read_only_where_the_runtime_can(mode: str, able: bool, expected: bool) -> None:
    on = host(features=HandlerFeatures(recursive_read_only=able))

    made = mounts(on_host("host", "/host", read_only=True, recursive_read_only=mode), on=on)

    assert made[0].recursive_read_only is expected


def test_a_container_that_insists_on_it_is_not_started_where_the_runtime_cannot() -> None:
    with pytest.raises(ConfigurationError) as caught:
        mounts(on_host("host", "/host", read_only=True, recursive_read_only="Enabled"))

    assert str(caught.value) == (
        "failed to resolve recursive read-only mode: "
        'volume "host" requested recursive read-only mode, but it is not supported by the runtime'
    )


def test_with_selinux_what_is_ours_is_labelled_and_what_is_the_hosts_is_not() -> None:
    made = mounts(on_host("config", "/c"), on_host("data", "/d"), on_host("host", "/h"), on=host(has_selinux=True))

    assert [mount.selinux_relabel for mount in made] == [True, True, False, True, True]
