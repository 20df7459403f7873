"""Many people at one node at once: followers of logs and commands that stay open, through the API server."""

from __future__ import annotations

import asyncio
import ssl
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import aiohttp

if TYPE_CHECKING:
    from scripts.control_plane.cluster import ControlPlane

SECONDS = 60.0
OUTPUT = 1
"""The channel of standard output in Kubernetes' WebSocket protocols."""


@dataclass(frozen=True)
class Crowd:
    """What came of it; seconds."""

    followers: int
    commands: int
    served_within: float
    status_within: float


async def measure_crowd(
    plane: ControlPlane, namespace: str, pod: str, *, node: str, followers: int, commands: int
) -> Crowd:
    """Open everything at once, wait until each has got something, and see how long a new pod then takes to run.

    Raises:
        TimeoutError: somebody was not served.
    """
    tls = ssl.create_default_context(cafile=str(plane.authority.certificate_file))
    certificate = plane.layout.pki / "user-kubernetes-admin.crt"
    tls.load_cert_chain(certificate, certificate.with_suffix(".key"))
    base = f"{plane.url}/api/v1/namespaces/{namespace}/pods"
    served: asyncio.Queue[None] = asyncio.Queue()
    connector = aiohttp.TCPConnector(ssl=tls, limit=0)
    timeout = aiohttp.ClientTimeout(total=None, sock_read=SECONDS)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        begun = time.perf_counter()
        people = [asyncio.create_task(_follow(session, f"{base}/{pod}", served)) for _ in range(followers)]
        people += [asyncio.create_task(_command(session, f"{base}/{pod}", served)) for _ in range(commands)]
        try:
            async with asyncio.timeout(SECONDS):
                for _ in people:
                    await served.get()
                served_within = time.perf_counter() - begun
                status_within = await _start_pod(session, base, node)
        finally:
            failed = [task.exception() for task in people if task.done() and not task.cancelled()]
            for task in people:
                task.cancel()
            await asyncio.gather(*people, return_exceptions=True)
        if failed:
            raise RuntimeError(f"{len(failed)} of {len(people)} ended early, the first with {failed[0]!r}")
    return Crowd(followers, commands, served_within, status_within)


async def _follow(session: aiohttp.ClientSession, pod: str, served: asyncio.Queue[None]) -> None:
    async with session.get(f"{pod}/log?follow=true&tailLines=1") as response:
        response.raise_for_status()
        await response.content.readany()
        served.put_nowait(None)
        while await response.content.readany():
            pass


async def _command(session: aiohttp.ClientSession, pod: str, served: asyncio.Queue[None]) -> None:
    query = "command=sh&command=-c&command=echo+here%3Bexec+sleep+1000&stdout=true"
    async with session.ws_connect(
        f"{pod}/exec?{query}", protocols=("v5.channel.k8s.io", "v4.channel.k8s.io")
    ) as socket:
        async for message in socket:
            if message.data[:1] == bytes([OUTPUT]) and len(message.data) > 1:
                served.put_nowait(None)


async def _start_pod(session: aiohttp.ClientSession, base: str, node: str) -> float:
    """Seconds from the creation of a pod until the API server shows it Running."""
    spec = {"nodeName": node, "containers": [{"name": "main", "image": "local", "command": ["sleep", "1000"]}]}
    begun = time.perf_counter()
    async with session.post(base, json={"metadata": {"name": "late"}, "spec": spec}) as response:
        response.raise_for_status()
        version = (await response.json())["metadata"]["resourceVersion"]
    query = f"watch=true&fieldSelector=metadata.name%3Dlate&resourceVersion={version}"
    async with session.get(f"{base}?{query}") as response:
        async for line in response.content:
            if b'"phase":"Running"' in line:
                return time.perf_counter() - begun
    raise RuntimeError("the watch ended before the pod was Running")
