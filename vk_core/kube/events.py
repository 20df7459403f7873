"""Kubernetes events: what happened to an object, told to the cluster without ever holding up anything else.

Repeats of the same event are counted in one object, as client-go's recorder does; each object may have 25 events at
once and one more every five minutes; all together stay at half of kubelet's own rate (`eventRecordQPS` 50, burst 100),
and wait while more important writes are pending.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from vk_core.aio.ratelimit import TokenBucket
from vk_core.api.meta import ObjectReference, Time, utc_now
from vk_core.kube.client import KubeClient
from vk_core.kube.errors import ApiError, ApiUnavailable, ObjectNotFound
from vk_core.kube.resources import EVENTS

EVENTS_PER_SECOND = 25.0
EVENTS_BURST = 100
TOGETHER = 25
"""Events sent at once when many are waiting."""
OBJECT_BURST = 25
OBJECT_PER_SECOND = 1 / 300
REMEMBERED = 4096
"""How many recent events and objects are remembered for counting repeats and limiting rates."""
PENDING = 50_000
"""More events than this waiting to be sent are dropped, the oldest first, and said so."""
YIELD_SECONDS = 0.25
MOST_YIELDS = 20
MESSAGE_LIMIT = 1024
DEFAULT_NAMESPACE = "default"
"""Where events about nodes live, as those of kubelet."""

log = logging.getLogger("virtual_kubelet.events")


class Key(NamedTuple):
    """What makes two events the same."""

    uid: str
    field_path: str
    reason: str
    message: str


class Note(msgspec.Struct, gc=False):
    """An event that waits to be sent; small, because ten thousand pods leave as many of them."""

    about: ObjectReference
    warning: bool
    first: Time
    moment: int
    count: int = 1


class Recorded(NamedTuple):
    """An event that the server has: its name and how often it happened."""

    name: str
    total: int


class EventRecorder:
    """Takes events at once and sends them in the background.

    Args:
        client: where to send.
        component: who reports, such as `virtual-kubelet/pod-controller`.
        host: the node's name.

    Attributes:
        busy: whether more important writes are waiting; then events hold back for up to five seconds each.
    """

    def __init__(self, client: KubeClient, *, component: str, host: str) -> None:
        self.busy: Callable[[], bool] = lambda: False
        self._client = client
        self._component = component
        self._host = host
        self._pending: OrderedDict[Key, Note] = OrderedDict()
        self._sent: OrderedDict[Key, Recorded] = OrderedDict()
        self._budgets: OrderedDict[str, TokenBucket] = OrderedDict()
        self._rate = TokenBucket(EVENTS_PER_SECOND, EVENTS_BURST)
        self._wake = asyncio.Event()
        self._dropped = 0
        self._last_moment = 0

    def record(self, about: ObjectReference, reason: str, message: str, *, warning: bool = False) -> None:
        """Have an event sent about an object; returns at once and never raises."""
        key = Key(about.uid, about.field_path, reason, message)
        pending = self._pending.get(key)
        if pending is not None:
            pending.count += 1
            return
        if key not in self._sent and not self._budget(about.uid).take():
            log.debug("too many events about %s/%s, left out: %s", about.namespace, about.name, reason)
            return
        if len(self._pending) >= PENDING:
            self._pending.popitem(last=False)
            self._dropped += 1
            if self._dropped == 1:
                log.warning("more than %d events wait to be sent; the oldest are dropped", PENDING)
        self._pending[key] = Note(about, warning, utc_now(), self._moment())
        self._wake.set()

    async def run(self) -> None:
        """Send events until cancelled."""
        while True:
            await self._wake.wait()
            while self._pending:
                await self._yield()
                await self._send_some()
            self._wake.clear()

    async def _send_some(self) -> None:
        """Send several at once: waking up for each by itself would cost a multiple."""
        await self._rate.wait(min(len(self._pending), TOGETHER))
        stories: dict[str, list[tuple[Key, Note]]] = {}
        for _ in range(min(len(self._pending), TOGETHER)):
            key, note = self._pending.popitem(last=False)
            stories.setdefault(key.uid, []).append((key, note))
        await asyncio.gather(*(self._tell(story) for story in stories.values()))

    async def _tell(self, story: list[tuple[Key, Note]]) -> None:
        """Send what happened to one object in the order in which it did."""
        for key, note in story:
            await self._send(key, note)

    async def flush(self) -> None:
        """Send what is waiting, regardless of rates; bounded by whoever awaits it."""
        while self._pending:
            await self._send(*self._pending.popitem(last=False))

    async def _yield(self) -> None:
        for _ in range(MOST_YIELDS):
            if not self.busy():
                return
            await asyncio.sleep(YIELD_SECONDS)

    async def _send(self, key: Key, note: Note) -> None:
        known = self._sent.get(key)
        try:
            if known is None:
                await self._create(key, note)
            else:
                await self._repeat(key, known, note)
        except ApiUnavailable:
            newer = self._pending.get(key)
            note.count += newer.count if newer is not None else 0
            self._pending[key] = note
            self._pending.move_to_end(key, last=False)
            await asyncio.sleep(1.0)
        except ApiError as error:
            # Usually the namespace is on its way out; an event is never worth more than this line.
            log.debug("event %s about %s left out: %s", key.reason, note.about.name, error)

    async def _create(self, key: Key, note: Note) -> None:
        event = self._event(key, note)
        metadata = event["metadata"]
        await self._client.create_unread(EVENTS, event, namespace=metadata["namespace"])
        self._remember(key, Recorded(metadata["name"], note.count))

    async def _repeat(self, key: Key, known: Recorded, note: Note) -> None:
        total = known.total + note.count
        patch = {"count": total, "lastTimestamp": utc_now()}
        try:
            await self._client.patch(EVENTS, known.name, patch, namespace=note.about.namespace or DEFAULT_NAMESPACE)
            self._remember(key, Recorded(known.name, total))
        except ObjectNotFound:  # it has outlived its hour
            await self._create(key, note)

    def _remember(self, key: Key, recorded: Recorded) -> None:
        self._sent[key] = recorded
        self._sent.move_to_end(key)
        if len(self._sent) > REMEMBERED:
            self._sent.popitem(last=False)

    def _budget(self, uid: str) -> TokenBucket:
        budget = self._budgets.get(uid)
        if budget is None:
            budget = self._budgets[uid] = TokenBucket(OBJECT_PER_SECOND, OBJECT_BURST)
            if len(self._budgets) > REMEMBERED:
                self._budgets.popitem(last=False)
        else:
            self._budgets.move_to_end(uid)
        return budget

    def _moment(self) -> int:
        """A number for the event's name that is never used twice; a list of events is then in the order of time."""
        self._last_moment = max(self._last_moment + 1, time.time_ns())
        return self._last_moment

    def _event(self, key: Key, note: Note) -> dict[str, Any]:
        about = note.about
        return {
            "metadata": {
                "name": f"{about.name}.{note.moment:x}",
                "namespace": about.namespace or DEFAULT_NAMESPACE,
            },
            "involvedObject": about,
            "reason": key.reason,
            "message": key.message[:MESSAGE_LIMIT],
            "source": {"component": self._component, "host": self._host},
            "firstTimestamp": note.first,
            "lastTimestamp": note.first,
            "count": note.count,
            "type": "Warning" if note.warning else "Normal",
            "reportingComponent": self._component,
            "reportingInstance": self._host,
        }
