"""Providers that are wrong about what pods are made of beside images."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from msgspec.structs import replace

from tests.testing.broken.base import Right, found_by
from vk_core.api.pod import Pod
from vk_core.api.podkey import PodKey
from vk_core.provider import ContainerIO


class LeavesOut(Right):
    """Runs pods without a part of what they are made of."""

    container: dict[str, tuple[()]] = {}
    spec: dict[str, tuple[()]] = {}

    async def create_pod(self, pod: Pod) -> None:
        containers = tuple([replace(one, **self.container) for one in pod.spec.containers])
        await super().create_pod(replace(pod, spec=replace(pod.spec, containers=containers, **self.spec)))


@found_by("test_variables_reach_what_runs_in_a_container", "run_in_container: expected the variable NAME=web")
class ShowsNoVariables(Right):
    async def run_in_container(self, key: PodKey, container_name: str, command: Sequence[str], io: ContainerIO) -> int:
        return 0


@found_by("test_a_container_does_not_run_without_its_variables", "create_pod: started a container although the config")
class RunsWithoutVariables(LeavesOut):
    container = {"env": ()}


@found_by(
    "test_a_container_does_not_run_without_its_volumes", "create_pod: started a container although the config map"
)
class RunsWithoutVolumes(LeavesOut):
    spec = {"volumes": ()}
    container = {"volume_mounts": ()}


@found_by("test_mountable_volumes_are_named_as_in_the_api", "mountable_volumes: names configmap; the kinds of volumes")
class NamesNoKind(Right):
    def mountable_volumes(self) -> Collection[str]:
        return ["configmap"]


class MountsElsewhere(Right):
    async def create_pod(self, pod: Pod) -> None:
        (container,) = pod.spec.containers
        mounts = tuple([replace(mount, mount_path=f"{mount.mount_path}.old") for mount in container.volume_mounts])
        await super().create_pod(
            replace(pod, spec=replace(pod.spec, containers=(replace(container, volume_mounts=mounts),)))
        )


@found_by("test_a_volume_is_where_it_is_mounted", "create_pod: expected the pod's name in the mounted file /etc/pod-i")
class MountsAllElsewhere(MountsElsewhere):
    pass


@found_by("test_a_part_of_a_volume_is_where_it_is_mounted", "create_pod: expected the pod's name in the mounted file /")
class MountsPartsElsewhere(MountsElsewhere):
    pass


@found_by("test_a_kept_pod_goes_on_when_it_is_adopted", "adopt_pod: started a pod again or stopped it")
class StartsWhatItAdopts(Right):
    async def adopt_pod(self, pod: Pod) -> None:
        known = self._pods[pod.metadata.uid]
        known.statuses = {name: replace(one, restart_count=1) for name, one in known.statuses.items()}
        self._advance(pod.metadata.uid)
