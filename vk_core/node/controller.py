"""Keeps the node object what it shall be: registers it, follows the provider, and makes it again when it is deleted."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable

import msgspec

from vk_core.aio.backoff import Backoff
from vk_core.aio.tasks import run_together
from vk_core.api.meta import utc_now
from vk_core.api.node import Node, NodeAddress
from vk_core.errors import VirtualKubeletError
from vk_core.kube.client import KubeClient
from vk_core.kube.errors import ApiUnavailable, ObjectConflict, ObjectNotFound
from vk_core.kube.informer import Informer
from vk_core.kube.resources import NODES
from vk_core.node import diff, health
from vk_core.node.conditions import HEALTHY, STARTING, STOPPED, Health, with_conditions
from vk_core.node.lease import NodeLease
from vk_core.node.restriction import Restriction, may_set
from vk_core.node.view import NodeView
from vk_core.provider.capabilities import NotifiesNodeStatus
from vk_core.provider.protocol import Provider

RETRY = Backoff(first_seconds=0.2, limit_seconds=10.0)

FOLLOW_SECONDS = 10.0
"""How often a provider that does not tell about changes is asked what its node looks like."""

DESCRIBE_SECONDS = 5.0
"""How long the provider may take to say what its node looks like."""

log = logging.getLogger("virtual_kubelet.node")


class NodeController:
    """One node object.

    Args:
        client: the API server.
        provider: whose node it is.
        view: what the node shall look like.
        lease: the node's lease, which follows the UID of the node.
        name: the node's name.
        restriction: what the node may not say about itself; None when it acts as somebody who may say everything.
        status_seconds: how often an unchanged status is written.
    """

    def __init__(
        self,
        client: KubeClient,
        provider: Provider,
        view: NodeView,
        lease: NodeLease,
        *,
        name: str,
        status_seconds: float,
        restriction: Restriction | None = None,
    ) -> None:
        self.registered = asyncio.Event()
        self.node = Node()
        self._client = client
        self._provider = provider
        self._view = view
        self._lease = lease
        self._name = name
        self._status_seconds = status_seconds
        self._restriction = restriction
        self._features_told = False
        self._health: Health = STARTING
        self._started = False
        self._wake = asyncio.Event()
        self._own_version = ""
        self._written_at = float("-inf")
        self._described = Node()
        self._indescribable = False
        self._leaving = False
        self._writing = asyncio.Lock()
        self._informer = Informer[Node, Node](client, NODES, self._changed, field_selector=f"metadata.name={name}")

    @property
    def addresses(self) -> tuple[NodeAddress, ...]:
        """Where the node is reached, as the provider said last."""
        return self._described.status.addresses

    async def prepare(self) -> None:
        """Learn what the node shall look like before it is registered, so that pods can be judged by it."""
        if isinstance(self._provider, NotifiesNodeStatus):
            self._provider.notify_node_status(self._notifier())
        failures = 0
        while True:
            try:
                self.node = self._described = await self._view_now()
            except VirtualKubeletError as error:
                failures += 1
                if failures == 1:
                    log.warning("the provider cannot describe its node: %s; trying again until it can", error)
                await asyncio.sleep(RETRY.delay_seconds(failures))
            else:
                return

    async def run(self) -> None:
        """Keep the node until cancelled; the first write makes it complete."""
        self._set_health(await health.ping(self._provider))
        await self._reconcile_stubbornly()
        self.registered.set()
        await run_together(
            informer=self._informer.run(),
            health=health.follow(self._provider, self._set_health),
            updates=self._update_for_ever(),
        )

    def mark_started(self) -> None:
        """Say that the pods are looked after: from now on the provider's health alone decides about Ready."""
        self._started = True
        self._wake.set()

    async def mark_stopped(self) -> None:
        """Say that nobody looks after the node any longer, so that the cluster need not wait for its lease."""
        self._health = STOPPED
        await self._reconcile(self._described, heartbeat=True)

    async def remove(self) -> None:
        """Delete the node object, and do not make it again; who acts as a node may not do that and only says so."""
        if self._restriction is not None:
            await self.mark_stopped()
            return
        self._leaving = True
        await self._client.delete(NODES, self._name, uid=self.node.metadata.uid)

    def _present_health(self) -> Health:
        return STARTING if self._health is HEALTHY and not self._started else self._health

    def _set_health(self, found: Health) -> None:
        if self._health is not STOPPED:
            self._health = found
            self._wake.set()

    def _notifier(self) -> Callable[[], None]:
        loop, thread = asyncio.get_running_loop(), threading.get_ident()

        def notify() -> None:
            if threading.get_ident() == thread:
                self._wake.set()
            else:
                loop.call_soon_threadsafe(self._wake.set)

        return notify

    def _changed(self, _old: Node | None, new: Node | None) -> None:
        if self._leaving:
            return
        if new is None:
            log.warning("somebody deleted the node %s; registering it again", self._name)
            self._wake.set()
        elif new.metadata.resource_version != self._own_version:
            self._wake.set()

    async def _update_for_ever(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(FOLLOW_SECONDS, self._due_seconds())):
                    await self._wake.wait()
            woken = self._wake.is_set()
            self._wake.clear()  # before looking, so that what changes meanwhile is looked at once more
            if woken or self._due_seconds() <= 0 or await self._looks_different():
                await self._reconcile_stubbornly()

    def _due_seconds(self) -> float:
        """Until the status is written although nothing changed."""
        return max(0.0, self._written_at + self._status_seconds - asyncio.get_running_loop().time())

    async def _looks_different(self) -> bool:
        before = self._described
        return await self._describe() != before

    async def _describe(self) -> Node:
        """The node as the provider describes it; as it did last while it cannot, so that its health is still told."""
        try:
            async with asyncio.timeout(DESCRIBE_SECONDS):
                self._described = await self._view_now()
        except Exception as error:  # whatever it is, it must not keep the node from being NotReady
            if not self._indescribable:
                what = f"no answer within {DESCRIBE_SECONDS:g} s" if isinstance(error, TimeoutError) else error
                bug = not isinstance(error, (VirtualKubeletError, TimeoutError))
                log.warning("the provider cannot describe its node, it stays as it was: %s", what, exc_info=bug)
            self._indescribable = True
        else:
            self._indescribable = False
        return self._described

    async def _view_now(self) -> Node:
        node = await self._view.describe()
        return node if self._restriction is None else self._restriction.apply(node)

    async def _reconcile_stubbornly(self) -> None:
        failures = 0
        while not self._leaving:
            try:
                await self._reconcile(await self._describe(), heartbeat=self._due_seconds() <= 0)
            except ObjectConflict:
                continue  # somebody else changed the node meanwhile; look again
            except Exception as error:  # a bug of a hook must not end the node
                failures += 1
                self._report(error, failures)
                await asyncio.sleep(RETRY.delay_seconds(failures))
            else:
                return

    def _report(self, error: Exception, failures: int) -> None:
        """Say the same trouble once; a bug with its traceback."""
        expected = isinstance(error, VirtualKubeletError)
        if failures == 1 or (expected and not isinstance(error, ApiUnavailable)):
            log.warning("cannot update the node: %s; trying again until it works", error, exc_info=not expected)

    async def _reconcile(self, wanted: Node, *, heartbeat: bool) -> None:
        async with self._writing:
            try:
                known = await self._client.get(NODES, self._name)
            except ObjectNotFound:
                await self._create(wanted)
            else:
                await self._update(known, wanted, heartbeat=heartbeat)

    async def _update(self, known: Node, wanted: Node, *, heartbeat: bool) -> None:
        wanted = with_conditions(wanted, self._present_health(), known, utc_now(), heartbeat=heartbeat)
        if self._restriction is not None:
            wanted = self._restriction.keep_taints(known, wanted)
        wanted = self._with_features_that_are_kept(known, wanted, heartbeat=heartbeat)
        self._remember(known, wanted)
        changes = diff.diff_object(known, wanted, may_set=may_set if self._restriction is not None else lambda _: True)
        if changes:
            answer = await self._client.patch(NODES, self._name, changes)
            self._own_version = answer.metadata.resource_version
        status = diff.diff_status(known, wanted)
        if status:
            answer = await self._client.patch(NODES, self._name, {"status": status}, subresource="status")
            self._own_version = answer.metadata.resource_version
        if status or heartbeat:
            self._written_at = asyncio.get_running_loop().time()

    def _with_features_that_are_kept(self, known: Node, wanted: Node, *, heartbeat: bool) -> Node:
        """An API server before 1.35 drops `declaredFeatures`: told once, they are told again with a heartbeat only."""
        features = known.status.declared_features
        if features == wanted.status.declared_features:
            return wanted
        if self._features_told and not heartbeat:
            status = msgspec.structs.replace(wanted.status, declared_features=features)
            return msgspec.structs.replace(wanted, status=status)
        self._features_told = True
        return wanted

    async def _create(self, wanted: Node) -> None:
        wanted = with_conditions(wanted, self._present_health(), None, utc_now(), heartbeat=True)
        annotations = {**wanted.metadata.annotations, diff.MANAGED_ANNOTATION: diff.managed_by(wanted)}
        metadata = msgspec.structs.replace(wanted.metadata, annotations=annotations)
        made = await self._client.create(NODES, msgspec.structs.replace(wanted, metadata=metadata))
        self._features_told = True
        self._own_version = made.metadata.resource_version
        self._written_at = asyncio.get_running_loop().time()
        self._remember(made, wanted)
        log.info("registered the node %s", self._name)

    def _remember(self, known: Node, wanted: Node) -> None:
        """The node as it is: what others have put there, with the status that we give it."""
        metadata = msgspec.structs.replace(known.metadata, labels={**known.metadata.labels, **wanted.metadata.labels})
        self.node = msgspec.structs.replace(known, metadata=metadata, status=wanted.status)
        self._lease.node_uid = known.metadata.uid
