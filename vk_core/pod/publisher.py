"""Tells the API server what has become of a pod: its status, and when it has ended, that it can be removed.

At most one write per pod is under way, always with the newest knowledge, never more than needed. Every write is bound
to the UID, so that it cannot reach another pod of the same name.
"""

from __future__ import annotations

from collections.abc import Callable

from vk_core.api.meta import Time, utc_now
from vk_core.kube.client import KubeClient
from vk_core.kube.errors import ObjectConflict, ObjectNotFound
from vk_core.kube.resources import PODS
from vk_core.pod.book import PodBook
from vk_core.pod.decide import is_static, may_remove
from vk_core.pod.diff import diff_status
from vk_core.pod.record import PodRecord
from vk_core.pod.status import NodeFacts, build_status


class PodPublisher:
    """Writes statuses and final deletions.

    Args:
        client: the API server.
        book: the records.
        facts: what statuses say about the node.
        now: the wall clock.
    """

    def __init__(
        self,
        client: KubeClient,
        book: PodBook,
        *,
        facts: Callable[[], NodeFacts],
        now: Callable[[], Time] = utc_now,
    ) -> None:
        self._client = client
        self._book = book
        self._facts = facts
        self._now = now

    async def publish(self, uid: str) -> float | None:
        """Write what the API server does not know yet about a pod."""
        record = self._book.get(uid)
        if record is None or not record.wanted or record.removed:
            return None
        try:
            if not is_static(record.pod):
                await self._write_newest(record)
            if may_remove(record):
                await self._remove(record)
        except (ObjectNotFound, ObjectConflict):
            # Gone, or another pod of the same name: the watch will say so, and there is nothing left to tell.
            return None
        return None

    async def _write_newest(self, record: PodRecord) -> None:
        """Write the status, and again what became known meanwhile: a pod must not be removed before its end is told."""
        while True:
            told = (record.actual, record.verdict, record.trouble, record.missing, record.present)
            await self._write_status(record)
            if told == (record.actual, record.verdict, record.trouble, record.missing, record.present):
                return

    async def _write_status(self, record: PodRecord) -> None:
        wanted = build_status(record, self._facts(), self._now())
        if wanted is None:
            return
        patch = diff_status(record.known_status, wanted)
        if not patch:
            return
        body = {"metadata": {"uid": record.pod.metadata.uid}, "status": patch}
        metadata = record.pod.metadata
        answer = await self._client.patch(PODS, metadata.name, body, namespace=metadata.namespace, subresource="status")
        record.written = wanted
        record.written_version = answer.metadata.resource_version

    async def _remove(self, record: PodRecord) -> None:
        metadata = record.pod.metadata
        await self._client.delete(
            PODS, metadata.name, namespace=metadata.namespace, uid=metadata.uid, grace_period_seconds=0
        )
        record.removed = True
