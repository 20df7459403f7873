"""The load: pods created and deleted over bare HTTP, and a watch that sees them become Running and go.

The same driver loads every contender. It does as little as it can: requests are bytes prepared beforehand, answers are
read for their status and, where the limit needs it, the UID.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
from typing import TYPE_CHECKING, Self

import aiohttp
import msgspec
from yarl import URL

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
    from pathlib import Path

    from scripts.control_plane.cluster import ControlPlane

IN_FLIGHT = 32
JSON = {"Content-Type": "application/json"}
STRATEGIC_MERGE = {"Content-Type": "application/strategic-merge-patch+json"}
NAMESPACE = "benchmark"
PHASE_SECONDS = 600.0

POD = """\
{"apiVersion":"v1","kind":"Pod","metadata":{"name":"%s","labels":{"app":"benchmark"}},"spec":{"nodeName":"%s",\
"containers":[{"name":"app","image":"registry.example/app:1","resources":{"requests":{"cpu":"1m","memory":"1Mi"}}}],\
"tolerations":[{"operator":"Exists"}]}}"""

DELETE_NOW = '{"kind":"DeleteOptions","apiVersion":"v1","gracePeriodSeconds":0,"preconditions":{"uid":"UID"}}'


class LoadError(Exception):
    """The API server refused a request of the load, or the pods did not become what they should in time."""


class _Metadata(msgspec.Struct, frozen=True):
    name: str = ""
    uid: str = ""
    resource_version: str = msgspec.field(default="", name="resourceVersion")


class _Status(msgspec.Struct, frozen=True):
    phase: str = ""


class _Pod(msgspec.Struct, frozen=True):
    metadata: _Metadata = _Metadata()
    status: _Status | str = _Status()  # a string in the Status object of an error event


class _Event(msgspec.Struct, frozen=True):
    type: str
    object: _Pod


_events = msgspec.json.Decoder(_Event)
_pods = msgspec.json.Decoder(_Pod)


class Load:
    """One session to the API server; use it as an asynchronous context manager.

    `pod` is the JSON of the pods that it makes, with two places for `%s`: the name and the node.
    """

    def __init__(self, plane: ControlPlane, *, pod: str = POD) -> None:
        self._pod = pod
        self._base = f"{plane.url}/api/v1/namespaces/{NAMESPACE}/pods"
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=_client_tls(plane), limit=0, keepalive_timeout=60),
            timeout=aiohttp.ClientTimeout(total=None),
            trust_env=False,
        )
        self.running: set[str] = set()
        self.gone: set[str] = set()
        self._changed = asyncio.Event()
        self._watching = asyncio.Event()

    async def __aenter__(self) -> Self:
        """Start to watch."""
        self._watch_task = asyncio.create_task(self._watch(), name="watch")
        await self._or_watch_failed(self._watching.wait())
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop watching and close all connections."""
        self._watch_task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._watch_task
        await self._session.close()

    async def create(self, names: list[str], node: str, created: Callable[[str, str], None] | None = None) -> None:
        """Create a pod of each name, bound to the node; `created` is told its name and UID."""
        url = URL(self._base, encoded=True)
        bodies = {name: (self._pod % (name, node)).encode() for name in names}

        async def one(name: str) -> None:
            answer = await self._send("POST", url, bodies[name], JSON)
            if created is not None:
                created(name, _pods.decode(answer).metadata.uid)

        await in_flight(names, one)

    async def delete(self, names: list[str], deleted: Callable[[str], None] | None = None) -> None:
        """Delete pods as `kubectl delete` does, with the grace period that they ask for."""

        async def one(name: str) -> None:
            await self._send("DELETE", self.pod_url(name), b"", JSON)
            if deleted is not None:
                deleted(name)

        await in_flight(names, one)

    async def patch_status(self, name: str, body: bytes) -> None:
        """Send one strategic-merge patch of a pod's status."""
        await self._send("PATCH", self.pod_url(name, "/status"), body, STRATEGIC_MERGE)

    async def delete_now(self, name: str, uid: str) -> None:
        """Send the last request of a pod's life: grace period 0, and only if it is still this one."""
        await self._send("DELETE", self.pod_url(name), DELETE_NOW.replace("UID", uid).encode(), JSON)

    def pod_url(self, name: str, subresource: str = "") -> URL:
        """The address of a pod."""
        return URL(f"{self._base}/{name}{subresource}", encoded=True)

    async def until_running(self, names: list[str]) -> None:
        """Wait until the watch has seen all of them Running."""
        await self._until(lambda: len(self.running) >= len(names), "Running", self.running)

    async def until_gone(self, names: list[str]) -> None:
        """Wait until the watch has seen all of them deleted."""
        await self._until(lambda: len(self.gone) >= len(names), "gone", self.gone)

    async def _until(self, done: Callable[[], bool], what: str, seen: set[str]) -> None:
        try:
            async with asyncio.timeout(PHASE_SECONDS):
                while not done():
                    self._changed.clear()
                    await self._or_watch_failed(self._changed.wait())
        except TimeoutError:
            raise LoadError(f"only {len(seen)} pods {what} after {PHASE_SECONDS:.0f} s") from None

    async def _or_watch_failed(self, waiting: Awaitable[object]) -> None:
        task = asyncio.ensure_future(waiting)
        await asyncio.wait({task, self._watch_task}, return_when=asyncio.FIRST_COMPLETED)
        if self._watch_task.done():
            task.cancel()
            self._watch_task.result()

    async def _send(self, method: str, url: URL, body: bytes, headers: dict[str, str]) -> bytes:
        async with self._session.request(method, url, data=body, headers=headers) as response:
            answer = await response.read()
            if response.status >= 400:  # noqa: PLR2004
                raise LoadError(f"{method} {url.path}: {response.status} {answer[:300].decode(errors='replace')}")
            return answer

    async def _watch(self) -> None:
        async with self._session.get(URL(f"{self._base}?limit=1", encoded=True)) as response:
            version = _pods.decode(await response.read()).metadata.resource_version
        while True:
            query = f"?watch=true&allowWatchBookmarks=true&timeoutSeconds=3600&resourceVersion={version}"
            async with self._session.get(URL(self._base + query, encoded=True)) as response:
                if response.status != 200:  # noqa: PLR2004
                    raise LoadError(f"watch: {response.status} {await response.text()}")
                self._watching.set()
                async for line in _lines(response):
                    version = self._note(line)

    def _note(self, line: bytes) -> str:
        event = _events.decode(line)
        metadata, status = event.object.metadata, event.object.status
        if event.type == "ERROR":
            raise LoadError(f"watch: {line[:300].decode(errors='replace')}")
        if event.type == "DELETED":
            self.gone.add(metadata.name)
            self._changed.set()
        elif isinstance(status, _Status) and status.phase == "Running" and metadata.name not in self.running:
            self.running.add(metadata.name)
            self._changed.set()
        return metadata.resource_version


async def in_flight(items: Iterable[str], one: Callable[[str], Awaitable[None]], limit: int = IN_FLIGHT) -> None:
    """Call `one` for every item with at most `limit` calls under way; the first error ends all."""
    waiting = iter(items)

    async def worker() -> None:
        for item in waiting:
            await one(item)

    async with asyncio.TaskGroup() as group:
        for _ in range(limit):
            group.create_task(worker())


class Stopwatch:
    """Seconds since it was made."""

    def __init__(self) -> None:
        self._start = time.perf_counter()

    def seconds(self) -> float:
        """How long it has run."""
        return time.perf_counter() - self._start


async def _lines(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    rest = b""
    async for chunk in response.content.iter_any():
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line


def _client_tls(plane: ControlPlane) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(plane.authority.certificate_file))
    certificate: Path = plane.authority.issue("user-benchmark-driver", "benchmark-driver", ("system:masters",))
    context.load_cert_chain(certificate, certificate.with_suffix(".key"))
    return context


def make_namespace(plane: ControlPlane) -> None:
    """Make the namespace of the load and wait until pods can be created in it."""
    plane.api.request("POST", "/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
    plane.api.wait_until(f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts", bool)
