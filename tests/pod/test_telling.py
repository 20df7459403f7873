"""Events say which pod, and which container of it, they are about."""

from __future__ import annotations

import asyncio

import pytest

from tests.support.cluster import FakeCluster
from vk_core.api.container import EphemeralContainer
from vk_core.pod.record import reference
from vk_core.pod.telling import PodTeller
from vk_core.testing import make_container, make_pod, virtual_time

POD = make_pod(
    "web",
    containers=(make_container("main"), make_container("side")),
    init_containers=(make_container("first"),),
    ephemeral_containers=(EphemeralContainer(name="debugger"),),
)


@pytest.mark.parametrize(
    ("container_name", "path"),
    [
        ("", ""),
        ("main", "spec.containers{main}"),
        ("first", "spec.initContainers{first}"),
        ("debugger", "spec.ephemeralContainers{debugger}"),
    ],
)
def test_an_event_names_the_field_that_has_the_container(container_name: str, path: str) -> None:
    assert reference(POD, container_name).field_path == path


@virtual_time
async def test_the_same_words_about_two_containers_are_two_events() -> None:
    cluster = FakeCluster()
    teller = PodTeller(cluster.client, "virtual")
    for name in ("main", "side", "side"):
        teller.record(POD, "BackOff", "Back-off restarting", warning=True, container_name=name)
    task = asyncio.create_task(teller.recorder.run())
    await cluster.until(lambda: len(cluster.all("events")) == 2)
    task.cancel()
    told = {event["involvedObject"]["fieldPath"]: (event["count"], event["type"]) for event in cluster.all("events")}
    assert told == {"spec.containers{main}": (1, "Warning"), "spec.containers{side}": (2, "Warning")}
