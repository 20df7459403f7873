"""What pods of the mock are made of beside their containers: asked for at their creation and by those who look."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import pytest

from vk_core.api.container import (
    ConfigMapEnvSource,
    Container,
    EnvFromSource,
    EnvVar,
    EnvVarSource,
    SecretKeySelector,
    VolumeMount,
)
from vk_core.api.pod import Pod
from vk_core.api.podkey import PodKey
from vk_core.api.volumes import (
    ConfigMapVolumeSource,
    EmptyDirVolumeSource,
    NFSVolumeSource,
    ObjectFieldSelector,
    ProjectedVolumeSource,
    SecretVolumeSource,
    ServiceAccountTokenProjection,
    Volume,
    VolumeProjection,
)
from vk_core.errors import MaterialMissing
from vk_core.provider import Materials
from vk_core.testing import ContainerClient, make_container, make_context, make_materials, make_pod
from vk_mock.provider import MockProvider
from vk_mock.settings import MockSettings, problems

TOKEN = ProjectedVolumeSource(
    sources=(VolumeProjection(service_account_token=ServiceAccountTokenProjection(path="token")),)
)
VOLUMES = (
    Volume(name="settings", config_map=ConfigMapVolumeSource(name="settings")),
    Volume(name="keys", secret=SecretVolumeSource(secret_name="keys", default_mode=0o400)),
    Volume(name="token", projected=TOKEN),
    Volume(name="scratch", empty_dir=EmptyDirVolumeSource()),
    Volume(name="data", nfs=NFSVolumeSource(server="nas", path="/data")),
)
MOUNTS = (
    VolumeMount(name="settings", mount_path="/etc/app/all"),
    VolumeMount(name="settings", mount_path="/etc/app/color", sub_path="color"),
    VolumeMount(name="keys", mount_path="/keys/"),
    VolumeMount(name="token", mount_path="/run/token"),
    VolumeMount(name="scratch", mount_path="/scratch"),
    VolumeMount(name="keys", mount_path="/scratch/keys"),
    VolumeMount(name="data", mount_path="/data"),
)
SETTINGS = {"color": "blue", "size": "4"}


class Asked:
    """Materials, and for which volumes and tokens somebody has asked."""

    def __init__(self, materials: Materials) -> None:
        self._materials = materials
        self.volumes: list[tuple[Collection[str], bool]] = []

    def of(self, pod: Pod) -> Any:
        asked, found = self, self._materials.of(pod)

        class Asking:
            def __getattr__(self, name: str) -> Any:
                return getattr(found, name)

            async def volumes(self, names: Collection[str] = "all", *, tokens: bool = True) -> Any:
                asked.volumes.append((names, tokens))
                return await found.volumes(None if names == "all" else names, tokens=tokens)

        return Asking()


class Shell:
    """A mock with one pod, and commands in its only container."""

    def __init__(self, materials: Any, *, container: Container, **pod: Any) -> None:
        self.provider = MockProvider(make_context(MockSettings(pretended_volumes=("nfs",)), materials=materials))
        self.pod = make_pod(containers=(container,), **pod)

    async def run(self, command: str) -> tuple[int, str]:
        """The exit code and what is written."""
        client = ContainerClient()
        code = await self.provider.run_in_container(PodKey.of(self.pod), "main", command.split(), client.io)
        return code, (client.output + client.error_output).decode()


async def mounted(**fields: Any) -> Shell:
    materials = make_materials(config_maps={"settings": SETTINGS}, secrets={"keys": {"key": b"\x00\xff"}})
    shell = Shell(materials, container=make_container(volume_mounts=MOUNTS), volumes=VOLUMES, **fields)
    await shell.provider.create_pod(shell.pod)
    return shell


async def test_a_pod_that_refers_to_nothing_asks_for_nothing() -> None:
    class Nobody:
        def of(self, pod: Pod) -> Any:
            raise AssertionError

    shell = Shell(Nobody(), container=make_container(env=(EnvVar(name="COLOR", value="blue"),)))
    await shell.provider.create_pod(shell.pod)


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"volumes": VOLUMES[:1], "container": make_container()}, id="volume"),
        pytest.param(
            {
                "container": make_container(
                    env_from=(EnvFromSource(config_map_ref=ConfigMapEnvSource(name="settings")),)
                )
            },
            id="variables",
        ),
    ],
)
async def test_a_pod_waits_for_what_it_refers_to(fields: dict[str, Any]) -> None:
    materials = make_materials()
    shell = Shell(materials, **fields)
    with pytest.raises(MaterialMissing, match="settings"):
        await shell.provider.create_pod(shell.pod)
    assert await shell.provider.get_pods() == []
    materials.put_config_map("settings", SETTINGS)
    await shell.provider.create_pod(shell.pod)
    (pod,) = await shell.provider.get_pods()
    assert (pod.status.phase, pod.status.pod_ip) == ("Running", "10.88.0.1")


async def test_a_pod_whose_sub_path_makes_no_sense_waits() -> None:
    mount = VolumeMount(name="settings", mount_path="/x", sub_path_expr="$(NOT_THERE)")
    materials = make_materials(config_maps={"settings": SETTINGS})
    shell = Shell(materials, volumes=VOLUMES[:1], container=make_container(volume_mounts=(mount,)))
    with pytest.raises(MaterialMissing) as missing:
        await shell.provider.create_pod(shell.pod)
    assert missing.value.reason == "CreateContainerConfigError"


async def test_tokens_are_fetched_only_for_those_who_look_at_them() -> None:
    materials = Asked(make_materials(config_maps={"settings": SETTINGS}, secrets={"keys": {}}))
    shell = Shell(materials, container=make_container(volume_mounts=MOUNTS), volumes=VOLUMES)
    await shell.provider.create_pod(shell.pod)
    await shell.run("cat /etc/hosts")
    await shell.run("ls /run")
    await shell.run("cat /run/token/token")
    assert materials.volumes == [("all", False), ({"token"}, True)]


async def test_variables_are_those_of_the_moment() -> None:
    materials = make_materials(config_maps={"settings": SETTINGS})
    variables = (
        EnvVar(
            name="IP",
            value_from=EnvVarSource(field_ref=ObjectFieldSelector(api_version="v1", field_path="status.podIP")),
        ),
        EnvVar(name="URL", value="http://$(IP)/$(color)"),
    )
    everything = (EnvFromSource(config_map_ref=ConfigMapEnvSource(name="settings")),)
    shell = Shell(materials, container=make_container(env=variables, env_from=everything), hostname="host")
    await shell.provider.create_pod(shell.pod)
    shown = "HOSTNAME=host\ncolor={}\nsize=4\nIP=10.88.0.1\nURL=http://10.88.0.1/{}\n"
    assert await shell.run("env") == (0, shown.format("blue", "blue"))
    materials.put_config_map("settings", {**SETTINGS, "color": "red"})
    assert await shell.run("env") == (0, shown.format("red", "red"))
    materials.remove_config_map("settings")
    code, complaint = await shell.run("env")
    assert (code, complaint.startswith("mock: env: "), "settings" in complaint) == (1, True, True)


async def test_bytes_that_are_no_text_are_shown_as_they_are() -> None:
    key = EnvVarSource(secret_key_ref=SecretKeySelector(name="keys", key="key"))
    materials = make_materials(secrets={"keys": {"key": b"\xff"}})
    shell = Shell(materials, container=make_container(env=(EnvVar(name="KEY", value_from=key),)))
    await shell.provider.create_pod(shell.pod)
    client = ContainerClient()
    await shell.provider.run_in_container(PodKey.of(shell.pod), "main", ["env"], client.io)
    assert client.output == b"HOSTNAME=web\nKEY=\xff\n"


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        pytest.param("ls /etc/app", "all\ncolor\n", id="mount points"),
        pytest.param(
            "ls -l /etc/app",
            "drwxrwxrwx 1 root     root             0 all\n-rw-r--r-- 1 root     root             4 color\n",
            id="long mount points",
        ),
        pytest.param("ls /etc/app/all", "color\nsize\n", id="volume"),
        pytest.param("cat /etc/app/all/color /etc/app/all/size", "blue4", id="files"),
        pytest.param("cat etc/../etc/app//color", "blue", id="sub path"),
        pytest.param("ls /scratch", "keys\n", id="a mount in an empty directory"),
        pytest.param("ls /scratch/keys /data", "key\n", id="a mount in a mount"),
        pytest.param("ls", "data\ndev\netc\nkeys\nrun\nscratch\n", id="root"),
        pytest.param("ls -l /keys", "-r-------- 1 root     root             2 key\n", id="long"),
        pytest.param(
            "ls -l /etc/app/color", "-rw-r--r-- 1 root     root             4 /etc/app/color\n", id="long file"
        ),
        pytest.param("cat /etc/hostname", "web\n", id="hostname"),
        pytest.param("cat /dev/termination-log", "", id="termination log"),
    ],
)
async def test_volumes_are_shown_where_they_are_mounted(command: str, shown: str) -> None:
    assert await (await mounted()).run(command) == (0, shown)


@pytest.mark.parametrize(
    ("command", "complaint"),
    [
        pytest.param("cat /etc/app/all/weight", "cat: /etc/app/all/weight: No such file or directory\n", id="missing"),
        pytest.param("cat /data", "cat: /data: Is a directory\n", id="directory"),
        pytest.param("ls /etc/shadow", "ls: /etc/shadow: No such file or directory\n", id="nothing there"),
    ],
)
async def test_what_is_not_there_is_not_shown(command: str, complaint: str) -> None:
    assert await (await mounted()).run(command) == (1, complaint)


async def test_a_mount_hides_what_is_below_it() -> None:
    mount = VolumeMount(name="settings", mount_path="/etc")
    materials = make_materials(config_maps={"settings": SETTINGS})
    shell = Shell(materials, container=make_container(volume_mounts=(mount,)), volumes=VOLUMES[:1])
    await shell.provider.create_pod(shell.pod)
    assert await shell.run("ls /etc") == (0, "color\nsize\n")


async def test_relative_paths_begin_at_the_working_directory() -> None:
    materials = make_materials(config_maps={"settings": SETTINGS})
    container = make_container(volume_mounts=MOUNTS[:1], working_dir="/etc/app")
    shell = Shell(materials, container=container, volumes=VOLUMES[:1])
    await shell.provider.create_pod(shell.pod)
    assert await shell.run("cat all/color") == (0, "blue")


async def test_a_sub_path_that_is_not_there_is_an_empty_directory() -> None:
    mount = VolumeMount(name="settings", mount_path="/weight", sub_path="weight")
    materials = make_materials(config_maps={"settings": SETTINGS})
    shell = Shell(materials, container=make_container(volume_mounts=(mount,)), volumes=VOLUMES[:1])
    await shell.provider.create_pod(shell.pod)
    assert await shell.run("ls /weight") == (0, "")


def test_the_node_mounts_what_core_makes_and_what_the_settings_pretend() -> None:
    mock = MockProvider(make_context(MockSettings(pretended_volumes=("nfs",))))
    assert sorted(mock.mountable_volumes()) == ["configMap", "downwardAPI", "emptyDir", "nfs", "projected", "secret"]


def test_a_kind_of_volumes_that_there_is_not_is_a_mistake() -> None:
    assert problems(MockSettings(pretended_volumes=("nfs", "floppy"))) == [
        "pretended_volumes: expected kinds of volumes as the API names them, such as persistentVolumeClaim, got floppy"
    ]
