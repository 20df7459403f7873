"""The examples of the guide to materials do what the page says."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from vk_core.api.container import ConfigMapEnvSource, EnvFromSource, EnvVar, EnvVarSource, VolumeMount
from vk_core.api.pod import Pod
from vk_core.api.volumes import (
    ConfigMapVolumeSource,
    EmptyDirVolumeSource,
    HostPathVolumeSource,
    ImageVolumeSource,
    NFSVolumeSource,
    ObjectFieldSelector,
    Volume,
)
from vk_core.host import HostVolumes
from vk_core.provider import MountsVolumes, ProviderContext
from vk_core.testing import FixedMaterials, make_container, make_context, make_materials, make_pod

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "use-materials.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
SETTINGS = Volume(name="settings", config_map=ConfigMapVolumeSource(name="settings"))


@pytest.fixture(scope="module")
def names() -> dict[str, Any]:
    """Everything that the page defines; each example stands by itself."""
    found: dict[str, Any] = {}
    for example in EXAMPLES:
        space: dict[str, Any] = {}
        exec(example, space)  # what a reader would paste
        found |= space
    return found


@pytest.fixture
def materials() -> FixedMaterials:
    return make_materials(config_maps={"settings": {"color": "blue"}})


@pytest.fixture
def context(materials: FixedMaterials) -> ProviderContext[Any]:
    return make_context(None, materials=materials)


def pod_with(*volumes: Volume, **container: Any) -> Pod:
    return make_pod(containers=(make_container(**container),), volumes=volumes)


async def test_variables_and_command(names: dict[str, Any], context: ProviderContext[Any]) -> None:
    address = EnvVarSource(field_ref=ObjectFieldSelector(field_path="status.podIP"))
    everything = (EnvFromSource(config_map_ref=ConfigMapEnvSource(name="settings")),)
    variables = (EnvVar(name="IP", value_from=address), EnvVar(name="URL", value="http://$(IP)"))
    pod = pod_with(env=variables, env_from=everything, command=("echo",), args=("$(URL)/$(color)",))
    held = names["Acme"](context).materials_of(pod)
    command, environment = await names["what_to_start"](pod.spec.containers[0], held, ["10.0.0.1"])
    assert command == ("echo", "http://10.0.0.1/blue")
    assert list(environment.items()) == [("color", "blue"), ("IP", "10.0.0.1"), ("URL", "http://10.0.0.1")]
    assert (await held.environment("main")).awaiting_address == ("IP", "URL")


def test_the_kinds_are_said_as_core_asks_for_them(names: dict[str, Any]) -> None:
    mounting = names["Mounting"]()
    assert isinstance(mounting, MountsVolumes)
    assert {"configMap", "emptyDir", "azureFile"} < set(mounting.mountable_volumes())


async def test_every_sort_of_volume(names: dict[str, Any], context: ProviderContext[Any]) -> None:
    pod = pod_with(
        SETTINGS,
        Volume(name="cache", empty_dir=EmptyDirVolumeSource(medium="Memory")),
        Volume(name="host", host_path=HostPathVolumeSource(path="/data")),
        Volume(name="image", image=ImageVolumeSource(reference="busybox")),
        Volume(name="nas", nfs=NFSVolumeSource(server="nas", path="/")),
    )
    lines = await names["describe"](context.materials.of(pod))
    assert lines[:4] == [
        "settings: color has 4 bytes and the mode 644",
        "cache: an empty directory in memory",
        "host: /data of the host",
        "image: the files of the image busybox",
    ]
    assert lines[4].startswith("nas: nfs NFSVolumeSource(")


async def test_volumes_on_this_machine(names: dict[str, Any], context: ProviderContext[Any], tmp_path: Path) -> None:
    volumes = HostVolumes(tmp_path, log=context.log)
    pod = pod_with(SETTINGS, volume_mounts=(VolumeMount(name="settings", mount_path="/etc/settings"),))
    (mount,) = await names["OnThisMachine"](context, volumes).mounts_of(pod, "main")
    assert (mount.path, mount.read_only, os.listdir(mount.host_path)[-1]) == ("/etc/settings", True, "color")  # noqa: PTH208
    await volumes.close()


async def test_changes_are_told(names: dict[str, Any], materials: FixedMaterials) -> None:
    uploaded: dict[str, bytes] = {}

    async def upload(path: str, data: bytes) -> None:
        uploaded[path] = data

    pod = pod_with(SETTINGS)
    copies = names["Copies"](materials.of(pod), upload)
    await copies.refresh()
    assert (copies.is_stale, uploaded) == (False, {"settings/color": b"blue"})
    materials.put_config_map("settings", {"color": "red"})
    assert copies.is_stale
    await copies.refresh()
    assert uploaded == {"settings/color": b"red"}
    materials.change(replace(pod, metadata=replace(pod.metadata, labels={"app": "web"})))
    assert copies.is_stale


def test_last_words(names: dict[str, Any]) -> None:
    container = make_container(termination_message_policy="FallbackToLogsOnError")
    assert names["message_of"](container, None, b"why\n", 1) == "why\n"


async def test_the_test_of_the_page_passes(names: dict[str, Any]) -> None:
    await names["test_variables_are_waited_for"]()
