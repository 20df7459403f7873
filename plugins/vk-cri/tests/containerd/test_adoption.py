"""Processes that keep a pod are killed, again and again: the next one goes on where the last one was."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import msgspec
from msgspec.structs import replace

from scripts.containerd.containerd import Containerd
from vk_core.api.pod import Pod
from vk_core.api.podkey import PodKey
from vk_core.api.podstatus import ContainerStatus, PodStatus
from vk_core.engine.observed import by_pod, restart_count
from vk_core.engine.runtime import SandboxPhase
from vk_core.testing import make_container, make_context, make_pod
from vk_cri.provider import CriProvider
from vk_cri.settings import CriSettings

from .conftest import BUSYBOX

PROGRAM = Path(__file__).with_name("keeping.py")
LIVES = (0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 1.0, 1.2, 1.4, 1.6)
"""Seconds that processes live, their own start included."""

NEVER_RAN = 128
"""The exit code that containerd gives to what could not be started."""


async def keep_for(seconds: float, settings: CriSettings, pod: Pod) -> Pod:
    """The pod with the last status that a process has told before it was killed."""
    given = (msgspec.json.encode(settings).decode(), msgspec.json.encode(pod).decode())
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(PROGRAM), *given, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    await asyncio.sleep(seconds)
    assert process.returncode is None, (await process.communicate())[1].decode()
    process.kill()
    told, _ = await process.communicate()
    for line in told.splitlines():
        status = msgspec.json.decode(line, type=PodStatus)
        before = pod.status.container_statuses
        assert not before or status.container_statuses[0].restart_count >= before[0].restart_count
        pod = replace(pod, status=status)
    return pod


async def status_of(provider: CriProvider, pod: Pod, name: str) -> ContainerStatus:
    status = await provider.get_pod_status(PodKey.of(pod))
    return next(one for one in status.container_statuses if one.name == name)


async def test_nothing_is_lost_or_started_twice_when_processes_are_killed(
    containerd: Containerd, tmp_path: Path
) -> None:
    settings = CriSettings(
        runtime_endpoint=containerd.endpoint,
        log_root=str(tmp_path / "logs"),
        volume_root=str(tmp_path / "volumes"),
        cgroup_parent="/vk-cri-tests",
    )
    crashing = make_container("crashing", image=BUSYBOX, command=("sh", "-c", "sleep 0.5; exit 1"))
    pod = make_pod(containers=(crashing, make_container("staying", image=BUSYBOX)), termination_grace_period_seconds=1)
    for seconds in LIVES:
        pod = await keep_for(seconds, settings, pod)

    provider = CriProvider(make_context(settings))
    await provider.start()
    try:
        await provider.adopt_pod(pod)
        async with asyncio.timeout(30):
            while (staying := await status_of(provider, pod, "staying")).state.running is None:
                await asyncio.sleep(0.05)
        snapshot = await provider.runtime.pod_snapshot(pod.metadata.uid)
        assert [one.phase for one in snapshot.sandboxes].count(SandboxPhase.READY) == 1
        instances = by_pod(snapshot)[pod.metadata.uid].containers
        # A sandbox or a container that was being made at the moment of a kill has never run, and counts all the same.
        assert all(one.exit_code == NEVER_RAN for one in instances["staying"][1:])
        assert staying.restart_count == restart_count(instances["staying"][0])
        counts = [restart_count(one) for one in reversed(instances["crashing"])]
        assert counts == list(range(len(counts)))
        assert len(counts) > 1
        assert (await status_of(provider, pod, "crashing")).restart_count == counts[-1]

        await provider.delete_pod(pod, 0)
        async with asyncio.timeout(30):
            while pod.metadata.uid in {found.metadata.uid for found in await provider.get_pods()}:
                await asyncio.sleep(0.05)
        assert not list((tmp_path / "logs").iterdir())
        assert not list((tmp_path / "volumes" / "pods").iterdir())
    finally:
        await provider.close()
