"""What pods are made of beside images: variables and volumes reach containers, and none runs without its own."""

from __future__ import annotations

from typing import Any

from vk_core.api.container import ConfigMapKeySelector, EnvVar, EnvVarSource, VolumeMount
from vk_core.api.pod import Pod
from vk_core.api.podkey import PodKey
from vk_core.api.podstatus import PodStatus
from vk_core.api.volumes import (
    ConfigMapVolumeSource,
    DownwardAPIVolumeFile,
    DownwardAPIVolumeSource,
    ObjectFieldSelector,
    Volume,
)
from vk_core.errors import InvalidInput, MaterialMissing, ProviderError
from vk_core.provider import MountsVolumes, RunsInContainer
from vk_core.testing.builders import make_container
from vk_core.testing.clients import ContainerClient
from vk_core.testing.contract.base import ContractBase, not_applicable
from vk_core.testing.harness import ProviderUnderTest, fail
from vk_core.testing.materials import has_been_told
from vk_core.testing.validity import all_statuses, is_running

_KINDS = frozenset(Volume.__struct_encode_fields__) - {"name"}
_FAILED_MOUNT = "FailedMount"
_NOWHERE = "there-is-no-such-config-map"
_NAME = DownwardAPIVolumeFile(path="name", field_ref=ObjectFieldSelector(field_path="metadata.name"))
_POD_INFO = Volume(name="pod-info", downward_api=DownwardAPIVolumeSource(items=(_NAME,)))


class MaterialsContract(ContractBase):
    """The environment that core resolves, and `MountsVolumes`."""

    async def test_variables_reach_what_runs_in_a_container(self, subject: ProviderUnderTest) -> None:
        name = EnvVarSource(field_ref=ObjectFieldSelector(field_path="metadata.name"))
        variables = (EnvVar(name="NAME", value_from=name), EnvVar(name="GREETING", value="hello $(NAME)"))
        pod = self._pod_made_of(env=variables)
        await self._run_made_of(subject, pod)
        lines = (await self._show(subject, pod, ("env",))).splitlines()
        for line in (b"NAME=web", b"GREETING=hello web"):
            if line not in lines:
                fail("run_in_container", f"expected the variable {line.decode()} among those that env shows")

    async def test_a_container_does_not_run_without_its_variables(self, subject: ProviderUnderTest) -> None:
        key = EnvVarSource(config_map_key_ref=ConfigMapKeySelector(name=_NOWHERE, key="key"))
        await self._check_not_started(
            subject, self._pod_made_of(env=(EnvVar(name="KEY", value_from=key),)), "variables"
        )

    async def test_mountable_volumes_are_named_as_in_the_api(self, subject: ProviderUnderTest) -> None:
        unknown = set(self._mounting(subject).mountable_volumes()) - _KINDS
        if unknown:
            known = ", ".join(sorted(_KINDS))
            fail("mountable_volumes", f"names {', '.join(sorted(unknown))}; the kinds of volumes are {known}")

    async def test_a_container_does_not_run_without_its_volumes(self, subject: ProviderUnderTest) -> None:
        self._require_volumes(subject, "configMap")
        volume = Volume(name="settings", config_map=ConfigMapVolumeSource(name=_NOWHERE))
        mount = VolumeMount(name="settings", mount_path="/etc/settings")
        await self._check_not_started(subject, self._pod_made_of(volumes=(volume,), volume_mounts=(mount,)), "volumes")

    async def test_a_volume_is_where_it_is_mounted(self, subject: ProviderUnderTest) -> None:
        self._require_volumes(subject, "downwardAPI")
        mount = VolumeMount(name="pod-info", mount_path="/etc/pod-info")
        await self._check_file(subject, mount, "/etc/pod-info/name")

    async def test_a_part_of_a_volume_is_where_it_is_mounted(self, subject: ProviderUnderTest) -> None:
        self._require_volumes(subject, "downwardAPI")
        mount = VolumeMount(name="pod-info", mount_path="/etc/pod-info/own-name", sub_path="name")
        await self._check_file(subject, mount, "/etc/pod-info/own-name")

    async def _check_not_started(self, subject: ProviderUnderTest, pod: Pod, what: str) -> None:
        __tracebackhide__ = True
        try:
            await subject.attempt(subject.provider.create_pod, pod)
        except (MaterialMissing, InvalidInput):
            return
        except ProviderError as error:
            fail("create_pod", f"raised {type(error).__name__} for missing {what}, expected MaterialMissing")

        def is_decided(status: PodStatus | None) -> bool:
            # A kubelet shows a pod that waits for its volumes as one that is being created, and tells an event.
            return status is not None and (is_running(status) or _waits(status) or has_been_told(pod, _FAILED_MOUNT))

        sentence = f"neither ran nor said in its status that it waits for its {what}"
        status = await subject.until(pod, is_decided, "create_pod", sentence)
        if status is not None and is_running(status):
            fail("create_pod", f"started a container although the config map that its {what} come from is not there")

    async def _check_file(self, subject: ProviderUnderTest, mount: VolumeMount, path: str) -> None:
        __tracebackhide__ = True
        pod = self._pod_made_of(volumes=(_POD_INFO,), volume_mounts=(mount,))
        await self._run_made_of(subject, pod)
        found = await self._show(subject, pod, self.read_command(path))
        if found != b"web":
            fail("create_pod", f"expected the pod's name in the mounted file {path}, found {found!r}")

    def _pod_made_of(self, volumes: tuple[Volume, ...] = (), **container: Any) -> Pod:
        return self.pod("web", volumes=volumes, containers=(make_container(image=self.image, **container),))

    async def _run_made_of(self, subject: ProviderUnderTest, pod: Pod) -> None:
        """Run a pod, unless the provider says that it cannot have what it asks for."""
        __tracebackhide__ = True
        if not isinstance(subject.provider, RunsInContainer):
            not_applicable("the provider does not have run_in_container, with which to look into containers")
        try:
            await subject.attempt(subject.provider.create_pod, pod)
        except InvalidInput as error:
            not_applicable(f"the provider says that it cannot do this: {error}")
        except ProviderError as error:
            fail("create_pod", f"raised {type(error).__name__} where nothing is missing: {error}")
        await subject.run(pod)

    async def _show(self, subject: ProviderUnderTest, pod: Pod, command: tuple[str, ...]) -> bytes:
        __tracebackhide__ = True
        client = ContainerClient()
        if isinstance(subject.provider, RunsInContainer):
            main = PodKey.of(pod), pod.spec.containers[0].name
            await subject.call(subject.provider.run_in_container, *main, command, client.io)
        return client.output

    def _mounting(self, subject: ProviderUnderTest) -> MountsVolumes:
        if not isinstance(subject.provider, MountsVolumes):
            not_applicable("the provider does not have mountable_volumes")
        return subject.provider

    def _require_volumes(self, subject: ProviderUnderTest, kind: str) -> None:
        if kind not in self._mounting(subject).mountable_volumes():
            not_applicable(f"the provider does not mount volumes of the kind {kind}")


def _waits(status: PodStatus) -> bool:
    reasons = [one.state.waiting.reason for one in all_statuses(status) if one.state.waiting]
    return "CreateContainerConfigError" in reasons
