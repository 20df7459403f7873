"""The materials of pods as providers see them: rules and sources together, kept current, and let go of at the end."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from vk_core.api.container import (
    ConfigMapKeySelector,
    EnvFromSource,
    EnvVar,
    EnvVarSource,
    FileKeySelector,
    SecretEnvSource,
    VolumeMount,
)
from vk_core.api.core import Service, ServicePort, ServiceSpec
from vk_core.api.meta import LocalObjectReference, ObjectMeta
from vk_core.api.pod import Pod
from vk_core.api.podstatus import PodIP, PodStatus
from vk_core.api.volumes import (
    ConfigMapVolumeSource,
    DownwardAPIVolumeFile,
    DownwardAPIVolumeSource,
    NFSVolumeSource,
    ObjectFieldSelector,
    ProjectedVolumeSource,
    SecretVolumeSource,
    ServiceAccountTokenProjection,
    Volume,
    VolumeProjection,
)
from vk_core.errors import Conflict, InvalidInput, MaterialMissing, NotFound
from vk_core.provider import FilesVolume, OtherVolume
from vk_core.testing import FixedMaterials, make_container, make_materials, make_pod

LEVEL = EnvVar(
    name="LEVEL", value_from=EnvVarSource(config_map_key_ref=ConfigMapKeySelector(name="settings", key="level"))
)
SETTINGS = Volume(name="settings", config_map=ConfigMapVolumeSource(name="settings"))
ABOUT = Volume(
    name="about",
    downward_api=DownwardAPIVolumeSource(
        items=(
            DownwardAPIVolumeFile(path="labels", field_ref=ObjectFieldSelector(field_path="metadata.labels")),
            DownwardAPIVolumeFile(path="notes", field_ref=ObjectFieldSelector(field_path="metadata.annotations")),
        )
    ),
)
TOKEN = Volume(
    name="token",
    projected=ProjectedVolumeSource(
        sources=(VolumeProjection(service_account_token=ServiceAccountTokenProjection(path="token")),)
    ),
)


def field(name: str, path: str) -> EnvVar:
    return EnvVar(name=name, value_from=EnvVarSource(field_ref=ObjectFieldSelector(field_path=path)))


def pod_with(*variables: EnvVar, env_from: tuple[EnvFromSource, ...] = (), **fields: Any) -> Pod:
    return make_pod("web", containers=(make_container("main", env=variables, env_from=env_from),), **fields)


def contents(volume: object) -> dict[str, bytes]:
    assert isinstance(volume, FilesVolume)
    return {path: file.data for path, file in volume.files.items()}


async def test_an_environment_has_what_objects_services_and_addresses_say_at_that_moment() -> None:
    materials = make_materials(config_maps={"settings": {"level": "info"}}, secrets={"login": {"user": "me"}})
    materials.put_service(
        Service(
            metadata=ObjectMeta(namespace="default", name="kubernetes"),
            spec=ServiceSpec(cluster_ip="10.96.0.1", ports=(ServicePort(name="https", port=443),)),
        )
    )
    login = EnvFromSource(secret_ref=SecretEnvSource(name="login"))
    pod = pod_with(LEVEL, field("IP", "status.podIP"), EnvVar(name="URL", value="http://$(IP)"), env_from=(login,))
    web = materials.of(pod)
    environment = await web.environment("main")
    assert environment.awaiting_address == ("IP", "URL")
    assert environment["KUBERNETES_SERVICE_HOST"] == "10.96.0.1"
    environment = await web.environment("main", pod_ips=["10.1.2.3"])
    assert {name: environment[name] for name in ("user", "LEVEL", "IP", "URL")} == {
        "user": "me",
        "LEVEL": "info",
        "IP": "10.1.2.3",
        "URL": "http://10.1.2.3",
    }
    assert web.expand(["--to=$(URL)", "$$(URL)"], environment) == ("--to=http://10.1.2.3", "$(URL)")
    materials.put_config_map("settings", {"level": "debug"})
    materials.change(replace(pod, status=PodStatus(pod_ips=(PodIP(ip="10.9.9.9"),))))
    environment = await web.environment("main")
    assert (environment["LEVEL"], environment["IP"]) == ("debug", "10.9.9.9")


async def test_what_is_missing_is_raised_told_and_announced_when_it_may_be_there() -> None:
    materials = make_materials()
    pod = pod_with(LEVEL, volumes=(SETTINGS,))
    web = materials.of(pod)
    with pytest.raises(MaterialMissing, match='configmap "settings" not found') as missing:
        await web.environment("main")
    assert (missing.value.reason, missing.value.container_name) == ("CreateContainerConfigError", "main")
    with pytest.raises(MaterialMissing) as failed:
        await web.volumes()
    text = 'MountVolume.SetUp failed for volume "settings" : configmap "settings" not found'
    assert (failed.value.reason, str(failed.value)) == ("FailedMount", text)
    assert ("web", "MandatoryConfigMapNotFound", 'configmap "settings" not found') in materials.notices
    assert ("web", "FailedMount", text) in materials.notices
    assert not materials.woken
    materials.put_config_map("other", {})
    assert not materials.woken, "what this pod does not refer to is nothing to it"
    materials.put_config_map("settings", {"level": "info"})
    assert materials.woken == [pod.metadata.uid]
    assert (await web.environment("main"))["LEVEL"] == "info"
    assert contents((await web.volumes())["settings"]) == {"level": b"info"}


async def test_whoever_follows_a_pod_hears_of_objects_labels_and_tokens_and_of_nothing_else() -> None:
    materials = make_materials(config_maps={"settings": {"level": "info"}})
    pod = pod_with(volumes=(SETTINGS, ABOUT, TOKEN))
    heard: list[str] = []
    web = materials.of(pod)
    web.follow(lambda: heard.append("changed"))
    await web.volumes()
    materials.change(replace(pod, status=PodStatus(phase="Running")))
    assert not heard
    materials.put_config_map("settings", {"level": "debug"})
    materials.renew_tokens(pod)
    labelled = replace(pod, metadata=replace(pod.metadata, labels={"tier": "one"}))
    materials.change(labelled)
    assert len(heard) == 3
    volumes = await web.volumes()
    assert contents(volumes["settings"]) == {"level": b"debug"}
    assert contents(volumes["about"])["labels"] == b'tier="one"'
    assert contents(volumes["token"]) == {"token": b"token-2-of-default-for-kubernetes"}


async def test_the_mark_that_core_puts_on_pods_is_not_seen_inside() -> None:
    pod = pod_with(volumes=(ABOUT,), annotations={"note": "mine"})
    assert len(pod.metadata.annotations) == 2
    volumes = await make_materials().of(pod).volumes()
    assert contents(volumes["about"])["notes"] == b'note="mine"'


async def test_tokens_are_asked_for_only_when_they_are_wanted() -> None:
    materials = make_materials()
    web = materials.of(pod_with(volumes=(TOKEN,)))
    assert contents((await web.volumes(tokens=False))["token"]) == {}
    assert materials.tokens == 0
    assert contents((await web.volumes(["token"]))["token"])
    assert materials.tokens == 1


async def test_a_pod_that_comes_to_refer_to_more_follows_that_as_well() -> None:
    """An ephemeral container, for example, brings an environment of its own."""
    materials = make_materials()
    pod = pod_with()
    web = materials.of(pod)
    debugger = make_container("debugger", env=(LEVEL,))
    materials.change(replace(pod, spec=replace(pod.spec, init_containers=(debugger,))))
    materials.woken.clear()
    materials.put_config_map("settings", {"level": "info"})
    assert materials.woken == [pod.metadata.uid]
    assert (await web.environment("debugger"))["LEVEL"] == "info"


async def test_nothing_is_kept_of_a_pod_that_is_gone_and_whoever_still_asks_is_told() -> None:
    materials = make_materials(config_maps={"settings": {"level": "info"}})
    pod = pod_with(LEVEL, volumes=(SETTINGS,))
    web = materials.of(pod)
    assert materials.of(pod) is web
    materials.service.pod_gone(pod.metadata.uid)
    materials.service.pod_gone(pod.metadata.uid)
    assert len(materials.service) == 0
    materials.put_config_map("settings", {"level": "debug"})
    assert not materials.woken
    with pytest.raises(Conflict, match="has come to its end"):
        await web.environment("main")
    with pytest.raises(Conflict, match="has come to its end"):
        await web.volumes()


async def test_optional_things_that_are_missing_in_volumes_are_told_once_not_on_every_look() -> None:
    materials = make_materials()
    optional = Volume(name="settings", config_map=ConfigMapVolumeSource(name="settings", optional=True))
    web = materials.of(pod_with(volumes=(optional,)))
    for _ in range(3):
        assert contents((await web.volumes())["settings"]) == {}
    assert len(materials.notices) <= 1


async def test_only_the_volumes_that_were_named_are_looked_at() -> None:
    nfs = Volume(name="data", nfs=NFSVolumeSource(server="nas", path="/"))
    web = make_materials().of(pod_with(volumes=(SETTINGS, nfs)))
    assert await web.volumes(["data"]) == {"data": OtherVolume("data", "nfs", NFSVolumeSource(server="nas", path="/"))}


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (None, "cannot read files of volumes"),
        (FileNotFoundError(), "not found"),
        (PermissionError("not yours"), "not yours"),
    ],
)
async def test_a_file_for_a_variable_that_cannot_be_read_says_why(answer: Exception | None, said: str) -> None:
    async def read_file(_volume: str, _path: str) -> bytes:
        assert answer is not None
        raise answer

    reference = FileKeySelector(volume_name="scratch", path="vars", key="A")
    variable = EnvVar(name="A", value_from=EnvVarSource(file_key_ref=reference))
    web = make_materials().of(pod_with(variable, volumes=(Volume(name="scratch"),)))
    with pytest.raises(MaterialMissing, match=said):
        await web.environment("main", read_file=read_file if answer else None)


async def test_mounts_use_the_variables_of_the_container_and_what_does_not_resolve_is_its_problem() -> None:
    mount = VolumeMount(name="scratch", mount_path="/data", sub_path_expr="of-$(LEVEL)")
    container = make_container("main", env=(LEVEL,), volume_mounts=(mount,))
    materials = make_materials(config_maps={"settings": {"level": "info"}})
    web = materials.of(make_pod("web", containers=(container,), volumes=(Volume(name="scratch"),)))
    (found,) = web.mounts("main", await web.environment("main"))
    assert (found.volume, found.path, found.sub_path) == ("scratch", "/data", "of-info")
    materials.put_config_map("settings", {"level": "x/../../up"})
    with pytest.raises(MaterialMissing) as missing:
        web.mounts("main", await web.environment("main"))
    assert (missing.value.reason, missing.value.is_told) == ("CreateContainerConfigError", True)
    for _ in range(2):
        with pytest.raises(MaterialMissing):
            web.mounts("main", await web.environment("main"))
    assert [notice[1:] for notice in materials.notices] == [
        ("Failed", "Error: unable to provision SubPath `of-x/../../up`: must not contain '..'")
    ]


async def test_all_volumes_that_lack_something_are_told_not_just_the_first() -> None:
    materials = make_materials()
    secret = Volume(name="login", secret=SecretVolumeSource(secret_name="login"))
    with pytest.raises(MaterialMissing, match='volume "settings"'):
        await materials.of(pod_with(volumes=(SETTINGS, secret))).volumes()
    told = {message for _, reason, message in materials.notices if reason == "FailedMount"}
    assert told == {
        'MountVolume.SetUp failed for volume "settings" : configmap "settings" not found',
        'MountVolume.SetUp failed for volume "login" : secret "login" not found',
    }


async def test_pull_secrets_are_found_and_one_that_is_missing_or_senseless_does_not_stop_the_others() -> None:
    names = ("missing", "senseless", "good")
    materials = FixedMaterials()
    good = '{"auths": {"registry.example.com": {"username": "me", "password": "pw"}}}'
    materials.put_secret("good", {".dockerconfigjson": good}, type="kubernetes.io/dockerconfigjson")
    materials.put_secret("senseless", {".dockerconfigjson": "not json"}, type="kubernetes.io/dockerconfigjson")
    secrets = tuple(LocalObjectReference(name=name) for name in names)
    web = materials.of(pod_with(image_pull_secrets=secrets))
    (credential,) = await web.registry_credentials("registry.example.com/team/app:1")
    assert (credential.username, credential.password) == ("me", "pw")
    assert "pw" not in repr(credential)
    told = [message for _, reason, message in materials.notices if reason == "FailedToRetrieveImagePullSecret"]
    assert len(told) == 1
    assert "missing, senseless" in told[0]
    assert "not json" not in told[0]


async def test_network_files_are_those_of_the_pod_in_its_cluster() -> None:
    materials = make_materials()
    web = materials.of(make_pod("web", hostname="own", subdomain="sub", dns_policy="ClusterFirst"))
    assert web.network_files().hosts is None, "the address is not known yet"
    files = web.network_files(pod_ips=["10.1.2.3"])
    assert (files.hostname, files.domain) == ("own", "sub.default.svc.cluster.local")
    assert files.hosts is not None
    assert ["10.1.2.3", "own.sub.default.svc.cluster.local", "own"] in map(str.split, files.hosts.splitlines())
    assert "nameserver 10.96.0.10" in files.resolv_conf.splitlines()
    long = make_pod("web", hostname="a" * 60, subdomain="b" * 60, set_hostname_as_fqdn=True)
    with pytest.raises(InvalidInput, match="too long"):
        materials.of(long).network_files(pod_ips=["10.1.2.3"])


async def test_a_container_that_does_not_exist_is_said_so() -> None:
    with pytest.raises(NotFound, match='container "other"'):
        await make_materials().of(pod_with()).environment("other")
