"""Our own metrics: what happens is counted, under the names that the reference lists."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.support.cluster import FakeCluster
from tests.support.providers import TinyProvider, controlling, phase
from vk_core.aio.keyedqueue import KeyedQueue
from vk_core.errors import NotFound, Unavailable
from vk_core.kube.errors import ApiUnavailable, ObjectNotFound
from vk_core.kube.resources import NODES
from vk_core.provider.capabilities import HasContainerLogs, NotifiesPods, Pingable, Startable
from vk_core.runtime.counting import counted
from vk_core.telemetry import metrics
from vk_core.testing import make_pod, virtual_time

REFERENCE = Path(__file__).parents[2] / "docs/reference/kubelet-api.md"


def samples() -> dict[tuple[str, ...], float]:
    """Every sample by its name and the values of its labels."""
    families = text_string_to_metric_families(metrics.exposition().decode())
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


class Growth:
    """How much samples have grown."""

    def __init__(self) -> None:
        self._before = samples()
        self._after: dict[tuple[str, ...], float] = {}

    def measure(self) -> None:
        self._after = samples()

    def __getitem__(self, key: tuple[str, ...]) -> float:
        return self._after.get(key, 0) - self._before.get(key, 0)


@contextlib.contextmanager
def growth() -> Iterator[Growth]:
    found = Growth()
    yield found
    found.measure()


def test_a_stream_is_open_for_as_long_as_it_lasts() -> None:
    with growth() as whole:
        with growth() as within:
            stream = metrics.stream_open("exec")
            stream.__enter__()
        stream.__exit__(None, None, None)
    assert within["virtual_kubelet_streams_open", "exec"] == 1
    assert whole["virtual_kubelet_streams_open", "exec"] == 0
    assert whole["virtual_kubelet_streams_total", "exec"] == 1


async def test_requests_are_counted_by_verb_resource_and_code() -> None:
    cluster = FakeCluster()
    with growth() as found:
        with pytest.raises(ObjectNotFound):
            await cluster.client.get(NODES, "gone")
        cluster.put("nodes", "", "virtual", {})
        await cluster.client.patch(NODES, "virtual", {"status": {}}, subresource="status")
        cluster.down = True
        with pytest.raises(ApiUnavailable):
            await cluster.client.get(NODES, "virtual")
    # code, resource, verb
    assert found["rest_client_requests_total", "404", "nodes", "get"] == 1
    assert found["rest_client_requests_total", "200", "nodes/status", "patch"] == 1
    assert found["rest_client_requests_total", metrics.NO_ANSWER, "nodes", "get"] == 1
    assert found["rest_client_request_duration_seconds_count", "404", "nodes", "get"] == 1
    assert 0.001 <= found["rest_client_request_duration_seconds_sum", "404", "nodes", "get"] < 5


@virtual_time
async def test_watches_that_begin_and_end_are_counted() -> None:
    cluster = FakeCluster()
    with growth() as found:
        async with controlling(cluster, TinyProvider()):
            await cluster.until(lambda: cluster.requests["watch", "pods"] == 1)
            cluster.disconnect_watches()
            await cluster.until(lambda: cluster.requests["watch", "pods"] >= 2)
    assert found["virtual_kubelet_watch_restarts_total", "pods"] == 1
    assert found["rest_client_requests_total", "200", "pods", "watch"] == 2


@virtual_time
async def test_queues_tell_how_often_they_tried_and_how_often_in_vain() -> None:
    cluster, provider = FakeCluster(), TinyProvider()
    provider.failures["create_pod"] = Unavailable("not now")
    with growth() as found:
        async with controlling(cluster, provider):
            cluster.add_pod(make_pod())
            await cluster.until(lambda: provider.calls["create_pod"] >= 3)
            del provider.failures["create_pod"]
            await cluster.until(lambda: phase(cluster) == "Running")
    assert found["workqueue_retries_total", "sync"] == 3
    assert found["workqueue_adds_total", "sync"] >= 4
    assert found["workqueue_work_duration_seconds_count", "sync"] >= 4
    assert found["workqueue_adds_total", "status"] >= 1


async def test_a_queue_needs_nobody_who_watches() -> None:
    assert KeyedQueue[str]("quiet", lambda _key: _nothing(), workers=1).observer is None


async def _nothing() -> None:
    return


async def test_calls_of_the_provider_are_counted_by_what_came_of_them() -> None:
    provider = TinyProvider()
    seen = counted(provider)
    pod = make_pod()
    with growth() as found:
        await seen.create_pod(pod)
        with pytest.raises(NotFound):
            await seen.delete_pod(make_pod(), 0)
        provider.failures["get_pods"] = RuntimeError("a bug")
        with pytest.raises(RuntimeError):
            await seen.get_pods()
    assert provider.created == [pod.metadata.name]
    assert found["virtual_kubelet_provider_calls_total", "create_pod", "ok"] == 1
    assert found["virtual_kubelet_provider_calls_total", "delete_pod", "NotFound"] == 1
    assert found["virtual_kubelet_provider_calls_total", "get_pods", "bug"] == 1
    assert found["virtual_kubelet_provider_call_duration_seconds_count", "create_pod", "ok"] == 1


def test_a_provider_that_is_counted_can_do_what_it_could_before() -> None:
    class Able(TinyProvider):
        colour = "green"

        async def ping(self) -> None: ...

        def notify_pods(self, notify: object) -> None: ...

    seen = counted(Able())
    assert isinstance(seen, Pingable)
    assert isinstance(seen, NotifiesPods)
    assert not isinstance(seen, Startable | HasContainerLogs)
    assert getattr(seen, "colour") == "green"  # noqa: B009
