"""`/stats/summary`: what the node and its pods use, in kubelet's form (`stats.k8s.io/v1alpha1`)."""

from __future__ import annotations

import msgspec
from aiohttp import web
from msgspec.structs import replace

from vk_core.api.stats import ContainerStats, PodStats, Summary
from vk_core.kubelet.backend import KubeletBackend
from vk_core.kubelet.refusal import Handler
from vk_core.provider.capabilities import HasStats


def summary_handler(backend: KubeletBackend) -> Handler:
    """Answers what the provider knows; with `?only_cpu_and_memory=true` nothing else."""

    async def handle(request: web.Request) -> web.StreamResponse:
        provider = backend.provider
        if not isinstance(provider, HasStats):
            raise backend.unsupported("say what its pods use")
        summary = await provider.get_stats_summary()
        if request.query.get("only_cpu_and_memory", "").lower() in {"true", "1", "t"}:
            summary = only_cpu_and_memory(summary)
        # Both are always there, however little is known.
        body = msgspec.json.encode({"node": summary.node, "pods": summary.pods})
        return web.Response(body=body, content_type="application/json")

    return handle


def only_cpu_and_memory(summary: Summary) -> Summary:
    """The summary without networks and file systems."""
    return replace(
        summary,
        node=replace(summary.node, network=None, fs=None),
        pods=tuple(map(_pod, summary.pods)),
    )


def _pod(pod: PodStats) -> PodStats:
    containers = tuple(map(_container, pod.containers))
    return replace(pod, network=None, ephemeral_storage=None, containers=containers)


def _container(container: ContainerStats) -> ContainerStats:
    return replace(container, rootfs=None, logs=None)
