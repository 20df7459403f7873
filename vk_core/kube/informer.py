"""A cache of one kind of object that follows the API server and tells about every change, deletions included.

It never ends by itself: it continues where it was after a broken connection, and lists again when the server has
forgotten that point. An object that went away while nobody watched is reported as deleted with its last known state,
and one re-created under the same name as a deletion and an addition, because objects are known by UID.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar

import msgspec

from vk_core.aio.backoff import Backoff
from vk_core.api.meta import ObjectMeta
from vk_core.kube.client import KubeClient
from vk_core.kube.errors import ApiError, ApiUnavailable, ResourceExpired
from vk_core.kube.resources import Resource
from vk_core.kube.watch import Bookmark, Watch
from vk_core.telemetry.metrics import WATCH_RESTARTS


class HasMetadata(Protocol):
    """An object of the API."""

    @property
    def metadata(self) -> ObjectMeta:
        """Its metadata."""
        ...


Object = TypeVar("Object", bound=HasMetadata)
Seen = TypeVar("Seen", bound=HasMetadata)

Changed = Callable[[Object | None, Object | None], None]
"""Takes the object before and after: (None, new), (old, new) or, when it is gone, (last, None). Must be quick."""

RECONNECT = Backoff(first_seconds=0.2, limit_seconds=15.0, jitter=0.5)
SHORT_SECONDS = 1.0
"""A watch that ends sooner than this after it began counts towards slowing down."""

log = logging.getLogger("virtual_kubelet.kube")


class Informer(Generic[Seen, Object]):
    """Follows one resource and keeps what it has seen in `objects`, by UID.

    Args:
        client: the API server.
        resource: what to follow.
        changed: told about every change.
        namespace: the only one to look into; empty for all.
        field_selector: which objects, by fields.
        label_selector: which objects, by labels.
        busy: whether changes come so often that a connection of its own pays off.
        merge: makes the new state of an object from the old one and what came, so that what has not changed need
            not be read again and is in memory once; a ValidationError leaves the object out. Without, what came is
            the object.
        listed: told after each list, when `objects` has everything that there is, if that be nothing.
        failed: told about every error in place of a line in the log, before the next try; what it raises ends `run`.
    """

    def __init__(
        self,
        client: KubeClient,
        resource: Resource[Seen],
        changed: Changed[Object],
        *,
        namespace: str = "",
        field_selector: str = "",
        label_selector: str = "",
        busy: bool = False,
        merge: Callable[[Object | None, Seen], Object] | None = None,
        listed: Callable[[], None] | None = None,
        failed: Callable[[ApiError], None] | None = None,
    ) -> None:
        self.objects: dict[str, Object] = {}
        self.synced = asyncio.Event()
        self.restarts = 0
        self._client = client
        self._resource = resource
        self._changed = changed
        self._merge = merge
        self._listed = listed
        self._failed = failed
        self._where: dict[str, str] = {
            "namespace": namespace,
            "field_selector": field_selector,
            "label_selector": label_selector,
        }
        self._watch: Watch[Seen] = Watch(client.transport, resource, busy=busy, **self._where)
        self._version = ""
        self._failures = 0
        self._short = 0
        self._count_restart = WATCH_RESTARTS.labels(resource.plural).inc

    async def run(self) -> None:
        """Follow until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            try:
                if not self._version:
                    await self._list()
                await self._follow()
                await self._pace(loop.time() - began)
            except ResourceExpired:
                log.debug("%s: too old to continue, listing again", self._resource.plural)
                self._version = ""
                await self._pace(loop.time() - began)
            except ApiError as error:
                await self._wait(error)
            self.restarts += 1
            self._count_restart()

    async def _pace(self, lasted_seconds: float) -> None:
        """Once is nothing, but a server that ends every watch as soon as it begins must not be stormed."""
        self._short = self._short + 1 if lasted_seconds < SHORT_SECONDS else 0
        if self._short > 1:
            await asyncio.sleep(RECONNECT.delay_seconds(self._short - 1))

    async def _wait(self, error: ApiError) -> None:
        self._failures += 1
        delay = error.retry_after_seconds or RECONNECT.delay_seconds(self._failures)
        # One line when the trouble begins; after that only what is not mere absence.
        if self._failed is not None:
            self._failed(error)
        elif self._failures == 1 or not isinstance(error, ApiUnavailable):
            log.warning("%s; trying again until it works", error)
        await asyncio.sleep(delay)

    async def _list(self) -> None:
        seen: dict[str, Seen] = {}
        version = ""
        async for metadata, items in self._client.pages(self._resource, **self._where):
            version = metadata.resource_version
            for item in items:
                seen[item.metadata.uid] = item
        self._recovered()
        for uid in [uid for uid in self.objects if uid not in seen]:
            self._put(uid, None)
        for uid, item in seen.items():
            known = self.objects.get(uid)
            if known is None or known.metadata.resource_version != item.metadata.resource_version:
                self._put(uid, item)
        self._version = version
        self.synced.set()
        if self._listed is not None:
            self._listed()

    async def _follow(self) -> None:
        async for event in self._watch.changes(self._version):
            self._recovered()
            if isinstance(event, Bookmark):
                self._version = event.resource_version
                continue
            metadata = event.object.metadata
            self._version = metadata.resource_version
            self._put(metadata.uid, None if event.type == "DELETED" else event.object)

    def _recovered(self) -> None:
        if self._failures and self._failed is None:
            log.info("following %s again", self._resource.plural)
        self._failures = 0

    def _put(self, uid: str, seen: Seen | None) -> None:
        if seen is None:
            old, new = self.objects.pop(uid, None), None
        else:
            old = self.objects.get(uid)
            new = self._merged(old, seen)
            if new is None:
                return
            self.objects[uid] = new
        if old is not None or new is not None:
            self._changed(old, new)

    def _merged(self, old: Object | None, seen: Any) -> Object | None:
        if self._merge is None:
            unchanged: Object = seen
            return unchanged
        try:
            return self._merge(old, seen)
        except msgspec.ValidationError as error:
            kind, name = self._resource.kind, seen.metadata.name
            log.warning("cannot understand %s %s, it is left out: %s", kind, name, error)
            return None
