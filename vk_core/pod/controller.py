"""Keeps the pods of one node: brings together the API server's wishes, the provider's reality and the two queues.

Two queues, because they must not wait for each other: one calls the provider, of which a slow one may keep a worker
for minutes, the other writes to the API server, which must go on meanwhile. Both are keyed by UID and handle what is
true when they get to it.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from typing import Protocol

from msgspec.structs import replace

from vk_core.aio.keyedqueue import KeyedQueue
from vk_core.aio.tasks import run_together
from vk_core.api.decoding import ObjectDecoder
from vk_core.api.node import Node
from vk_core.api.pod import Pod, PodChange, PodSpec
from vk_core.kube.client import KubeClient
from vk_core.kube.informer import Informer
from vk_core.kube.resources import POD_CHANGES
from vk_core.pod.book import PodBook
from vk_core.pod.executor import PodExecutor
from vk_core.pod.inventory import Inventory
from vk_core.pod.phase import is_finished
from vk_core.pod.publisher import PodPublisher
from vk_core.pod.status import NodeFacts
from vk_core.pod.telling import PodTeller
from vk_core.provider.capabilities import AdoptsPods, CountsRestarts, NotifiesPods
from vk_core.provider.protocol import Provider
from vk_core.telemetry.metrics import QUEUES

WRITERS = 32
"""Pods whose status is written at once; more do not make an API server faster."""

log = logging.getLogger("virtual_kubelet.pod")

_decode_spec = ObjectDecoder(PodSpec).decode


class PodFollower(Protocol):
    """Keeps something for each pod, such as what the pod refers to."""

    def pod_changed(self, pod: Pod) -> None:
        """The API server shows a new state of the pod; called often, so it must be quick."""
        ...

    def pod_gone(self, uid: str) -> None:
        """The pod has come to its end or was forgotten; it may be called more than once."""
        ...


class PodController:
    """The pods of one node.

    Args:
        client: the API server.
        provider: who runs the pods.
        node_name: pods bound to this node are ours.
        owner: mark of this node's pods in the provider.
        node: the node as it is at the moment.
        namespace: the only namespace whose pods are taken; empty for all.
        workers: how many pods the provider is asked to change at once.
        resync_seconds: between two comparisons with the provider as a whole.
        follower: told about every pod.
        teller: tells what happens to pods; one of its own without.
    """

    def __init__(
        self,
        client: KubeClient,
        provider: Provider,
        *,
        node_name: str,
        owner: str,
        node: Callable[[], Node],
        namespace: str = "",
        workers: int = 32,
        resync_seconds: float = 60.0,
        follower: PodFollower | None = None,
        teller: PodTeller | None = None,
    ) -> None:
        self.book = PodBook()
        self.book.provider_counts_restarts = isinstance(provider, CountsRestarts) and provider.counts_restarts()
        self.ready = asyncio.Event()
        self._provider = provider
        self._node = node
        self._thread = threading.get_ident()
        self._loop = asyncio.get_running_loop()
        self.events = (teller or PodTeller(client, node_name)).recorder
        self.events.busy = lambda: self._publishes.busy or self._syncs.busy
        self._follower = follower
        self._adopts = isinstance(provider, AdoptsPods)
        if follower is not None:
            self.book.closed = follower.pod_gone
        self._executor = PodExecutor(
            provider, self.book, self.events, owner=owner, node=node, publish=self._publish_soon
        )
        self._publisher = PodPublisher(client, self.book, facts=self._facts)
        self._syncs: KeyedQueue[str] = KeyedQueue("sync", self._executor.sync, workers=workers, show=self._name_of)
        self._publishes: KeyedQueue[str] = KeyedQueue(
            "status", self._publisher.publish, workers=WRITERS, show=self._name_of
        )
        self._syncs.observer = QUEUES.observer("sync", self._syncs.__len__)
        self._publishes.observer = QUEUES.observer("status", self._publishes.__len__)
        self._informer = Informer(
            client,
            POD_CHANGES,
            self._changed,
            namespace=namespace,
            field_selector=f"spec.nodeName={node_name}",
            busy=True,
            merge=merge,
        )
        self._inventory = Inventory(
            provider,
            self.book,
            self._executor,
            owner=owner,
            namespace=namespace,
            sync=self._syncs.add,
            period_seconds=resync_seconds,
            polls=not isinstance(provider, NotifiesPods),
        )

    @property
    def pods(self) -> list[Pod]:
        """The pods that the API server shows for this node, with the status it was told last."""
        return [replace(record.pod, status=record.known_status) for _, record in self.book if record.wanted]

    def find(self, namespace: str, name: str) -> Pod | None:
        """The pod of this name that the API server shows for this node, with the newest status of the provider."""
        record = self.book.named(namespace, name)
        return replace(record.pod, status=record.actual or record.known_status) if record is not None else None

    @property
    def asking_seconds(self) -> float:
        """How long the provider has taken until now to say which pods it has; 0 when it is not being asked."""
        return self._inventory.asking_seconds

    async def run(self) -> None:
        """Keep the pods until cancelled."""
        if isinstance(self._provider, NotifiesPods):
            self._provider.notify_pods(self.notify)
        await self._inventory.take_first()
        await run_together(
            informer=self._informer.run(),
            syncs=self._syncs.run(),
            publishes=self._publishes.run(),
            events=self.events.run(),
            inventory=self._compare(),
        )

    def wake(self, uid: str) -> None:
        """Look again at a pod that waits for something that it refers to, because that may be there now."""
        record = self.book.get(uid)
        if record is not None and record.missing is not None:
            self._syncs.add(uid, urgent=True)

    async def drain(self) -> None:
        """Start nothing more and wait until every known status is written; bounded by whoever awaits it."""
        self._syncs.hold()
        await self._publishes.join()

    async def _compare(self) -> None:
        await self._informer.synced.wait()
        self._inventory.sweep_unclaimed()
        self.ready.set()
        await self._inventory.run()

    def notify(self, pod: Pod) -> None:
        """Take a change from the provider, from whatever thread."""
        if threading.get_ident() == self._thread:
            self._observe(pod)
        else:
            self._loop.call_soon_threadsafe(self._observe, pod)

    def _observe(self, pod: Pod) -> None:
        uid = pod.metadata.uid
        if uid in self.book:
            self._executor.observe(uid, pod.status)
        else:
            self.book.found_changed(pod)

    def _changed(self, _old: Pod | None, new: Pod | None) -> None:
        """Take a change from the API server."""
        if new is None:
            if _old is not None:
                self._deleted(_old)
            return
        uid = new.metadata.uid
        record = self.book.get(uid)
        if record is None:
            self._added(uid, new)
            return
        before, record.pod, record.wanted = record.pod, new, True
        if self._follower is not None:
            self._follower.pod_changed(new)
        # Something that may help happened: no reason to sit out a back-off.
        urgent = before.metadata.generation != new.metadata.generation or (
            before.metadata.deletion_timestamp != new.metadata.deletion_timestamp
        )
        if new.metadata.resource_version == record.written_version:
            record.written = None
            if not urgent and _same_marks(before, new):
                return  # our own write coming back; a list after a gap could have shown us more along with it
        self._syncs.add(uid, urgent=urgent)
        if before.metadata.deletion_timestamp == new.metadata.deletion_timestamp:
            self._publishes.add(uid, urgent=urgent)
        # Else the stop comes first: what there is to tell about a deletion is how it ends.

    def _added(self, uid: str, pod: Pod) -> None:
        record = self.book.open(pod)
        record.adopting = record.present and self._adopts
        if record.actual is not None:
            self._publishes.add(uid)
        # A finished pod that the provider does not have needs nothing until it is deleted.
        if record.present or record.deleting or not is_finished(pod.status):
            self._syncs.add(uid)

    def _deleted(self, pod: Pod) -> None:
        uid = pod.metadata.uid
        record = self.book.get(uid)
        self._publishes.forget(uid)
        if record is None:
            return
        record.pod, record.wanted = pod, False
        if record.removed:
            # We let go of it ourselves once it had ended: nothing is left in the provider.
            self.book.close(uid)
            self._syncs.forget(uid)
        else:
            self._syncs.add(uid, urgent=True)

    def _publish_soon(self, uid: str) -> None:
        self._publishes.add(uid)

    def _name_of(self, uid: str) -> str:
        record = self.book.get(uid)
        return str(record.key) if record is not None else uid

    def _facts(self) -> NodeFacts:
        internal = [address.address for address in self._node().status.addresses if address.type == "InternalIP"]
        return NodeFacts(host_ips=tuple(internal[:2]))


def _same_marks(before: Pod, new: Pod) -> bool:
    return before.metadata.labels == new.metadata.labels and before.metadata.annotations == new.metadata.annotations


def merge(old: Pod | None, change: PodChange) -> Pod:
    """The pod after a change; a specification that did not change is neither read again nor kept twice.

    `metadata.generation` of a pod grows with every change of its specification (KEP-5067); servers that do not count
    leave it 0.
    """
    generation = change.metadata.generation
    if old is not None and generation and generation == old.metadata.generation:
        spec = old.spec
    else:
        spec = _decode_spec(change.spec)
        if old is not None and old.spec == spec:
            spec = old.spec
    return Pod(metadata=change.metadata, spec=spec, status=change.status)
