"""Pods start as soon as what they need is there, and wait for it without holding anybody up."""

from __future__ import annotations

import asyncio
import itertools
from pathlib import Path

import pytest

from tests.engine.doing.node import all_run, container, node, waits_for
from vk_core.api.container import (
    ConfigMapKeySelector,
    EnvVar,
    EnvVarSource,
    ExecAction,
    Lifecycle,
    LifecycleHandler,
    SecurityContext,
    VolumeMount,
    WindowsSecurityContextOptions,
)
from vk_core.api.pod import Pod
from vk_core.api.podkey import PodKey
from vk_core.api.volumes import ConfigMapVolumeSource, Volume
from vk_core.engine.runtime import Finished
from vk_core.errors import InvalidInput, NotFound
from vk_core.testing import make_container, make_pod, virtual_time

SOON = 3
"""Seconds: less than any back-off takes in these tests."""

VALUE = EnvVar(name="VALUE", value_from=EnvVarSource(config_map_key_ref=ConfigMapKeySelector(name="late", key="key")))


def pod_with_volume() -> Pod:
    volume = Volume(name="settings", config_map=ConfigMapVolumeSource(name="late"))
    mount = VolumeMount(name="settings", mount_path="/etc/settings")
    return make_pod(volumes=(volume,), containers=(make_container(volume_mounts=(mount,)),))


@virtual_time
async def test_a_pod_starts_soon_after_its_volume_is_there(tmp_path: Path) -> None:
    async with node(tmp_path) as cri:
        pod = pod_with_volume()
        await cri.create(pod)
        await asyncio.sleep(600)
        assert waits_for("ContainerCreating")(cri.pods[pod.metadata.uid].status)
        assert not cri.runtime.sandbox_tries
        cri.materials.put_config_map("late", {"key": "value"})
        await cri.until(pod, all_run, within=SOON)


@virtual_time
async def test_what_is_missing_for_one_container_keeps_the_others_from_nothing(tmp_path: Path) -> None:
    async with node(tmp_path) as cri:
        pod = make_pod(containers=(make_container("late", env=(VALUE,)), make_container("main")))
        await cri.create(pod)
        status = await cri.until(pod, waits_for("CreateContainerConfigError", "late"))
        status = await cri.until(pod, lambda status: container(status).state.running)
        assert "late" in container(status, "late").state.waiting.message  # type: ignore[union-attr]
        await asyncio.sleep(600)
        cri.materials.put_config_map("late", {"key": "value"})
        status = await cri.until(pod, all_run, within=SOON)
        assert [one.restart_count for one in status.container_statuses] == [0, 0]
        assert len(cri.runtime.starts) == 2


@virtual_time
async def test_an_image_that_comes_late_is_fetched_with_back_off(tmp_path: Path) -> None:
    async with node(tmp_path) as cri:
        pod = make_pod(containers=(make_container(image="late:1"), make_container("other")))
        await cri.create(pod)
        await cri.until(pod, waits_for("ErrImagePull"))
        await cri.until(pod, waits_for("ImagePullBackOff"))
        await cri.until(pod, lambda status: container(status, "other").state.running, within=0.1)
        await asyncio.sleep(100)
        assert 3 <= len(cri.told("Pulling")) <= 5
        cri.runtime.registry.add("late:1")
        await cri.until(pod, all_run, within=310)


@virtual_time
async def test_a_sandbox_that_cannot_be_made_is_tried_again_with_back_off(tmp_path: Path) -> None:
    async with node(tmp_path) as cri:
        cri.runtime.sandbox_problem = "no addresses left"
        pod = make_pod()
        await cri.create(pod)
        await asyncio.sleep(120)
        tries = cri.runtime.sandbox_tries
        pauses = [(later - earlier).total_seconds() for earlier, later in itertools.pairwise(tries)]
        assert 5 <= len(pauses) <= 12
        assert pauses[0] < 2
        assert pauses[-1] > 10
        assert cri.told("FailedCreatePodSandBox") == ["Failed to create pod sandbox: no addresses left"] * len(tries)
        cri.runtime.sandbox_problem = ""
        status = await cri.until(pod, all_run, within=65)
        assert container(status).restart_count == 0


@pytest.mark.parametrize("what", ["pull slow:1", "sandbox web", "stop main"])
def test_what_hangs_keeps_no_other_pod_waiting_and_ends_nothing_else(tmp_path: Path, what: str) -> None:
    @virtual_time
    async def check() -> None:
        async with node(tmp_path) as cri:
            cri.runtime.hangs.add(what)
            stuck = [make_pod("web", containers=(make_container(image="slow:1"),)) for _ in range(20)]
            if what != "pull slow:1":
                cri.runtime.present.add("slow:1")
            for pod in stuck:
                await cri.create(pod)
            await asyncio.sleep(5)
            for pod in stuck:
                await cri.delete(pod)
            other = make_pod("other", containers=(make_container("other"),))
            await cri.create(other)
            await cri.until(other, all_run, within=1)
            await cri.delete(other)
            await cri.until_gone(other, within=3)

    check()


@virtual_time
async def test_a_pod_that_is_deleted_while_its_image_is_pulled_leaves_nothing(tmp_path: Path) -> None:
    async with node(tmp_path) as cri:
        cri.runtime.hangs.add("pull slow:1")
        pod = make_pod(containers=(make_container(image="slow:1"),))
        await cri.create(pod)
        await asyncio.sleep(5)
        await cri.delete(pod)
        await cri.until_gone(pod, within=SOON)
        assert not cri.leftovers()


@pytest.mark.parametrize("after", [step / 500 for step in range(30)])
def test_a_pod_that_is_deleted_at_any_moment_of_its_start_leaves_nothing(tmp_path: Path, after: float) -> None:
    @virtual_time
    async def check() -> None:
        async with node(tmp_path) as cri:
            pod = make_pod(init_containers=(make_container("sidecar", restart_policy="Always"),))
            await cri.create(pod)
            await asyncio.sleep(after)
            await cri.delete(pod, 0)
            await cri.until_gone(pod, within=SOON)
            await asyncio.sleep(1)
            assert not cri.leftovers()

    check()


@virtual_time
async def test_a_container_whose_post_start_hook_fails_is_ended_and_started_again(tmp_path: Path) -> None:
    async with node(tmp_path) as cri:
        codes = iter([1, 0])

        async def hook() -> Finished:
            return Finished(exit_code=next(codes))

        cri.runtime.commands["greet"] = hook
        lifecycle = Lifecycle(post_start=LifecycleHandler(exec=ExecAction(command=("greet",))))
        pod = make_pod(containers=(make_container(lifecycle=lifecycle),))
        await cri.create(pod)
        await cri.until(pod, waits_for("PostStartHookError"))
        status = await cri.until(pod, all_run)
        assert container(status).restart_count == 1
        assert cri.told("FailedPostStartHook") == ["PostStartHook failed"]


@virtual_time
async def test_a_pod_that_can_never_run_is_refused_with_the_reason(tmp_path: Path) -> None:
    async with node(tmp_path) as cri:
        windows = SecurityContext(windows_options=WindowsSecurityContextOptions(host_process=True))
        pod = make_pod(containers=(make_container(security_context=windows),))
        with pytest.raises(InvalidInput, match=r"containers\[0\].securityContext.windowsOptions") as caught:
            await cri.create(pod)
        assert caught.value.reason == "PodFeatureUnsupported"
        with pytest.raises(NotFound):
            await cri.engine.get_pod(PodKey.of(pod))
        assert not await cri.engine.get_pods()
