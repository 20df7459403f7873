"""Where each kind of object lives in the API."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from vk_core.api.auth import SelfSubjectReview, SubjectAccessReview, TokenRequest, TokenReview
from vk_core.api.certificates import CertificateSigningRequest
from vk_core.api.coordination import Lease
from vk_core.api.core import ConfigMap, Event, Service
from vk_core.api.node import Node
from vk_core.api.pod import Pod, PodChange

Object = TypeVar("Object")


@dataclass(frozen=True, slots=True)
class Resource(Generic[Object]):
    """A resource of the API: its address and the type its objects are decoded to.

    Attributes:
        group: API group, empty for core.
        plural: name in the URL.
        kind: name in the object.
        type: struct of `vk_core.api`.
        namespaced: whether objects live in namespaces.
        version: API version.
        content: group and version of what is sent and answered, where that is not an object of the resource itself but
            of a subresource, such as a `TokenRequest`.
    """

    group: str
    plural: str
    kind: str
    type: type[Object]
    namespaced: bool = True
    version: str = "v1"
    content: str = ""

    @property
    def api_version(self) -> str:
        """`apiVersion` of the objects."""
        if self.content:
            return self.content
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str = "", name: str = "", subresource: str = "") -> str:
        """The URL path of an object, or of the collection when there is no name."""
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        scope = f"/namespaces/{namespace}" if namespace and self.namespaced else ""
        path = f"{root}{scope}/{self.plural}"
        if name:
            path = f"{path}/{name}"
        return f"{path}/{subresource}" if subresource else path


NODES = Resource("", "nodes", "Node", Node, namespaced=False)
PODS = Resource("", "pods", "Pod", Pod)
POD_CHANGES = Resource("", "pods", "Pod", PodChange)
EVENTS = Resource("", "events", "Event", Event)
SERVICES = Resource("", "services", "Service", Service)
LEASES = Resource("coordination.k8s.io", "leases", "Lease", Lease)
CONFIG_MAPS = Resource("", "configmaps", "ConfigMap", ConfigMap)
SERVICE_ACCOUNT_TOKENS = Resource(
    "", "serviceaccounts", "TokenRequest", TokenRequest, content="authentication.k8s.io/v1"
)
"""Created at the subresource `token` of a service account."""
TOKEN_REVIEWS = Resource("authentication.k8s.io", "tokenreviews", "TokenReview", TokenReview, namespaced=False)
SELF_SUBJECT_REVIEWS = Resource(
    "authentication.k8s.io", "selfsubjectreviews", "SelfSubjectReview", SelfSubjectReview, namespaced=False
)
SUBJECT_ACCESS_REVIEWS = Resource(
    "authorization.k8s.io", "subjectaccessreviews", "SubjectAccessReview", SubjectAccessReview, namespaced=False
)
CERTIFICATE_SIGNING_REQUESTS = Resource(
    "certificates.k8s.io",
    "certificatesigningrequests",
    "CertificateSigningRequest",
    CertificateSigningRequest,
    namespaced=False,
)
