"""Volumes outlive virtual-kubelet when they have a folder, for as long as the cluster wants their pods."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from vk_core.api.container import VolumeMount
from vk_core.api.pod import Pod
from vk_core.api.podkey import PodKey
from vk_core.api.podstatus import PodStatus
from vk_core.api.volumes import EmptyDirVolumeSource, Volume
from vk_core.errors import NotFound, Unavailable
from vk_core.provider import OWNER_ANNOTATION
from vk_core.testing import make_container, make_pod
from vk_process.kept import KeptPods

from .conftest import Machine, children

SHARED = Volume(name="shared", empty_dir=EmptyDirVolumeSource())
MOUNT = VolumeMount(name="shared", mount_path="/shared")
WRITES = "cat shared/file; echo $$$$ > shared/file; echo ready; exec sleep 3600"


def writing_pod(**fields: Any) -> Pod:
    container = make_container(command=("sh", "-c", WRITES), volume_mounts=(MOUNT,))
    return make_pod(containers=(container,), volumes=(SHARED,), **fields)


@contextlib.asynccontextmanager
async def node(folder: Path) -> AsyncIterator[Machine]:
    """One process of virtual-kubelet after the other."""
    machine = Machine(folder, folder=str(folder))
    await machine.provider.start()
    try:
        yield machine
    finally:
        await machine.provider.close()
    assert children() == []


async def started(machine: Machine, pod: Pod) -> PodStatus:
    """Create a pod and wait until it has written its file."""
    await machine.provider.create_pod(pod)
    status = await machine.until(lambda status: status.phase == "Running")
    async with asyncio.timeout(20):
        while b"ready" not in await machine.log(pod):  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)
    return status


def files(folder: Path) -> list[str]:
    """The UIDs of which there are volumes, and those that are remembered."""
    node = folder / "test-node"
    return [*os.listdir(node / "pods"), *os.listdir(node / "kept")]  # noqa: PTH208


async def test_an_empty_directory_keeps_its_files_over_a_restart(tmp_path: Path) -> None:
    pod = writing_pod()
    async with node(tmp_path) as machine:
        status = await started(machine, pod)
    assert os.listdir(tmp_path) == ["test-node"]  # noqa: PTH208
    async with node(tmp_path) as machine:
        (left,) = await machine.provider.get_pods()
        assert PodKey.of(left) == PodKey.of(pod)
        assert left.metadata.annotations == {OWNER_ANNOTATION: pod.metadata.annotations[OWNER_ANNOTATION]}
        terminated = left.status.container_statuses[0].state.terminated
        assert terminated
        assert (terminated.exit_code, terminated.reason) == (137, "ContainerStatusUnknown")
        assert terminated.container_id == status.container_statuses[0].container_id
        assert await machine.provider.get_pod(PodKey.of(pod)) == left
        with pytest.raises(NotFound, match="ended together with the virtual-kubelet"):
            await machine.provider.adopt_pod(replace(pod, status=status))
        assert await machine.provider.get_pods() == []
        await started(machine, pod)
        pid, ready = (await machine.log(pod)).split()
        assert (pid.isdigit(), ready) == (True, b"ready")
        await machine.provider.delete_pod(pod, 0)
    assert files(tmp_path) == []


async def test_a_pod_is_remembered_before_its_containers_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(KeptPods, "note", lambda _kept, _pod: None)
    pod = make_pod(containers=(make_container(command=("ls", str(tmp_path / "test-node" / "kept"))),))
    async with node(tmp_path) as machine:
        await machine.provider.create_pod(pod)
        await machine.until(lambda status: status.container_statuses[0].restart_count == 1)
        assert (await machine.log(pod, previous=True)).decode() == f"{pod.metadata.uid}.json\n"


async def test_what_the_cluster_no_longer_wants_is_removed(tmp_path: Path) -> None:
    pod = writing_pod()
    async with node(tmp_path) as machine:
        await started(machine, pod)
    assert files(tmp_path) == [pod.metadata.uid, f"{pod.metadata.uid}.json"]
    async with node(tmp_path) as machine:
        with pytest.raises(NotFound):
            await machine.provider.delete_pod(pod, 0)
        assert await machine.provider.get_pods() == []
    assert files(tmp_path) == []


async def test_a_pod_that_never_starts_again_loses_its_volumes(tmp_path: Path) -> None:
    pod = writing_pod(restart_policy="Never")
    async with node(tmp_path) as machine:
        status = await started(machine, pod)
    async with node(tmp_path) as machine:
        with pytest.raises(NotFound):
            await machine.provider.adopt_pod(replace(pod, status=status))
    assert files(tmp_path) == []


async def test_a_pod_that_never_started_is_started_when_it_is_adopted(tmp_path: Path) -> None:
    pod = writing_pod(restart_policy="Never")
    async with node(tmp_path) as machine:
        await machine.provider.create_pod(pod)
    async with node(tmp_path) as machine:
        await machine.provider.adopt_pod(pod)
        await machine.until(lambda status: status.phase == "Running")
        assert len(await machine.provider.get_pods()) == 1
        await machine.provider.delete_pod(pod, 0)
        await machine.until(lambda status: status.container_statuses[0].state.terminated is not None)


async def test_a_pod_that_ended_by_itself_is_kept_as_it_ended(tmp_path: Path) -> None:
    pod = make_pod(containers=(make_container(command=("true",)),), restart_policy="Never")
    async with node(tmp_path) as machine:
        await machine.provider.create_pod(pod)
        status = await machine.ended()
    async with node(tmp_path) as machine:
        (left,) = await machine.provider.get_pods()
        assert left.status == status


async def test_volumes_that_nobody_remembers_are_removed(tmp_path: Path) -> None:
    pod = writing_pod()
    async with node(tmp_path) as machine:
        await started(machine, pod)
    (tmp_path / "test-node" / "kept" / f"{pod.metadata.uid}.json").unlink()
    async with node(tmp_path):
        assert files(tmp_path) == []


async def test_volumes_stay_when_what_is_remembered_cannot_be_read(tmp_path: Path) -> None:
    pod = writing_pod()
    async with node(tmp_path) as machine:
        await started(machine, pod)
    (tmp_path / "test-node" / "kept" / f"{pod.metadata.uid}.json").write_text("{")
    async with node(tmp_path) as machine:
        assert await machine.provider.get_pods() == []
    assert files(tmp_path) == [pod.metadata.uid, f"{pod.metadata.uid}.json"]


async def test_two_nodes_of_one_name_do_not_share_a_folder(tmp_path: Path) -> None:
    async with node(tmp_path):
        other = Machine(tmp_path, folder=str(tmp_path))
        with pytest.raises(Unavailable, match=r"folder: .*/test-node is in use by another process"):
            await other.provider.start()
