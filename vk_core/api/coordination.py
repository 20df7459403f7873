"""Leases: the heartbeat of a node (coordination.k8s.io/v1)."""

from __future__ import annotations

from vk_core.api.meta import ObjectMeta
from vk_core.api.struct import Struct


class LeaseSpec(Struct):
    """Who holds the lease and until when; times are `metav1.MicroTime` texts."""

    holder_identity: str | None = None
    lease_duration_seconds: int | None = None
    acquire_time: str | None = None
    renew_time: str | None = None
    lease_transitions: int | None = None


class Lease(Struct):
    """A lease; a node's lives in `kube-node-lease` under the node's name."""

    metadata: ObjectMeta = ObjectMeta()
    spec: LeaseSpec = LeaseSpec()
