"""Pods end within their grace period, in order, whatever their hooks do, and leave nothing."""

from __future__ import annotations

import asyncio
import itertools
from pathlib import Path

from tests.engine.doing.node import Node, container, node, waits_for
from tests.support.containerruntime import Process
from vk_core.api.container import ExecAction, Lifecycle, LifecycleHandler, SleepAction
from vk_core.api.pod import Pod
from vk_core.api.podkey import PodKey
from vk_core.engine.runtime import Finished
from vk_core.testing import make_container, make_pod, virtual_time

STUBBORN = Process(heeds_signals=False)


async def seconds_to_end(cri: Node, pod: Pod) -> float:
    before = asyncio.get_running_loop().time()
    await cri.until_gone(pod, within=10_000)
    assert not cri.leftovers()
    return asyncio.get_running_loop().time() - before


def pod_with_hook(**handler: object) -> Pod:
    lifecycle = Lifecycle(pre_stop=LifecycleHandler(**handler))  # type: ignore[arg-type]
    return make_pod(containers=(make_container(lifecycle=lifecycle),))


@virtual_time
async def test_a_stop_is_hurried(tmp_path: Path) -> None:
    async with node(tmp_path) as cri:
        cri.runtime.processes["main"] = STUBBORN
        pod = make_pod()
        await cri.run(pod)
        await cri.delete(pod, 600)
        await asyncio.sleep(5)
        await cri.delete(pod, 2)
        assert 2 <= await seconds_to_end(cri, pod) < 3
        assert cri.told("Killing") == ["Stopping container main"]


@virtual_time
async def test_a_stop_without_grace_period_hurries_the_hook_as_well(tmp_path: Path) -> None:
    async with node(tmp_path) as cri:
        pod = pod_with_hook(sleep=SleepAction(seconds=300))
        await cri.run(pod)
        await cri.delete(pod, 600)
        await asyncio.sleep(5)
        await cri.delete(pod, 0)
        assert await seconds_to_end(cri, pod) < 1


@virtual_time
async def test_a_hook_that_takes_the_whole_grace_period_leaves_two_seconds_more(tmp_path: Path) -> None:
    async with node(tmp_path) as cri:
        cri.runtime.processes["main"] = STUBBORN
        pod = pod_with_hook(sleep=SleepAction(seconds=300))
        await cri.run(pod)
        await cri.delete(pod, 10)
        assert 12 <= await seconds_to_end(cri, pod) < 13


@virtual_time
async def test_a_hook_that_fails_is_told_and_holds_up_no_end(tmp_path: Path) -> None:
    async with node(tmp_path) as cri:

        async def fails() -> Finished:
            return Finished(exit_code=1, stderr=b"secret")

        cri.runtime.commands["goodbye"] = fails
        pod = pod_with_hook(exec=ExecAction(command=("goodbye",)))
        await cri.run(pod)
        await cri.delete(pod, 30)
        assert await seconds_to_end(cri, pod) < 1
        assert cri.told("FailedPreStopHook") == ["PreStopHook failed"]


@virtual_time
async def test_sidecars_end_after_what_they_serve_in_the_same_grace_period(tmp_path: Path) -> None:
    async with node(tmp_path) as cri:
        cri.runtime.processes["main"] = STUBBORN
        pod = make_pod(init_containers=(make_container("sidecar", restart_policy="Always"),))
        await cri.run(pod)
        await cri.delete(pod, 10)
        await asyncio.sleep(9)
        (sidecar,) = cri.runtime.of(pod.metadata.uid, "sidecar")
        assert sidecar.finished_at is None
        assert 1 <= await seconds_to_end(cri, pod) < 4


@virtual_time
async def test_a_container_that_crashes_is_started_again_with_growing_pauses(tmp_path: Path) -> None:
    async with node(tmp_path) as cri:
        cri.runtime.processes["main"] = Process(seconds=1, exit_code=3)
        pod = make_pod()
        await cri.create(pod)
        status = await cri.until(pod, waits_for("CrashLoopBackOff"))
        assert container(status).last_state.terminated.exit_code == 3  # type: ignore[union-attr]
        await asyncio.sleep(3600)
        starts = [one.started_at for one in cri.runtime.of(pod.metadata.uid) if one.started_at]
        pauses = [round((later - earlier).total_seconds()) for earlier, later in itertools.pairwise(starts)]
        assert pauses[:7] == [1, 11, 21, 41, 81, 161, 301]
        assert container(cri.pods[pod.metadata.uid].status).restart_count == len(starts) - 1


@virtual_time
async def test_a_finished_pod_is_kept_until_it_is_deleted(tmp_path: Path) -> None:
    async with node(tmp_path) as cri:
        cri.runtime.processes["main"] = Process(seconds=5, exit_code=7)
        pod = make_pod(restart_policy="Never")
        await cri.create(pod)
        await cri.until(pod, lambda status: status.phase == "Failed")
        await asyncio.sleep(1)  # its sandbox ends too
        status = cri.pods[pod.metadata.uid].status
        await asyncio.sleep(3600)
        assert (await cri.engine.get_pod_status(PodKey.of(pod))) == status
        await cri.restart()
        await asyncio.sleep(60)
        assert (await cri.engine.get_pod_status(PodKey.of(pod))) == status
        await cri.delete(pod)
        assert await seconds_to_end(cri, pod) < 1
        assert len(cri.runtime.starts) == 1
