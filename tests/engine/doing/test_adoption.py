"""What runs is adopted by the next process: nothing is started twice, nothing is lost, nothing is left over."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from tests.engine.doing.node import all_run, container, node
from tests.support.containerruntime import Process
from vk_core.api.container import VolumeMount
from vk_core.api.podkey import PodKey
from vk_core.api.volumes import ConfigMapVolumeSource, Volume
from vk_core.provider import OWNER_ANNOTATION
from vk_core.testing import make_container, make_pod, virtual_time
from vk_core.testing.builders import OWNER


@virtual_time
async def test_a_pod_goes_on_as_if_nothing_had_been(tmp_path: Path) -> None:
    async with node(tmp_path) as cri:
        pod = make_pod(init_containers=(make_container("sidecar", restart_policy="Always"),))
        before = await cri.run(pod)
        for _ in range(5):
            await cri.restart()
            assert (await cri.engine.get_pod_status(PodKey.of(pod))) == before
            await asyncio.sleep(100)
        assert cri.pods[pod.metadata.uid].status == before
        assert len(cri.runtime.starts) == 2


@pytest.mark.parametrize("seed", range(20))
def test_nothing_is_started_twice_and_restarts_are_counted_over_any_number_of_restarts(
    tmp_path: Path, seed: int
) -> None:
    @virtual_time
    async def check() -> None:
        chance = random.Random(seed)
        async with node(tmp_path) as cri:
            cri.runtime.processes["main"] = Process(seconds=1, exit_code=1)
            pod = make_pod(init_containers=(make_container("sidecar", restart_policy="Always"),))
            await cri.create(pod)
            for _ in range(8):
                await asyncio.sleep(chance.choice([0.001, 0.01, 0.02, 0.05, 1, 11, 50]) * chance.random())
                await cri.restart()
            await asyncio.sleep(1000)
            uid = pod.metadata.uid
            attempts = [attempt for one, name, attempt in cri.runtime.starts if (one, name) == (uid, "main")]
            assert attempts == sorted(set(attempts))
            assert container(cri.pods[uid].status).restart_count == attempts[-1]
            assert attempts[-1] - len(attempts) < 8  # a number that was given to one that could not be started is lost
            await cri.delete(pod, 0)
            await cri.until_gone(pod)
            assert not cri.leftovers()

    check()


@pytest.mark.parametrize("after", [step / 250 for step in range(12)])
def test_an_end_that_was_interrupted_is_brought_to_its_end(tmp_path: Path, after: float) -> None:
    @virtual_time
    async def check() -> None:
        async with node(tmp_path) as cri:
            pod = make_pod()
            await cri.run(pod)
            await cri.delete(pod)
            await asyncio.sleep(after)
            await cri.restart()
            # Core has the pod deleted once more, or sees that there is nothing left of it.
            if any(found.metadata.uid == pod.metadata.uid for found in await cri.engine.get_pods()):
                await cri.delete(pod)
                await cri.until_gone(pod)
            assert not cri.leftovers()

    check()


@virtual_time
async def test_what_the_cluster_no_longer_knows_is_ended_and_cleared(tmp_path: Path) -> None:
    async with node(tmp_path) as cri:
        cri.materials.put_config_map("settings", {"key": "value"})
        volume = Volume(name="settings", config_map=ConfigMapVolumeSource(name="settings"))
        mount = VolumeMount(name="settings", mount_path="/etc/settings")
        pod = make_pod(volumes=(volume,), containers=(make_container(volume_mounts=(mount,)),))
        await cri.run(pod)
        del cri.pods[pod.metadata.uid]
        await cri.restart()
        (orphan,) = await cri.engine.get_pods()
        assert PodKey.of(orphan) == PodKey.of(pod)
        assert orphan.metadata.annotations[OWNER_ANNOTATION] == OWNER
        await cri.delete(orphan)
        await cri.until_gone(pod)
        assert not cri.leftovers()


@virtual_time
async def test_a_pod_lives_on_when_one_of_the_same_name_is_removed(tmp_path: Path) -> None:
    async with node(tmp_path) as cri:
        old, new = make_pod("web-0"), make_pod("web-0")
        await cri.run(old)
        before = await cri.run(new)
        await cri.restart()
        await cri.delete(old)
        await cri.until_gone(old)
        await asyncio.sleep(100)
        assert cri.pods[new.metadata.uid].status == before
        assert {path.name for path in (tmp_path / "logs").glob("*")} == {f"default_web-0_{new.metadata.uid}"}


@virtual_time
async def test_a_changed_config_map_reaches_a_pod_that_was_adopted(tmp_path: Path) -> None:
    async with node(tmp_path) as cri:
        cri.materials.put_config_map("settings", {"key": "old"})
        volume = Volume(name="settings", config_map=ConfigMapVolumeSource(name="settings"))
        mount = VolumeMount(name="settings", mount_path="/etc/settings")
        pod = make_pod(volumes=(volume,), containers=(make_container(volume_mounts=(mount,)),))
        await cri.run(pod)
        await cri.restart()
        await asyncio.sleep(1)
        cri.materials.put_config_map("settings", {"key": "new"})
        await asyncio.sleep(100)
        (file,) = (tmp_path / "volumes").rglob("settings/key")
        assert file.read_text() == "new"


@virtual_time
async def test_containers_that_were_killed_meanwhile_are_started_again(tmp_path: Path) -> None:
    async with node(tmp_path) as cri:
        pod = make_pod()
        await cri.run(pod)
        await cri.engine.close()
        (one,) = cri.runtime.of(pod.metadata.uid)
        cri.runtime.end(one.id, 9)
        await cri.restart()
        status = await cri.until(pod, all_run)
        assert container(status).restart_count == 1
        assert container(status).last_state.terminated.exit_code == 9  # type: ignore[union-attr]


@virtual_time
async def test_restarts_are_counted_on_when_the_runtime_has_lost_everything(tmp_path: Path) -> None:
    async with node(tmp_path) as cri:
        cri.runtime.processes["main"] = Process(seconds=1, exit_code=1)
        pod = make_pod()
        await cri.create(pod)
        await cri.until(pod, lambda status: container(status).restart_count == 2)
        await cri.engine.close()
        cri.runtime.sandboxes.clear()
        cri.runtime.containers.clear()
        cri.runtime.processes.clear()
        await cri.restart()
        await cri.create(cri.pods[pod.metadata.uid])
        status = await cri.until(pod, all_run)
        assert container(status).restart_count == 3


@virtual_time
async def test_what_a_container_said_at_its_end_is_known_after_any_restart(tmp_path: Path) -> None:
    async with node(tmp_path) as cri:
        pods = [make_pod(name, restart_policy="Never") for name in ("meanwhile", "before")]
        for pod in pods:
            await cri.run(pod)
            (file,) = (tmp_path / "volumes").rglob(f"{pod.metadata.uid}/**/termination-log-0")
            file.write_text("the end")
        meanwhile, before = (cri.runtime.of(pod.metadata.uid)[0] for pod in pods)
        cri.runtime.end(before.id, 1)
        await cri.until(pods[1], lambda status: status.phase == "Failed")
        await asyncio.sleep(10)
        await cri.engine.close()
        cri.runtime.end(meanwhile.id, 1)
        for _ in range(2):
            await cri.restart()
            await asyncio.sleep(10)
            for pod in pods:
                ended = container(cri.pods[pod.metadata.uid].status).state.terminated
                assert ended is not None
                assert ended.message == "the end"
