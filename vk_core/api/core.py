"""The other core/v1 objects that a kubelet reads or writes: config maps, secrets, services, events, namespaces."""

from __future__ import annotations

from vk_core.api.container import IntOrString
from vk_core.api.meta import LocalObjectReference, ObjectMeta, ObjectReference, Time
from vk_core.api.struct import Struct


class Namespace(Struct):
    """A namespace; the UID of `kube-system` identifies the cluster."""

    metadata: ObjectMeta = ObjectMeta()


class ConfigMap(Struct):
    """Configuration as text, and as base64 in `binary_data`."""

    metadata: ObjectMeta = ObjectMeta()
    immutable: bool | None = None
    data: dict[str, str] = {}
    binary_data: dict[str, str] = {}


class Secret(Struct):
    """Confidential values, base64 in `data`; never shown in a `repr`."""

    metadata: ObjectMeta = ObjectMeta()
    immutable: bool | None = None
    data: dict[str, str] = {}
    type: str = ""

    def __repr__(self) -> str:
        return f"Secret({self.metadata.namespace}/{self.metadata.name}, keys={sorted(self.data)})"


class ServicePort(Struct):
    """A port of a service."""

    name: str = ""
    protocol: str = "TCP"
    port: int = 0
    target_port: IntOrString | None = None
    node_port: int = 0


class ServiceSpec(Struct):
    """Where a service listens."""

    ports: tuple[ServicePort, ...] = ()
    selector: dict[str, str] = {}
    cluster_ip: str = ""
    cluster_ips: tuple[str, ...] = ()
    type: str = ""


class Service(Struct):
    """A service, for the service links of a pod's environment."""

    metadata: ObjectMeta = ObjectMeta()
    spec: ServiceSpec = ServiceSpec()


class ServiceAccount(Struct):
    """The identity of pods, with the secrets to pull images by."""

    metadata: ObjectMeta = ObjectMeta()
    image_pull_secrets: tuple[LocalObjectReference, ...] = ()
    automount_service_account_token: bool | None = None


class EventSource(Struct):
    """Who reports an event."""

    component: str = ""
    host: str = ""


class Event(Struct):
    """Something that happened to an object; `type` is `Normal` or `Warning`."""

    metadata: ObjectMeta = ObjectMeta()
    involved_object: ObjectReference = ObjectReference()
    reason: str = ""
    message: str = ""
    source: EventSource = EventSource()
    first_timestamp: Time | None = None
    last_timestamp: Time | None = None
    count: int = 0
    type: str = ""
    reporting_component: str = ""
    reporting_instance: str = ""
