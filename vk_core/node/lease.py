"""The node's lease: its heartbeat, and what makes sure that only one process is this node.

The heartbeat is kubelet's own (`kube-node-lease`, 40 s, renewed every quarter of that). An annotation on it names the
process that holds it. A second process of the same node waits until the lease has run out, or takes over at once when
the holder has released it or was a process of the same host that is gone.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import math
import time
from typing import Any, NamedTuple

from vk_core.api.coordination import Lease
from vk_core.api.meta import micro_time
from vk_core.errors import NodeTaken
from vk_core.kube.client import KubeClient
from vk_core.kube.errors import ApiError, ApiUnavailable, ObjectConflict, ObjectNotFound
from vk_core.kube.resources import LEASES
from vk_core.node.process import ProcessIdentity

NAMESPACE = "kube-node-lease"
PROCESS_ANNOTATION = "virtual-kubelet.io/process"
"""The process that holds the lease; empty once it was released."""

RENEWALS_PER_LEASE = 4
STANDBY_SECONDS = 1.0
RETRY_SECONDS = 1.0
LONG_DEAD = 2.0
"""A lease not renewed for so many of its durations by the wall clock is taken without watching it any longer."""

log = logging.getLogger("virtual_kubelet.node")


class Observation(NamedTuple):
    """A renewal that was seen, and when by our own clock: two hosts' wall clocks need not agree."""

    renewed: str
    seen_seconds: float


def may_take(
    lease: Lease,
    own: ProcessIdentity,
    observed: Observation,
    *,
    now_seconds: float,
    wall: dt.datetime | None,
    lease_seconds: float,
) -> bool:
    """Whether a process may become the holder of a lease that it does not hold.

    Args:
        lease: the lease as it is.
        own: the process that asks.
        observed: the present renewal and when it was first seen.
        now_seconds: our own clock.
        wall: the wall clock at the first look; None when the lease was watched since.
        lease_seconds: how long the lease lasts when it does not say so itself.
    """
    holder = lease.metadata.annotations.get(PROCESS_ANNOTATION)
    if holder == "" or not lease.spec.renew_time:
        return True
    identity = ProcessIdentity.parse(holder) if holder else None
    if identity is not None and (identity == own or identity.is_dead(own)):
        return True
    duration = lease.spec.lease_duration_seconds or lease_seconds
    if now_seconds - observed.seen_seconds >= duration:
        return True
    return (
        wall is not None
        and (wall - dt.datetime.fromisoformat(lease.spec.renew_time)).total_seconds() >= LONG_DEAD * duration
    )


