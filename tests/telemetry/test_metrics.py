"""Our own metrics: what happens is counted, under the names that the reference lists."""

from __future__ import annotations

import pytest

from tests.support.cluster import FakeCluster
from tests.support.metrics import growth
from tests.support.providers import TinyProvider, controlling, phase
from vk_core.aio.keyedqueue import KeyedQueue
from vk_core.errors import Unavailable
from vk_core.kube.errors import ApiUnavailable, ObjectNotFound
from vk_core.kube.resources import NODES
from vk_core.telemetry import metrics
from vk_core.testing import make_pod, virtual_time


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
