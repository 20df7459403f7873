"""Events are counted, limited and sent in the background; they hold up nothing."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

from tests.support.cluster import FakeCluster
from vk_core.api.meta import ObjectReference
from vk_core.kube.events import EVENTS_BURST, EVENTS_PER_SECOND, OBJECT_BURST, EventRecorder
from vk_core.testing import virtual_time


def about(number: int = 0) -> ObjectReference:
    return ObjectReference(kind="Pod", namespace="default", name=f"web-{number}", uid=f"uid-{number}")


@contextlib.asynccontextmanager
async def recording(cluster: FakeCluster, busy: Callable[[], bool] = lambda: False) -> AsyncIterator[EventRecorder]:
    recorder = EventRecorder(cluster.client, component="virtual/pod-controller", host="virtual")
    recorder.busy = busy
    task = asyncio.create_task(recorder.run())
    try:
        yield recorder
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def counts(cluster: FakeCluster) -> dict[str, int]:
    return {event["reason"]: event["count"] for event in cluster.all("events")}


@virtual_time
async def test_an_event_says_what_happened_to_which_object_and_who_says_so() -> None:
    cluster = FakeCluster()
    async with recording(cluster) as recorder:
        recorder.record(about(), "ProviderCreateFailed", "no quota left", warning=True)
        recorder.record(ObjectReference(kind="Node", name="virtual", uid="n"), "Starting", "it begins")
        await asyncio.sleep(1)
        first, second = cluster.all("events")
        assert first["metadata"]["namespace"] == "default"
        assert first["metadata"]["name"].startswith("web-0.")
        assert first["involvedObject"] == {
            "kind": "Pod", "namespace": "default", "name": "web-0", "uid": "uid-0",
        }  # fmt: skip
        assert (first["type"], first["reason"], first["message"]) == (
            "Warning", "ProviderCreateFailed", "no quota left",
        )  # fmt: skip
        assert first["source"] == {"component": "virtual/pod-controller", "host": "virtual"}
        assert first["count"] == 1
        assert second["metadata"]["namespace"] == "default", "events about nodes live in the default namespace"


@virtual_time
async def test_repeats_are_counted_in_one_object() -> None:
    cluster = FakeCluster()
    async with recording(cluster) as recorder:
        for _ in range(3):
            recorder.record(about(), "Failed", "again")
        await asyncio.sleep(1)
        recorder.record(about(), "Failed", "again")
        recorder.record(about(), "Other", "not again")
        await asyncio.sleep(1)
        assert counts(cluster) == {"Failed": 4, "Other": 1}
        assert cluster.requests["create", "events"] == 2


@virtual_time
async def test_an_event_that_has_outlived_its_hour_is_made_again() -> None:
    cluster = FakeCluster()
    async with recording(cluster) as recorder:
        recorder.record(about(), "Failed", "again")
        await asyncio.sleep(1)
        [event] = cluster.all("events")
        cluster.delete("events", "default", event["metadata"]["name"], 0)
        recorder.record(about(), "Failed", "again")
        await asyncio.sleep(1)
        assert counts(cluster) == {"Failed": 1}


@virtual_time
async def test_an_object_has_a_number_of_events_and_does_not_use_up_those_of_others() -> None:
    cluster = FakeCluster()
    async with recording(cluster) as recorder:
        for number in range(1000):
            recorder.record(about(1), "Failed", f"attempt {number}")
        recorder.record(about(2), "Failed", "one of another pod")
        await asyncio.sleep(60)
        assert cluster.requests["create", "events"] == OBJECT_BURST + 1


@virtual_time
async def test_thousands_of_events_are_kept_until_they_can_be_sent_and_recording_never_waits() -> None:
    """B30: beyond 1000 pending events the rest was dropped."""
    loop = asyncio.get_running_loop()
    cluster = FakeCluster()
    async with recording(cluster) as recorder:
        for number in range(5000):
            recorder.record(about(number), "Created", "made")
        assert loop.time() == 0.0
        await cluster.until(lambda: cluster.requests["create", "events"] == 5000, within=1000)
        assert loop.time() >= (5000 - EVENTS_BURST) / EVENTS_PER_SECOND


@virtual_time
async def test_events_yield_to_what_is_more_important_but_not_for_ever() -> None:
    """B10: events and statuses shared five requests per second."""
    busy = True
    cluster = FakeCluster()
    async with recording(cluster, lambda: busy) as recorder:
        recorder.record(about(1), "Created", "made")
        await asyncio.sleep(4)
        assert cluster.requests["create", "events"] == 0
        await asyncio.sleep(2)
        assert cluster.requests["create", "events"] == 1
        recorder.record(about(2), "Created", "made")
        busy = False
        await asyncio.sleep(0.5)
        assert cluster.requests["create", "events"] == 2


@virtual_time
async def test_events_wait_for_a_server_that_is_away_and_keep_their_counts() -> None:
    cluster = FakeCluster()
    cluster.down, cluster.latency_seconds = True, 5.0
    async with recording(cluster) as recorder:
        for _ in range(10):
            recorder.record(about(), "Failed", "again")
            await asyncio.sleep(0.7)
        cluster.down = False
        await asyncio.sleep(30)
        assert counts(cluster) == {"Failed": 10}


@virtual_time
async def test_an_event_that_is_refused_is_left_out_and_the_next_one_sent() -> None:
    cluster = FakeCluster()
    cluster.fail("create", "events", code=403, reason="Forbidden")
    async with recording(cluster) as recorder:
        recorder.record(about(), "First", "refused")
        recorder.record(about(), "Second", "sent")
        await asyncio.sleep(1)
        assert counts(cluster) == {"Second": 1}


class _FirstIsSlowest(dict[tuple[str, str], float]):
    """Each request takes less time than the one before."""

    seconds = 1.0

    def get(self, *_: object) -> float:
        self.seconds /= 2
        return self.seconds


@virtual_time
async def test_what_happened_to_an_object_arrives_in_the_order_in_which_it_did() -> None:
    cluster = FakeCluster()
    cluster.slow = _FirstIsSlowest()
    story = ["Created", "Updated", "Deleted"]
    async with recording(cluster) as recorder:
        for reason in story:
            recorder.record(about(), reason, "it is done")
        await asyncio.sleep(5)
        assert [event["reason"] for event in cluster.all("events")] == story
