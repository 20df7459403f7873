"""What a node tells those who probe it."""

from __future__ import annotations

import asyncio

from tests.support.cluster import FakeCluster
from tests.support.providers import TellingProvider, TinyProvider, controlling
from vk_core.errors import Unavailable
from vk_core.pod.controller import PodController
from vk_core.runtime.serve import health_of
from vk_core.testing import virtual_time


def problems(pods: PodController, endpoint: str) -> dict[str, str]:
    return {check.name: problem for check in health_of(pods).of(endpoint) if (problem := check.problem())}


@virtual_time
async def test_a_provider_that_hangs_makes_the_node_unhealthy_and_one_that_fails_does_not() -> None:
    cluster, provider = FakeCluster(), TellingProvider()
    async with controlling(cluster, provider, resync_seconds=500.0) as pods:
        provider.failures["get_pods"] = Unavailable("back end gone")
        await asyncio.sleep(1300)
        assert not problems(pods, "livez")
        provider.hanging.add("get_pods")
        await asyncio.sleep(700)
        assert list(problems(pods, "livez")) == list(problems(pods, "readyz")) == ["syncloop"]


@virtual_time
async def test_a_node_is_ready_once_its_pods_are_looked_after() -> None:
    cluster = FakeCluster()
    async with controlling(cluster, TinyProvider()) as pods:
        await pods.ready.wait()
        assert not problems(pods, "readyz")
        pods.ready.clear()
        assert list(problems(pods, "readyz")) == ["pods"]
        assert not problems(pods, "livez")
