"""`/metrics`: our own metrics; and pages that are valid and empty, where a kubelet has metrics that we cannot have."""

from __future__ import annotations

from aiohttp import hdrs, web

from vk_core.kubelet.refusal import Handler
from vk_core.telemetry import metrics

HEADERS = {hdrs.CONTENT_TYPE: metrics.CONTENT_TYPE}


def metrics_handler() -> Handler:
    """Answers the metrics of this process."""

    async def handle(_request: web.Request) -> web.StreamResponse:
        return web.Response(body=metrics.exposition(), headers=HEADERS)

    return handle


def no_metrics_handler(why: str) -> Handler:
    """Answers a page without metrics, so that a scrape of it does not count as a node that is down."""

    async def handle(_request: web.Request) -> web.StreamResponse:
        return web.Response(body=f"# {why}\n".encode(), headers=HEADERS)

    return handle
