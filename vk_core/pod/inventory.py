"""Compares, again and again, what the provider has with what the cluster wants.

Finds what no notification told: statuses of providers that do not notify, pods the provider has lost, and pods that
the cluster no longer knows. One `get_pods` per round, whatever the number of pods.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from vk_core.aio.backoff import Backoff
from vk_core.api.pod import Pod
from vk_core.errors import NotFound, VirtualKubeletError
from vk_core.pod.book import PodBook
from vk_core.pod.decide import Action, decide
from vk_core.pod.executor import PodExecutor
from vk_core.pod.phase import is_finished
from vk_core.pod.record import PodRecord
from vk_core.provider.protocol import OWNER_ANNOTATION, Provider

POLL_SECONDS = 5.0
"""Between two rounds for a provider that does not notify, as in Virtual Kubelet."""

POLL_SOON_SECONDS = 1.0
"""The same while pods are on their way up or down."""

RETRY = Backoff(first_seconds=0.5, limit_seconds=30.0)

log = logging.getLogger("virtual_kubelet.pod")


class Inventory:
    """Rounds of comparison.

    Args:
        provider: who runs the pods.
        book: the records.
        executor: takes what is observed.
        owner: the mark of this node's pods.
        namespace: the only namespace to touch; empty for all.
        sync: has a pod looked at soon.
        period_seconds: between two rounds when the provider notifies by itself.
        polls: whether the provider must be polled because it does not.
    """

    def __init__(
        self,
        provider: Provider,
        book: PodBook,
        executor: PodExecutor,
        *,
        owner: str,
        namespace: str,
        sync: Callable[[str], None],
        period_seconds: float,
        polls: bool,
    ) -> None:
        self._provider = provider
        self._book = book
        self._executor = executor
        self._owner = owner
        self._namespace = namespace
        self._sync = sync
        self._period_seconds = period_seconds
        self._polls = polls
        self._asking_since: float | None = None

    async def take_first(self) -> None:
        """Learn what the provider has before anything is started; tries until it answers."""
        failures = 0
        while True:
            try:
                pods = await self._provider.get_pods()
            except VirtualKubeletError as error:
                failures += 1
                if failures == 1:
                    log.warning("the provider cannot say which pods it has: %s; nothing is started before", error)
                await asyncio.sleep(RETRY.delay_seconds(failures))
            else:
                self._book.find([pod for pod in pods if self._is_ours(pod)])
                return

    def sweep_unclaimed(self) -> None:
        """Have those removed that the provider had at the start and the cluster did not show."""
        for pod in self._book.unclaimed():
            self._remove_orphan(pod)

    @property
    def asking_seconds(self) -> float:
        """How long the round has taken that is under way; 0 between two. A provider that hangs shows here."""
        began = self._asking_since
        return asyncio.get_running_loop().time() - began if began is not None else 0.0

    async def run(self) -> None:
        """Compare until cancelled."""
        failures = 0
        while True:
            await self._pause()
            self._asking_since = asyncio.get_running_loop().time()
            try:
                await self.round()
                failures = 0
            except VirtualKubeletError as error:
                log.warning("comparing with the provider failed: %s", error)
            except Exception as error:  # a bug in the provider must not end the node; its traceback is shown once
                failures += 1
                log.warning("comparing with the provider failed: %r", error, exc_info=failures == 1)
            self._asking_since = None

    async def round(self) -> None:
        """Compare once."""
        self._book.tick += 1
        started = self._book.tick
        now_seconds = asyncio.get_running_loop().time()
        pods = {pod.metadata.uid: pod for pod in await self._provider.get_pods() if self._is_ours(pod)}
        for uid, pod in pods.items():
            record = self._book.get(uid)
            if record is None:
                self._remove_orphan(pod)
            elif not record.calling and record.touched < started:
                self._observe(uid, record, pod, now_seconds)
        for uid, record in self._book:
            if uid not in pods and record.present and not record.calling and record.touched < started:
                await self._missing(uid, record)

    def _observe(self, uid: str, record: PodRecord, pod: Pod, now_seconds: float) -> None:
        if record.actual != pod.status or not record.present:
            self._executor.observe(uid, pod.status)
        if now_seconds >= record.stop_due_seconds:
            record.stop_grace_seconds, record.overdue = None, True
        if record.deleting or decide(record).action is not Action.NOTHING:
            self._sync(uid)

    async def _missing(self, uid: str, record: PodRecord) -> None:
        """Believe that a pod is gone only when the provider says so about this very pod."""
        try:
            await self._provider.get_pod(record.key)
        except NotFound:
            record.present = False
            if record.actual is not None and not is_finished(record.actual) and not record.deleting:
                log.warning("%s: the provider no longer has this pod", record.key)
            self._sync(uid)

    def _remove_orphan(self, pod: Pod) -> None:
        uid = pod.metadata.uid
        log.info(
            "removing %s/%s (uid %s), which the cluster does not know", pod.metadata.namespace, pod.metadata.name, uid
        )
        self._book.open_orphan(pod)
        self._sync(uid)

    def _is_ours(self, pod: Pod) -> bool:
        if self._namespace and pod.metadata.namespace != self._namespace:
            return False
        return pod.metadata.annotations.get(OWNER_ANNOTATION) == self._owner

    async def _pause(self) -> None:
        """Sleep until the next round, which comes sooner when something begins to move meanwhile."""
        longest = POLL_SOON_SECONDS if self._polls else POLL_SECONDS
        waited = 0.0
        while (left := self._pause_seconds() - waited) > 0.0:
            step = min(left, longest)
            await asyncio.sleep(step)
            waited += step

    def _pause_seconds(self) -> float:
        if self._polls:
            return POLL_SOON_SECONDS if any(_is_moving(record) for _, record in self._book) else POLL_SECONDS
        # A pod that should have ended may be one that the provider no longer has and forgot to tell about.
        now_seconds = asyncio.get_running_loop().time()
        overdue = any(record.stop_due_seconds <= now_seconds and record.present for _, record in self._book)
        return min(POLL_SECONDS, self._period_seconds) if overdue else self._period_seconds


def _is_moving(record: PodRecord) -> bool:
    if not record.present:
        return False
    return record.deleting or not record.wanted or record.actual is None or record.actual.phase in {"", "Pending"}
