"""`NodeMetrics` and `PodMetrics` (metrics.k8s.io/v1beta1), as metrics-server makes them."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any

from vk_core.devcluster.listing import selects
from vk_core.devcluster.requests import Target, parse_list_options
from vk_core.devcluster.resources import NODE_METRICS, NODES, POD_METRICS, PODS, Resource
from vk_core.devcluster.statuses import StatusError
from vk_core.devcluster.store import Object, Store, Stored
from vk_core.devcluster.usage.samples import Use, node_use, pod_use
from vk_core.devcluster.usage.scraper import Scraper, Span
from vk_core.devcluster.views import View

_LIST_VERSION = "0"
"""Measurements have no resource version of their own."""


class Usage:
    """Answers what nodes and pods use.

    Args:
        store: the nodes and pods.
        fetch: returns the text that a node's kubelet has at `/metrics/resource`.
    """

    def __init__(self, store: Store, fetch: Callable[[str], Awaitable[str]]) -> None:
        self._store = store
        self._scraper = Scraper(lambda: [node.metadata["name"] for node in store.items(NODES)], fetch)

    async def close(self) -> None:
        """Ends asking kubelets."""
        await self._scraper.close()

    async def handle(self, target: Target, view: View, query: Mapping[str, str]) -> bytes:
        """Answers a get or a list.

        Raises:
            StatusError: 404 for a node or pod that has not been measured.
        """
        options = parse_list_options(target, query)
        spans = await self._scraper.spans()
        reports = self._nodes(spans) if target.resource is NODE_METRICS else self._pods(spans, target.namespace)
        found = [report for report in map(_stored, reports) if selects(target, options, report)]
        if not target.name:
            return view.many(found, {"resourceVersion": _LIST_VERSION})
        if not found:
            raise _not_measured(target)
        return view.one(found[0])

    def _nodes(self, spans: Mapping[str, Span]) -> Iterator[Object]:
        for node in self._store.items(NODES):
            span = spans.get(node.metadata["name"])
            use = node_use(*span) if span is not None else None
            if use is not None:
                yield {**_head(NODE_METRICS, node, use), "usage": _quantities(use)}

    def _pods(self, spans: Mapping[str, Span], namespace: str) -> Iterator[Object]:
        for pod in self._store.items(PODS, namespace or None):
            span = spans.get(pod.object["spec"].get("nodeName", ""))
            if span is None:
                continue
            uses = pod_use(*span, pod.metadata["namespace"], pod.metadata["name"])
            if uses:
                containers = [{"name": name, "usage": _quantities(use)} for name, use in sorted(uses.items())]
                newest = max(uses.values(), key=lambda use: use.time)
                yield {**_head(POD_METRICS, pod, newest), "containers": containers}


def _head(resource: Resource, object: Stored, use: Use) -> Object:
    metadata: dict[str, Any] = {
        name: object.metadata[name] for name in ("name", "namespace", "labels") if name in object.metadata
    }
    time = dt.datetime.fromtimestamp(use.time, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    now = dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "kind": resource.kind,
        "apiVersion": resource.api_version,
        "metadata": {**metadata, "creationTimestamp": now},
        "timestamp": time,
        "window": f"{round(use.window, 3):g}s",
    }


def _quantities(use: Use) -> dict[str, str]:
    """CPU in nanocores and memory in KiB, rounded up so that what is used is never nothing."""
    return {"cpu": f"{math.ceil(use.cores * 1e9)}n", "memory": f"{math.ceil(use.memory / 1024)}Ki"}


def _stored(object: Object) -> Stored:
    return Stored(object, 0)


def _not_measured(target: Target) -> StatusError:
    kind = target.resource.kind.lower()
    name = f"{target.namespace}/{target.name}" if target.namespace else target.name
    return StatusError(
        404,
        f'{kind}.metrics.k8s.io "{name}" not found',
        details={"name": name, "group": "metrics.k8s.io", "kind": kind},
    )
