"""Whether the fields of an object have values of the right types: what decoding does in an API server.

Our own object types are used, with the fields added that a kubelet does not need and the dev cluster looks at.
"""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

import msgspec

from vk_core.api import certificates, coordination, core
from vk_core.api.auth import SubjectAccessReview, TokenRequest, TokenReview
from vk_core.api.meta import ObjectMeta, ObjectReference
from vk_core.api.node import Node
from vk_core.api.pod import Pod
from vk_core.api.struct import Struct
from vk_core.devcluster.resources import Resource
from vk_core.devcluster.statuses import UnreadableError

Object: TypeAlias = dict[str, Any]
MicroTime: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}(Z|[+-]\d\d:\d\d)$")]
"""A `metav1.MicroTime`, of which API servers accept one form only."""


class AnyObject(Struct):
    """What every object has."""

    metadata: ObjectMeta = ObjectMeta()


class ManagedFieldsEntry(Struct):
    """One entry of `metadata.managedFields`."""

    manager: str = ""
    operation: str = ""
    subresource: str = ""
    time: str = ""
    fields_v1: Object = {}


class NamespaceSpec(Struct):
    """What a namespace shall be."""

    finalizers: tuple[str, ...] = ()


class Namespace(core.Namespace):
    """A namespace with what the dev cluster writes into it."""

    spec: NamespaceSpec = NamespaceSpec()
    status: Object = {}


class Secret(core.Secret):
    """A secret, with the text that is encoded when it is written."""

    string_data: dict[str, str] = {}


class ServiceAccount(core.ServiceAccount):
    """A service account with its secrets."""

    secrets: tuple[ObjectReference, ...] = ()


class Ingress(Struct):
    """Where a load balancer listens."""

    ip: str = ""
    hostname: str = ""


class LoadBalancerStatus(Struct):
    """The load balancer of a service."""

    ingress: tuple[Ingress, ...] = ()


class ServiceStatus(Struct):
    """The observed state of a service."""

    load_balancer: LoadBalancerStatus = LoadBalancerStatus()


class ServiceSpec(core.ServiceSpec):
    """Where a service listens, as users may write it."""

    external_name: str = ""
    external_ips: tuple[str, ...] = msgspec.field(default=(), name="externalIPs")
    session_affinity: str = ""
    ip_families: tuple[str, ...] = ()


class Service(core.Service):
    """A service with its status."""

    spec: ServiceSpec = ServiceSpec()
    status: ServiceStatus = ServiceStatus()


class EventSeries(Struct):
    """How often an event has happened."""

    count: int = 0
    last_observed_time: MicroTime | None = None


class Event(core.Event):
    """An event with the fields of its newer version."""

    event_time: MicroTime | None = None
    series: EventSeries | None = None


class LeaseSpec(Struct):
    """Who holds a lease."""

    holder_identity: str | None = None
    lease_duration_seconds: int | None = None
    acquire_time: MicroTime | None = None
    renew_time: MicroTime | None = None
    lease_transitions: int | None = None


class Lease(coordination.Lease):
    """A lease, its times as strictly as the API server has them."""

    spec: LeaseSpec = LeaseSpec()  # type: ignore[assignment]


class Binding(Struct):
    """A pod and its node."""

    metadata: ObjectMeta = ObjectMeta()
    target: ObjectReference = ObjectReference()


class CertificateSigningRequestSpec(certificates.CertificateSigningRequestSpec):
    """What is asked for, and who asks."""

    username: str = ""
    uid: str = ""
    groups: tuple[str, ...] = ()
    extra: dict[str, tuple[str, ...]] = {}


class CertificateSigningRequest(certificates.CertificateSigningRequest):
    """A request for a certificate, with who asks."""

    spec: CertificateSigningRequestSpec = CertificateSigningRequestSpec()


class Eviction(Struct):
    """A pod that has to go."""

    metadata: ObjectMeta = ObjectMeta()
    delete_options: Object | None = None


_TYPES: dict[str, type[Struct]] = {
    "Binding": Binding,
    "CertificateSigningRequest": CertificateSigningRequest,
    "ClusterTrustBundle": certificates.ClusterTrustBundle,
    "ConfigMap": core.ConfigMap,
    "Event": Event,
    "Eviction": Eviction,
    "Lease": Lease,
    "LocalSubjectAccessReview": SubjectAccessReview,
    "Namespace": Namespace,
    "Node": Node,
    "Pod": Pod,
    "Secret": Secret,
    "SelfSubjectAccessReview": SubjectAccessReview,
    "Service": Service,
    "ServiceAccount": ServiceAccount,
    "SubjectAccessReview": SubjectAccessReview,
    "TokenRequest": TokenRequest,
    "TokenReview": TokenReview,
}


def check_structure(resource: Resource, object: Object, *, kind: str | None = None) -> None:
    """Refuses an object whose fields have values of wrong types.

    Args:
        resource: the type that the request is about.
        object: the object.
        kind: its kind, if it is another one than that of the resource.

    Raises:
        UnreadableError: 400, naming the field.
    """
    try:
        msgspec.convert(object, _TYPES.get(kind or resource.kind, AnyObject))
        metadata = object.get("metadata", {})
        if not isinstance(metadata, dict):
            raise UnreadableError(resource, "Expected `object` - at `$.metadata`", kind=kind)
        if "managedFields" in metadata:
            msgspec.convert(metadata["managedFields"], tuple[ManagedFieldsEntry, ...])
    except (msgspec.ValidationError, ValueError) as error:
        raise UnreadableError(resource, str(error), kind=kind) from None
