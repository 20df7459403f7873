"""Durations on hot paths become the histograms that Prometheus knows."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from vk_core.telemetry.queues import Queues
from vk_core.telemetry.tally import BOUNDS, Durations


def samples(registry: CollectorRegistry) -> dict[tuple[str, ...], float]:
    families = text_string_to_metric_families(generate_latest(registry).decode())
    return {(sample.name, *sample.labels.values()): sample.value for family in families for sample in family.samples}


def test_a_duration_is_in_every_bucket_that_it_does_not_exceed() -> None:
    registry = CollectorRegistry()
    durations = Durations("call_seconds", "Calls.", ["verb", "code"], total="calls")
    registry.register(durations)
    for seconds in (0.0005, BOUNDS[3], BOUNDS[3] + 0.001, 1000.0):
        durations.of("get", 200).observe(seconds)
    durations.of("get", 404).observe(0.1)
    found = samples(registry)
    buckets = [found["call_seconds_bucket", "200", bound, "get"] for bound in (*map(str, BOUNDS), "+Inf")]
    assert buckets == [1, 1, 1, 2, 3, 3, 3, 3, 3, 3, 3, 3, 4]
    assert found["call_seconds_count", "200", "get"] == found["calls_total", "200", "get"] == 4
    assert found["call_seconds_sum", "200", "get"] == 0.0005 + BOUNDS[3] + BOUNDS[3] + 0.001 + 1000.0
    assert found["calls_total", "404", "get"] == 1


def test_a_queue_is_known_by_its_name_and_the_newest_one_counts() -> None:
    registry = CollectorRegistry()
    queues = Queues()
    registry.register(queues)
    queues.observer("sync", lambda: 99).added()
    sync = queues.observer("sync", lambda: 3)
    sync.added()
    sync.added()
    sync.failed()
    sync.done(0.5)
    found = samples(registry)
    assert found["workqueue_depth", "sync"] == 3
    assert found["workqueue_adds_total", "sync"] == 2
    assert found["workqueue_retries_total", "sync"] == 1
    assert found["workqueue_work_duration_seconds_sum", "sync"] == 0.5