class NodeLease:
    """Takes and keeps the lease of one node.

    Args:
        client: the API server.
        node_name: the node.
        duration: how long the lease lasts without renewal.
    """

    def __init__(self, client: KubeClient, node_name: str, duration: dt.timedelta) -> None:
        self._client = client
        self._node_name = node_name
        self._seconds = duration.total_seconds()
        self._own = ProcessIdentity.own()
        self._version = ""
        self._written_seconds = -math.inf
        self.node_uid = ""

    @property
    def age_seconds(self) -> float:
        """How long ago the lease was renewed, by our own clock; infinite before it was ours."""
        return time.monotonic() - self._written_seconds

    async def acquire(self) -> None:
        """Become the holder, waiting for as long as another process is, and for a server that is away."""
        loop = asyncio.get_running_loop()
        observed: Observation | None = None
        said = False
        while True:
            try:
                lease = await self._read()
                seen = lease.spec.renew_time or "" if lease is not None else ""
                first = observed is None
                if observed is None or observed.renewed != seen:
                    observed = Observation(seen, loop.time())
                if lease is not None and not self._may_take(lease, observed, first=first):
                    if not said:
                        self._say_standby(lease)
                    said = True
                    await asyncio.sleep(STANDBY_SECONDS)
                    continue
                await self._take(lease)
            except ObjectConflict:
                continue  # somebody was faster; look again
            except ApiUnavailable as error:
                log.debug("cannot read the node's lease: %s", error)
                if observed is not None:
                    # Nobody can renew while the server is away; that must not count against the holder.
                    observed = Observation(observed.renewed, loop.time())
                await asyncio.sleep(RETRY_SECONDS)
            else:
                return

    async def renew_for_ever(self) -> None:
        """Renew on a fixed beat until cancelled.

        Raises:
            NodeTaken: another process has become the holder.
        """
        loop = asyncio.get_running_loop()
        beat = self._seconds / RENEWALS_PER_LEASE
        due = loop.time() + beat
        while True:
            await asyncio.sleep(max(0.0, due - loop.time()))
            due = max(due + beat, loop.time())
            await self._renew_stubbornly()

    async def release(self) -> None:
        """Let the next process take over at once.

        Raises:
            NodeTaken: it has done so already.
        """
        try:
            await self._write_release()
        except ObjectConflict:  # a renewal whose answer nobody waited for
            lease = await self._read()
            if lease is not None:
                self._check_still_ours(lease)
                self._version = lease.metadata.resource_version
                await self._write_release()

    async def _write_release(self) -> None:
        body = {"metadata": {"annotations": {PROCESS_ANNOTATION: ""}, "resourceVersion": self._version}}
        await self._client.patch(LEASES, self._node_name, body, namespace=NAMESPACE, patch_type="merge")

    async def _renew_stubbornly(self) -> None:
        failing = False
        while True:
            try:
                await self._renew()
            except ApiError as error:
                if not failing:
                    log.warning("cannot renew the node's lease: %s; trying again until it works", error)
                failing = True
                await asyncio.sleep(RETRY_SECONDS)
            else:
                if failing:
                    log.info("the node's lease is renewed again")
                return

    async def _renew(self) -> None:
        try:
            await self._write(self._version)
        except (ObjectConflict, ObjectNotFound):
            lease = await self._read()
            if lease is not None:
                self._check_still_ours(lease)
            await self._take(lease)

    def _check_still_ours(self, lease: Lease) -> None:
        holder = lease.metadata.annotations.get(PROCESS_ANNOTATION, str(self._own))
        if holder not in {"", str(self._own)}:
            raise NodeTaken(
                f"another process has taken over the node {self._node_name} ({holder}); this one stops acting for it"
            )

    async def _read(self) -> Lease | None:
        try:
            return await self._client.get(LEASES, self._node_name, namespace=NAMESPACE)
        except ObjectNotFound:
            return None

    async def _take(self, lease: Lease | None) -> None:
        if lease is not None:
            await self._write(lease.metadata.resource_version)
            return
        began = time.monotonic()
        body = self._body()
        body["metadata"]["name"] = self._node_name
        made = await self._client.create(LEASES, body, namespace=NAMESPACE)
        self._version = made.metadata.resource_version
        self._written_seconds = began

    async def _write(self, version: str) -> None:
        began = time.monotonic()
        body = self._body()
        body["metadata"]["resourceVersion"] = version
        answer = await self._client.patch(LEASES, self._node_name, body, namespace=NAMESPACE, patch_type="merge")
        self._version = answer.metadata.resource_version
        self._written_seconds = began

    def _body(self) -> dict[str, Any]:
        metadata: dict[str, Any] = {"annotations": {PROCESS_ANNOTATION: str(self._own)}}
        if self.node_uid:
            # With the node goes its lease (garbage collection).
            owner = {"apiVersion": "v1", "kind": "Node", "name": self._node_name, "uid": self.node_uid}
            metadata["ownerReferences"] = [owner]
        return {
            "metadata": metadata,
            "spec": {
                "holderIdentity": self._node_name,
                "leaseDurationSeconds": max(1, round(self._seconds)),
                "renewTime": micro_time(dt.datetime.now(dt.UTC)),
            },
        }

    def _may_take(self, lease: Lease, observed: Observation, *, first: bool) -> bool:
        return may_take(
            lease,
            self._own,
            observed,
            now_seconds=asyncio.get_running_loop().time(),
            wall=dt.datetime.now(dt.UTC) if first else None,
            lease_seconds=self._seconds,
        )

    def _say_standby(self, lease: Lease) -> None:
        holder = lease.metadata.annotations.get(PROCESS_ANNOTATION) or lease.spec.holder_identity
        log.warning(
            "standing by: node %s is held by another process (%s, renewed %s); "
            "taking over when its lease of %s s has run out",
            self._node_name,
            holder,
            lease.spec.renew_time,
            lease.spec.lease_duration_seconds,
        )
