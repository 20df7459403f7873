"""The runtime is away, or a disk is full: pods go on, and what could not be done is done soon after."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest

from tests.engine.doing.node import Node, all_run, node
from vk_core.testing import make_container, make_pod, virtual_time

AWAY_SECONDS = 3600


def no_bugs(caplog: pytest.LogCaptureFixture) -> bool:
    return not any(record.exc_info or record.levelno >= logging.ERROR for record in caplog.records)


async def come_back(cri: Node) -> None:
    await asyncio.sleep(AWAY_SECONDS)
    cri.runtime.is_away = False


@pytest.mark.parametrize("after", [step / 100 for step in range(8)])
def test_pods_that_were_made_and_deleted_while_the_runtime_was_away_are_soon_as_they_should_be(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, after: float
) -> None:
    @virtual_time
    async def check() -> None:
        async with node(tmp_path) as cri:
            running, deleted, begun, new = (make_pod(name) for name in ("running", "deleted", "begun", "new"))
            before = await cri.run(running)
            await cri.run(deleted)
            await cri.create(begun)
            await asyncio.sleep(after)
            cri.runtime.is_away = True
            await cri.create(new)
            await cri.delete(deleted)
            await come_back(cri)
            await cri.until(new, all_run, within=15)
            await cri.until(begun, all_run, within=15)
            await cri.until_gone(deleted, within=15)
            assert cri.pods[running.metadata.uid].status == before
            assert len(cri.runtime.starts) == len(set(cri.runtime.starts)) == 4

    check()
    assert no_bugs(caplog)


@virtual_time
async def _with_a_file_in_the_way(folder: Path, in_the_way: str, reason: str) -> None:
    async with node(folder) as cri:
        path = folder / in_the_way
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
        pod = make_pod(containers=(make_container(),))
        await cri.create(pod)
        await asyncio.sleep(AWAY_SECONDS)
        assert 0 < len(cri.told(reason)) < AWAY_SECONDS / 8
        path.unlink()
        await cri.until(pod, all_run, within=70)


def test_a_folder_for_logs_that_cannot_be_made_is_told_and_tried_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    _with_a_file_in_the_way(tmp_path, "logs", "FailedCreatePodSandBox")
    assert no_bugs(caplog)


@virtual_time
async def test_a_folder_of_a_container_that_cannot_be_made_is_told_and_tried_again(tmp_path: Path) -> None:
    async with node(tmp_path) as cri:
        pod = make_pod()
        way = tmp_path / "volumes" / "pods" / pod.metadata.uid / "containers"
        way.parent.mkdir(parents=True)
        way.write_text("")
        await cri.create(pod)
        await asyncio.sleep(600)
        assert 0 < len(cri.told("Failed")) <= 61
        way.unlink()
        await cri.until(pod, all_run, within=15)
