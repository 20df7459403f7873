"""What containers find: variables, volumes below the folder that stands for their root, a place for last words."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.components import need_root
from vk_core.api.container import (
    ConfigMapEnvSource,
    ConfigMapKeySelector,
    EnvFromSource,
    EnvVar,
    EnvVarSource,
    FileKeySelector,
    VolumeDevice,
    VolumeMount,
)
from vk_core.api.pod import HostAlias, Pod, PodSecurityContext
from vk_core.api.podkey import PodKey
from vk_core.api.podstatus import ContainerStatus, PodStatus
from vk_core.api.volumes import (
    ConfigMapVolumeSource,
    EmptyDirVolumeSource,
    HostPathVolumeSource,
    ObjectFieldSelector,
    ProjectedVolumeSource,
    SecretVolumeSource,
    ServiceAccountTokenProjection,
    Volume,
    VolumeProjection,
)
from vk_core.errors import InvalidInput, MaterialMissing
from vk_core.testing import ContainerClient, make_container, make_pod
from vk_process import processes

from .conftest import SECONDS, Machine

SETTINGS = {"color": "blue", "size": "4"}
TOKEN = ServiceAccountTokenProjection(path="token")
VOLUMES = (
    Volume(name="settings", config_map=ConfigMapVolumeSource(name="settings")),
    Volume(name="keys", secret=SecretVolumeSource(secret_name="keys", default_mode=0o400)),
    Volume(name="token", projected=ProjectedVolumeSource(sources=(VolumeProjection(service_account_token=TOKEN),))),
    Volume(name="shared", empty_dir=EmptyDirVolumeSource()),
)
MOUNTS = (
    VolumeMount(name="settings", mount_path="/etc/app"),
    VolumeMount(name="settings", mount_path="/etc/one/color", sub_path="color"),
    VolumeMount(name="keys", mount_path="/keys/"),
    VolumeMount(name="token", mount_path="/run/token"),
    VolumeMount(name="shared", mount_path="/shared"),
    VolumeMount(name="shared", mount_path="/mine", sub_path_expr="$(NAME)"),
)
NAME = EnvVar(name="NAME", value_from=EnvVarSource(field_ref=ObjectFieldSelector(field_path="metadata.name")))
ALL_SETTINGS = (EnvFromSource(config_map_ref=ConfigMapEnvSource(name="settings")),)
SLEEPS = ("sh", "-c", "exec sleep 3600")


def first(status: PodStatus) -> ContainerStatus:
    return status.container_statuses[0]


def waits_for(reason: str, text: str) -> Callable[[PodStatus], bool]:
    def waits(status: PodStatus) -> bool:
        waiting = first(status).state.waiting
        return waiting is not None and waiting.reason == reason and text in waiting.message

    return waits


async def shows(machine: Machine, pod: Pod, script: str, *, container: str = "main") -> str:
    """What a script in a container prints."""
    client = ContainerClient()
    async with asyncio.timeout(SECONDS):
        await machine.provider.run_in_container(PodKey.of(pod), container, ("sh", "-c", script), client.io)
    return (client.output + client.error_output).decode(errors="surrogateescape")


async def shows_soon(machine: Machine, pod: Pod, script: str, expected: str) -> None:
    async with asyncio.timeout(SECONDS):
        while await shows(machine, pod, script) != expected:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)


async def mounted(machine: Machine, **fields: Any) -> Pod:
    machine.materials.put_config_map("settings", SETTINGS)
    machine.materials.put_secret("keys", {"key": b"\x00\xff"})
    container = make_container(command=SLEEPS, env=(NAME,), volume_mounts=MOUNTS)
    pod = make_pod(containers=(container,), volumes=VOLUMES, **fields)
    await machine.provider.create_pod(pod)
    await machine.until(lambda status: status.phase == "Running")
    return pod


@pytest.mark.parametrize(
    ("script", "shown"),
    [
        pytest.param("cat etc/app/color etc/app/size", "blue4", id="config map"),
        pytest.param("cat etc/one/color; stat -c %F etc/one/color", "blueregular file\n", id="part of a config map"),
        pytest.param("stat -Lc %a keys/key; od -An -tx1 keys/key", "400\n 00 ff\n", id="secret"),
        pytest.param("cat run/token/token", "token-1-of-default-for-kubernetes", id="token"),
        pytest.param(
            "echo hello > shared/file; cat shared/file; ls shared mine",
            "hello\nmine:\n\nshared:\nfile\nweb\n",
            id="empty",
        ),
        pytest.param("echo hello > mine/file; cat shared/web/file", "hello\n", id="part of an empty directory"),
        pytest.param("pwd", "{root}\n", id="working directory"),
        pytest.param("cd /; cat $CONTAINER_ROOT/etc/app/color", "blue", id="from anywhere"),
        pytest.param(
            "grep -c web etc/hosts; grep nameserver etc/resolv.conf", "1\nnameserver 10.96.0.10\n", id="network"
        ),
        pytest.param("stat -c '%F %a' dev/termination-log", "regular empty file 666\n", id="termination log"),
    ],
)
async def test_mounts_are_below_the_folder_of_the_container(machine: Machine, script: str, shown: str) -> None:
    pod = await mounted(machine)
    root = await shows(machine, pod, "printf %s $CONTAINER_ROOT")
    assert await shows(machine, pod, script) == shown.replace("{root}", root)


async def test_a_change_reaches_volumes_that_are_mounted_whole_at_once(machine: Machine) -> None:
    pod = await mounted(machine)
    machine.materials.put_config_map("settings", {"color": "red"})
    await shows_soon(machine, pod, "cat etc/app/color; ls etc/app; cat etc/one/color", "redcolor\nblue")


async def test_containers_share_the_volumes_of_their_pod(machine: Machine) -> None:
    mount = VolumeMount(name="shared", mount_path="/data")
    containers = [make_container(name, command=SLEEPS, volume_mounts=(mount,)) for name in ("main", "other")]
    pod = make_pod(containers=tuple(containers), volumes=VOLUMES[3:])
    await machine.provider.create_pod(pod)
    await machine.until(lambda status: all(one.state.running for one in status.container_statuses))
    await shows(machine, pod, "echo hello > data/file; echo mine > file")
    assert await shows(machine, pod, "cat data/file; ls", container="other") == "hello\ndata\ndev\netc\n"


async def test_a_part_of_a_volume_belongs_to_the_group_that_the_pod_asks_for(machine: Machine) -> None:
    need_root()
    pod = await mounted(machine, security_context=PodSecurityContext(fs_group=4711))
    assert await shows(machine, pod, "stat -Lc %g etc/app/color etc/one/color") == "4711\n4711\n"


async def test_a_path_of_the_machine_is_mounted_as_a_link(machine: Machine, tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "file").write_text("on the machine")
    volume = Volume(name="here", host_path=HostPathVolumeSource(path=str(tmp_path / "here")))
    mount = VolumeMount(name="here", mount_path="/host")
    file = VolumeMount(name="here", mount_path="/file", sub_path="file")
    pod = await machine.running(*SLEEPS, volume_mounts=(mount, file), pod={"volumes": (volume,)})
    assert await shows(machine, pod, "cat host/file; echo and back > file; cat host/file") == "on the machineand back\n"
    await machine.provider.delete_pod(pod, 0)
    await machine.until(lambda status: first(status).state.terminated is not None)
    assert (tmp_path / "here" / "file").read_text() == "and back\n"
    (tmp_path / "here" / "file").unlink()
    (tmp_path / "here").rmdir()


async def test_a_container_that_starts_again_finds_only_its_volumes(machine: Machine) -> None:
    mount = VolumeMount(name="shared", mount_path="/shared")
    script = (
        "ls -A; ls -A shared; echo left > here; echo left > shared/there; test $(cat shared/there | wc -l) = 2; exit 1"
    )
    pod = make_pod(
        containers=(make_container(command=("sh", "-c", script), volume_mounts=(mount,)),), volumes=VOLUMES[3:]
    )
    await machine.provider.create_pod(pod)
    await machine.until(lambda status: first(status).restart_count == 1 and first(status).state.waiting is not None)
    assert await machine.log(pod) == b"dev\netc\nshared\nthere\n"


async def test_variables_come_from_everywhere(machine: Machine) -> None:
    machine.materials.put_config_map("settings", SETTINGS)
    address = EnvVarSource(field_ref=ObjectFieldSelector(field_path="status.podIP"))
    variables = (NAME, EnvVar(name="IP", value_from=address), EnvVar(name="URL", value="http://$(IP)/$(color)"))
    pod = await machine.running(
        "sh", "-c", "echo $NAME $URL $0; exec sleep 3600", "$(size)", env=variables, env_from=ALL_SETTINGS
    )
    await asyncio.wait_for(machine.log(pod, follow=True, limit_bytes=1), SECONDS)
    assert await machine.log(pod) == b"web http://127.0.0.1/blue 4\n"
    assert await shows(machine, pod, "echo $NAME $URL") == "web http://127.0.0.1/blue\n"


@pytest.mark.parametrize("has_env", [True, False], ids=["env", "shell"])
async def test_a_process_begins_in_its_folder(machine: Machine, monkeypatch: pytest.MonkeyPatch, has_env: bool) -> None:
    if not has_env:
        monkeypatch.setattr(processes, "env_that_changes_directory", lambda: None)
    variables = (EnvVar(name="app.conf", value="a=1"), EnvVar(name="NAME", value="web"))
    pod = await machine.create("printenv", env=variables, pod={"restart_policy": "Never"})
    await machine.ended()
    shown = dict(line.split("=", 1) for line in (await machine.log(pod)).decode().splitlines())
    here = {"PATH", "HOME", "LANG", "TZ", "TMPDIR"}
    assert {"NAME", "HOSTNAME", "CONTAINER_ROOT"} < shown.keys()
    if has_env:
        assert shown["app.conf"] == "a=1"
        assert shown.keys() - here == {"NAME", "HOSTNAME", "CONTAINER_ROOT", "app.conf"}


async def test_hosts_has_the_names_of_the_pod_and_its_aliases(machine: Machine) -> None:
    alias = HostAlias(ip="192.0.2.7", hostnames=("db", "db.local"))
    pod = await machine.running(*SLEEPS, pod={"host_aliases": (alias,), "hostname": "front", "subdomain": "web"})
    hosts = await shows(machine, pod, "cat etc/hosts; echo $HOSTNAME")
    assert hosts.split()[-1] == "front"
    assert "127.0.0.1\tfront.web.default.svc.cluster.local\tfront\n" in hosts
    assert "192.0.2.7\tdb\tdb.local\n" in hosts


async def test_a_container_waits_for_its_variables_while_others_run(machine: Machine) -> None:
    waiting = make_container("waiting", command=SLEEPS, env_from=ALL_SETTINGS)
    running = make_container("running", command=SLEEPS)
    pod = make_pod(containers=(waiting, running))
    await machine.provider.create_pod(pod)
    waits = waits_for("CreateContainerConfigError", 'configmap "settings" not found')
    status = await machine.until(
        lambda status: waits(status) and status.container_statuses[1].state.running is not None
    )
    assert status.phase == "Pending"
    began = asyncio.get_running_loop().time()
    machine.materials.put_config_map("settings", SETTINGS)
    status = await machine.until(lambda status: first(status).state.running is not None)
    assert asyncio.get_running_loop().time() - began < 1
    assert (first(status).restart_count, status.container_statuses[1].restart_count) == (0, 0)
    assert await shows(machine, pod, "echo $color", container="waiting") == "blue\n"


async def test_a_container_that_starts_again_gets_the_variables_of_then(machine: Machine) -> None:
    machine.materials.put_config_map("settings", SETTINGS)
    pod = await machine.create("sh", "-c", "read line; echo $color", stdin=True, env_from=ALL_SETTINGS)
    await machine.until(lambda status: status.phase == "Running")
    machine.materials.put_config_map("settings", {"color": "red"})
    client = ContainerClient(stdin=True)
    client.send(b"\n")
    await machine.provider.attach_to_container(PodKey.of(pod), "main", client.io)
    assert client.output == b"blue\n"
    await machine.until(lambda status: first(status).restart_count == 1 and status.phase == "Running")
    assert await shows(machine, pod, "echo $color") == "red\n"


async def test_a_restart_waits_for_what_is_gone_meanwhile(machine: Machine) -> None:
    machine.materials.put_config_map("settings", SETTINGS)
    pod = await machine.running("sh", "-c", "echo $$$$ > pid; exec sleep 3600", env_from=ALL_SETTINGS)
    machine.materials.remove_config_map("settings")
    await shows(machine, pod, "kill $(cat pid)")
    status = await machine.until(waits_for("CreateContainerConfigError", "settings"))
    assert first(status).last_state.terminated is not None
    machine.materials.put_config_map("settings", SETTINGS)
    status = await machine.until(lambda status: first(status).state.running is not None)
    assert first(status).restart_count == 1


async def test_a_container_that_waits_can_be_deleted(machine: Machine) -> None:
    pod = await machine.create(*SLEEPS, env_from=ALL_SETTINGS)
    await machine.until(waits_for("CreateContainerConfigError", "settings"))
    await machine.provider.delete_pod(pod, 30)
    async with asyncio.timeout(3):  # not when it would look again
        status = await machine.until(lambda status: first(status).state.terminated is not None)
    assert status.phase == "Failed"


async def test_variables_may_come_from_a_file_that_an_init_container_writes(machine: Machine) -> None:
    key = EnvVarSource(file_key_ref=FileKeySelector(volume_name="shared", path="env", key="COLOR"))
    mount = VolumeMount(name="shared", mount_path="/shared")
    init = make_container("init", command=("sh", "-c", "echo \"COLOR='blue'\" > shared/env"), volume_mounts=(mount,))
    main = make_container(command=SLEEPS, env=(EnvVar(name="COLOR", value_from=key),))
    pod = make_pod(init_containers=(init,), containers=(main,), volumes=VOLUMES[3:])
    await machine.provider.create_pod(pod)
    await machine.until(lambda status: status.phase == "Running")
    assert await shows(machine, pod, "echo $COLOR") == "blue\n"


async def test_a_pod_is_not_created_without_its_volumes(machine: Machine) -> None:
    pod = make_pod(containers=(make_container(),), volumes=VOLUMES[:1])
    with pytest.raises(MaterialMissing, match='configmap "settings" not found'):
        await machine.provider.create_pod(pod)
    assert await machine.provider.get_pods() == []
    machine.materials.put_config_map("settings", SETTINGS)
    await machine.provider.create_pod(pod)
    await machine.until(lambda status: status.phase == "Running")


@pytest.mark.parametrize(
    ("script", "fields", "message"),
    [
        pytest.param("printf bye > dev/termination-log; exit 3", {}, "bye", id="file"),
        pytest.param("printf bye > $CONTAINER_ROOT/dev/termination-log", {}, "bye", id="file after success"),
        pytest.param("mkdir -p tmp; printf bye > tmp/end", {"termination_message_path": "/tmp/end"}, "bye", id="path"),
        pytest.param(
            "echo why; exit 3", {"termination_message_policy": "FallbackToLogsOnError"}, "why\n", id="end of the log"
        ),
        pytest.param("echo why; exit 0", {"termination_message_policy": "FallbackToLogsOnError"}, "", id="no failure"),
        pytest.param("echo why; exit 3", {}, "", id="nothing"),
        pytest.param("rm dev/termination-log; mkfifo dev/termination-log", {}, "", id="a pipe in its place"),
        pytest.param("head -c 9999 /dev/zero | tr '\\0' x > dev/termination-log", {}, "x" * 4096, id="too much"),
    ],
)
async def test_the_last_words_of_a_container_are_in_its_status(
    machine: Machine, caplog: pytest.LogCaptureFixture, script: str, fields: dict[str, Any], message: str
) -> None:
    await machine.create("sh", "-c", script, pod={"restart_policy": "Never"}, **fields)
    terminated = first(await machine.ended()).state.terminated
    assert terminated
    assert (terminated.message, caplog.messages) == (message, [])


async def test_a_link_in_place_of_the_last_words_leads_nowhere(machine: Machine) -> None:
    await machine.create("sh", "-c", "ln -sf /etc/hostname dev/termination-log", pod={"restart_policy": "Never"})
    terminated = first(await machine.ended()).state.terminated
    assert terminated
    assert (terminated.exit_code, terminated.message) == (0, "")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        pytest.param(
            {"volume_mounts": (VolumeMount(name="shared", mount_path="/a/.."),)},
            r"volumeMounts\[shared\].mountPath: must not be /",
            id="root",
        ),
        pytest.param(
            {"volume_mounts": (VolumeMount(name="shared", mount_path="/a/b"), VolumeMount(name="x", mount_path="/a/"))},
            r"volumeMounts\[shared\].mountPath: /a/b is in another mount",
            id="mount in a mount",
        ),
        pytest.param(
            {"volume_mounts": (VolumeMount(name="shared", mount_path="/a", mount_propagation="Bidirectional"),)},
            r"volumeMounts\[shared\].mountPropagation: Bidirectional is not supported",
            id="propagation",
        ),
        pytest.param(
            {"volume_mounts": (VolumeMount(name="shared", mount_path="/a", recursive_read_only="Enabled"),)},
            r"volumeMounts\[shared\].recursiveReadOnly: Enabled is not supported",
            id="recursive read-only",
        ),
        pytest.param(
            {"volume_mounts": (VolumeMount(name="shared", mount_path="/dev"),)},
            "terminationMessagePath: must not be in a volume",
            id="last words in a volume",
        ),
        pytest.param(
            {"volume_devices": (VolumeDevice(name="shared", device_path="/dev/x"),)},
            "volumeDevices: block devices are not supported",
            id="device",
        ),
    ],
)
async def test_what_links_cannot_do_is_refused(machine: Machine, fields: dict[str, Any], message: str) -> None:
    pod = make_pod(containers=(make_container(**fields),), volumes=VOLUMES[3:])
    with pytest.raises(InvalidInput, match=rf"^spec.containers\[main\].{message}"):
        await machine.provider.create_pod(pod)


def test_the_node_mounts_what_can_be_laid_out_here(tmp_path: Path) -> None:
    assert sorted(Machine(tmp_path).provider.mountable_volumes()) == [
        "configMap",
        "downwardAPI",
        "emptyDir",
        "hostPath",
        "projected",
        "secret",
    ]


async def test_an_optional_key_that_is_missing_is_left_out(machine: Machine) -> None:
    key = EnvVarSource(config_map_key_ref=ConfigMapKeySelector(name="settings", key="color", optional=True))
    pod = await machine.running(*SLEEPS, env=(EnvVar(name="COLOR", value_from=key),))
    assert await shows(machine, pod, "echo ${COLOR-none}") == "none\n"
