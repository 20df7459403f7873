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

from vk_core.aio.backoff import Backoff
from vk_core.api.meta import ObjectMeta
from vk_core.kube.client import KubeClient
from vk_core.kube.errors import ApiError, ApiUnavailable, ResourceExpired
from vk_core.kube.resources import Resource
from vk_core.kube.watch import Bookmark, Watch


class HasMetadata(Protocol):
    """An object of the API."""

    @property
    def metadata(self) -> ObjectMeta:
        """Its metadata."""
        ...


Object = TypeVar("Object", bound=HasMetadata)

Changed = Callable[[Object | None, Object | None], None]
"""Takes the object before and after: (None, new), (old, new) or, when it is gone, (last, None). Must be quick."""

RECONNECT = Backoff(first_seconds=0.2, limit_seconds=15.0, jitter=0.5)
SHORT_SECONDS = 1.0
"""A watch that ends sooner than this after it began counts towards slowing down."""

log = logging.getLogger("virtual_kubelet.kube")


class Informer(Generic[Object]):
    """Follows one resource and keeps what it has seen in `objects`, by UID.

    Args:
        client: the API server.
        resource: what to follow.
        changed: told about every change.
        namespace: the only one to look into; empty for all.
        field_selector: which objects, by fields.
        label_selector: which objects, by labels.
        share: makes a new state of an object from the old one and what came, keeping the parts that are equal in
            memory once.
    """

    def __init__(
        self,
        client: KubeClient,
        resource: Resource[Object],
        changed: Changed[Object],
        *,
        namespace: str = "",
        field_selector: str = "",
        label_selector: str = "",
        share: Callable[[Object, Object], Object] = lambda _old, new: new,
    ) -> None:
        self.objects: dict[str, Object] = {}
        self.synced = asyncio.Event()
        self.restarts = 0
        self._client = client
        self._resource = resource
        self._changed = changed
        self._share = share
        self._where: dict[str, str] = {
            "namespace": namespace,
            "field_selector": field_selector,
            "label_selector": label_selector,
        }
        self._watch: Watch[Object] = Watch(client.transport, resource, **self._where)
        self._version = ""
        self._failures = 0
        self._short = 0

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

    async def _pace(self, lasted_seconds: float) -> None:
        """Once is nothing, but a server that ends every watch as soon as it begins must not be stormed."""
        self._short = self._short + 1 if lasted_seconds < SHORT_SECONDS else 0
        if self._short > 1:
            await asyncio.sleep(RECONNECT.delay_seconds(self._short - 1))

    async def _wait(self, error: ApiError) -> None:
        self._failures += 1
        delay = error.retry_after_seconds or RECONNECT.delay_seconds(self._failures)
        # One line when the trouble begins; after that only what is not mere absence.
        if self._failures == 1 or not isinstance(error, ApiUnavailable):
            log.warning("%s; trying again until it works", error)
        await asyncio.sleep(delay)

    async def _list(self) -> None:
        seen: dict[str, Object] = {}
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
        if self._failures:
            log.info("following %s again", self._resource.plural)
        self._failures = 0

    def _put(self, uid: str, new: Any) -> None:
        old = self.objects.pop(uid, None) if new is None else self.objects.get(uid)
        if new is not None:
            if old is not None:
                new = self._share(old, new)
            self.objects[uid] = new
        if old is not None or new is not None:
            self._changed(old, new)
