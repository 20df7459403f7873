"""`/pods` and `/runningpods/`: the pods of the node, as the API server knows them.

Fields that the API requires are there also when they are empty, since those who read them need not know our defaults.

What a provider has is never shown: there references to secrets may have been replaced by what they refer to.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import msgspec
from aiohttp import web

from vk_core.api.container import Container
from vk_core.api.meta import ObjectMeta
from vk_core.api.pod import Pod, PodSpec
from vk_core.api.podstatus import ContainerStatus
from vk_core.kubelet.backend import KubeletBackend
from vk_core.kubelet.refusal import Handler

PODS_AT_ONCE = 200
"""So many are written before others get their turn."""

REQUIRED_OF_STATUS: dict[str, Any] = {"name": "", "ready": False, "restartCount": 0, "image": "", "imageID": ""}
"""`ContainerStatus`: the fields without `omitempty`, of which clients may think that they are always there."""

STATUSES = ("containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses")

_BEGIN = b'{"kind":"PodList","apiVersion":"v1","metadata":{},"items":['
_END = b"]}\n"


def pods_handler(backend: KubeletBackend) -> Handler:
    """Answers all pods that are bound to the node."""

    async def handle(request: web.Request) -> web.StreamResponse:
        return await _answer(request, iter(list(backend.pods())))

    return handle


def running_pods_handler(backend: KubeletBackend) -> Handler:
    """Answers what runs now: names, UIDs and the images of running containers, nothing else, as kubelet does."""

    async def handle(request: web.Request) -> web.StreamResponse:
        return await _answer(
            request, (shown for pod in list(backend.pods()) if (shown := running_part(pod)) is not None)
        )

    return handle


def running_part(pod: Pod) -> Pod | None:
    """What of a pod runs; None when nothing does."""
    containers = tuple(
        Container(name=status.name, image=status.image) for status in _statuses(pod) if status.state.running is not None
    )
    if not containers:
        return None
    known = pod.metadata
    return Pod(
        metadata=ObjectMeta(name=known.name, namespace=known.namespace, uid=known.uid),
        spec=PodSpec(containers=containers),
    )


def complete(pod: Pod) -> dict[str, Any]:
    """The pod as JSON with the required fields of its containers' statuses."""
    shown: dict[str, Any] = msgspec.to_builtins(pod)
    status = shown.get("status", {})
    for name in STATUSES:
        if name in status:
            status[name] = [REQUIRED_OF_STATUS | one for one in status[name]]
    return shown


def _statuses(pod: Pod) -> Iterator[ContainerStatus]:
    status = pod.status
    yield from status.container_statuses
    yield from status.init_container_statuses
    yield from status.ephemeral_container_statuses


async def _answer(request: web.Request, pods: Iterator[Pod]) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(request)
    encode = msgspec.json.encode
    text = _BEGIN
    while batch := [encode(complete(pod)) for _, pod in zip(range(PODS_AT_ONCE), pods, strict=False)]:
        await response.write(text + b",".join(batch))
        text = b","
        await asyncio.sleep(0)
    await response.write_eof(_END if text == b"," else _BEGIN + _END)
    return response
