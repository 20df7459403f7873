"""The config maps and secrets that pods of this node refer to: read and watched one by one, by name.

That is what the Node authorizer allows, and it keeps what is nobody's business here out of this process. What was seen
last stays when the API server is away; an object that is known to be deleted is absent.
"""

from __future__ import annotations

import contextlib
import functools
import logging
from collections.abc import Callable, Collection

from vk_core.kube.client import KubeClient
from vk_core.kube.errors import ApiError, ApiUnavailable
from vk_core.kube.informer import Informer
from vk_core.materials.objects import Absent, KeyedObject, Ref, Unreadable
from vk_core.materials.sources.contents import RESOURCES, Content, Kept, kept, same_content
from vk_core.materials.sources.following import Followed, Following

Known = KeyedObject | Absent | Unreadable

log = logging.getLogger("virtual_kubelet.materials")


class ObjectStore:
    """Fetches and follows objects while pods refer to them; immutable ones are only read.

    Args:
        client: the API server.
        changed: told on the event loop, at the first read and whenever something is different, which object it is and
            the UIDs of the pods that refer to it.
    """

    def __init__(self, client: KubeClient, *, changed: Callable[[Ref, frozenset[str]], None]) -> None:
        self._client = client
        self._changed = changed
        self._refused: set[tuple[str, str]] = set()
        self._objects: Following[Ref, Known] = Following(
            self._follow,
            initial=lambda ref: Unreadable(ref, f"{_what(ref)} has not been read yet"),
            label=lambda ref: RESOURCES[ref.kind].plural,
        )

    @property
    def watches(self) -> int:
        """How many objects are followed now."""
        return self._objects.watches

    def hold(self, uid: str, refs: Collection[Ref]) -> None:
        """Have a pod refer to exactly these objects from now on; those that nobody else refers to are fetched at once.

        Args:
            uid: UID of the pod.
            refs: the objects.
        """
        self._objects.hold(uid, refs)

    def release(self, uid: str) -> None:
        """Forget a pod, and at once what nobody else refers to."""
        self._objects.release(uid)

    async def ready(self, refs: Collection[Ref]) -> None:
        """Wait until each object was read, or could not be for a moment; those that no pod refers to are left out."""
        await self._objects.ready(refs)

    def lookup(self, ref: Ref) -> KeyedObject | Absent | Unreadable:
        """What is known about an object right now."""
        item = self._objects.get(ref)
        return item.state if item is not None else Unreadable(ref, f"no pod of this node refers to {_what(ref)}")

    async def run(self) -> None:
        """Follow objects until cancelled."""
        await self._objects.run()

    async def _follow(self, item: Followed[Ref, Known]) -> None:
        ref = item.key

        def listed() -> None:
            if not informer.objects:
                self._put(item, Absent(ref))
            self._refused.discard((ref.kind, ref.namespace))
            item.settle()

        def seen(_: Kept | None, new: Kept | None) -> None:
            self._put(item, Absent(ref) if new is None else new.object)
            if new is not None and new.object.immutable:
                item.settle()
                raise _ReadForGood

        informer: Informer[Content, Kept] = Informer(
            self._client,
            RESOURCES[ref.kind],
            seen,
            namespace=ref.namespace,
            field_selector=f"metadata.name={ref.name}",
            merge=functools.partial(kept, ref),
            listed=listed,
            failed=functools.partial(self._failed, item),
        )
        with contextlib.suppress(_ReadForGood):
            await informer.run()

    def _put(self, item: Followed[Ref, Known], state: Known) -> None:
        old, item.state = item.state, state
        if isinstance(old, KeyedObject) and isinstance(state, KeyedObject) and same_content(old, state):
            return
        if old != state and item.holders:
            self._changed(item.key, frozenset(item.holders))

    def _failed(self, item: Followed[Ref, Known], error: ApiError) -> None:
        log.debug("%s: %s", _what(item.key), error)
        if item.patient():
            return
        kind_and_place = item.key.kind, item.key.namespace
        # One line for all objects of a sort: their pods have events. Of an API server that is away others tell.
        if not isinstance(error, ApiUnavailable) and kind_and_place not in self._refused:
            self._refused.add(kind_and_place)
            log.warning("cannot follow %s: %s; trying again until it works", _what(item.key), error)
        if isinstance(item.state, Unreadable):
            self._put(item, Unreadable(item.key, str(error)))
        item.settle()


class _ReadForGood(Exception):
    """What was read will not change."""


def _what(ref: Ref) -> str:
    return f"{ref.kind.lower()} {ref.namespace}/{ref.name}"
