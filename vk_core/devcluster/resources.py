"""The types that the dev cluster serves: one table, from which paths, discovery and behaviour follow.

A type that is not here does not exist: its paths are answered with 404, as an API server does.
"""

from __future__ import annotations

from dataclasses import dataclass

ALL_VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")
CREATE = ("create",)
CONNECT = ("create", "get")
STATUS = ("get", "patch", "update")


@dataclass(frozen=True, slots=True)
class Subresource:
    """A path below an object, such as `pods/NAME/binding`; its body may be of another kind."""

    name: str
    kind: str
    verbs: tuple[str, ...]
    group: str = ""
    version: str = ""
    connects: bool = False
    """Whether requests are passed on to a kubelet."""


@dataclass(frozen=True, slots=True, eq=False)
class Resource:
    """One served type; there is one instance of each, so identity is equality."""

    group: str
    version: str
    plural: str
    kind: str
    singular: str
    short_names: tuple[str, ...] = ()
    namespaced: bool = True
    categories: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ALL_VERBS
    subresources: tuple[Subresource, ...] = ()
    create_on_update: bool = False
    """Whether a PUT to a name that does not exist creates it."""
    needs_version: bool = False
    """Whether a PUT has to carry the resource version that it replaces."""
    returns_deleted: bool = False
    """Whether a DELETE that removes the object answers with it instead of with a `Status`."""
    generations: bool = False
    """Whether `metadata.generation` counts the changes of `spec`."""

    @property
    def api_version(self) -> str:
        """`v1`, or `GROUP/VERSION`."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def qualified(self) -> str:
        """The name in messages: `pods`, `leases.coordination.k8s.io`."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    def subresource(self, name: str) -> Subresource | None:
        """Returns a subresource by name."""
        return next((sub for sub in self.subresources if sub.name == name), None)


def _status(kind: str) -> Subresource:
    return Subresource("status", kind, STATUS)


def _stream(name: str, kind: str, verbs: tuple[str, ...] = CONNECT) -> Subresource:
    return Subresource(name, kind, verbs, connects=True)


NAMESPACES = Resource(
    "", "v1", "namespaces", "Namespace", "namespace", ("ns",), namespaced=False,
    verbs=("create", "delete", "get", "list", "patch", "update", "watch"),
    subresources=(_status("Namespace"), Subresource("finalize", "Namespace", ("update",))),
)  # fmt: skip
NODES = Resource(
    "", "v1", "nodes", "Node", "node", ("no",), namespaced=False,
    subresources=(
        _status("Node"),
        _stream("proxy", "NodeProxyOptions", ("create", "delete", "get", "patch", "update")),
    ),
)  # fmt: skip
PODS = Resource(
    "", "v1", "pods", "Pod", "pod", ("po",), categories=("all",), returns_deleted=True, generations=True,
    subresources=(
        _status("Pod"),
        _stream("attach", "PodAttachOptions"),
        Subresource("binding", "Binding", CREATE),
        Subresource("ephemeralcontainers", "Pod", STATUS),
        Subresource("eviction", "Eviction", CREATE, group="policy", version="v1"),
        _stream("exec", "PodExecOptions"),
        _stream("log", "Pod", ("get",)),
        _stream("portforward", "PodPortForwardOptions"),
        Subresource("resize", "Pod", STATUS),
    ),
)  # fmt: skip
BINDINGS = Resource("", "v1", "bindings", "Binding", "binding", verbs=CREATE)
CONFIGMAPS = Resource("", "v1", "configmaps", "ConfigMap", "configmap", ("cm",))
SECRETS = Resource("", "v1", "secrets", "Secret", "secret")
SERVICES = Resource(
    "", "v1", "services", "Service", "service", ("svc",), categories=("all",), returns_deleted=True,
    subresources=(_status("Service"),),
)  # fmt: skip
SERVICEACCOUNTS = Resource(
    "", "v1", "serviceaccounts", "ServiceAccount", "serviceaccount", ("sa",), returns_deleted=True,
    subresources=(Subresource("token", "TokenRequest", CREATE, group="authentication.k8s.io", version="v1"),),
)  # fmt: skip
EVENTS = Resource("", "v1", "events", "Event", "event", ("ev",), create_on_update=True)
NEW_EVENTS = Resource("events.k8s.io", "v1", "events", "Event", "event", ("ev",), create_on_update=True)
LEASES = Resource("coordination.k8s.io", "v1", "leases", "Lease", "lease", create_on_update=True, needs_version=True)
CSRS = Resource(
    "certificates.k8s.io", "v1", "certificatesigningrequests", "CertificateSigningRequest", "certificatesigningrequest",
    ("csr",), namespaced=False,
    subresources=(
        Subresource("approval", "CertificateSigningRequest", STATUS), _status("CertificateSigningRequest"),
    ),
)  # fmt: skip
CLUSTERTRUSTBUNDLES = Resource(
    "certificates.k8s.io", "v1beta1", "clustertrustbundles", "ClusterTrustBundle", "clustertrustbundle",
    namespaced=False,
)  # fmt: skip
TOKEN_REVIEWS = Resource(
    "authentication.k8s.io", "v1", "tokenreviews", "TokenReview", "tokenreview", namespaced=False, verbs=CREATE
)
SELF_REVIEWS = Resource(
    "authentication.k8s.io", "v1", "selfsubjectreviews", "SelfSubjectReview", "selfsubjectreview",
    namespaced=False, verbs=CREATE,
)  # fmt: skip
ACCESS_REVIEWS = tuple(
    Resource("authorization.k8s.io", "v1", kind.lower() + "s", kind, kind.lower(), namespaced=namespaced, verbs=CREATE)
    for kind, namespaced in (
        ("LocalSubjectAccessReview", True),
        ("SelfSubjectAccessReview", False),
        ("SelfSubjectRulesReview", False),
        ("SubjectAccessReview", False),
    )
)
NODE_METRICS = Resource(
    "metrics.k8s.io", "v1beta1", "nodes", "NodeMetrics", "", namespaced=False, verbs=("get", "list")
)
POD_METRICS = Resource("metrics.k8s.io", "v1beta1", "pods", "PodMetrics", "", verbs=("get", "list"))

STORED = (
    CONFIGMAPS, EVENTS, NAMESPACES, NODES, PODS, SECRETS, SERVICEACCOUNTS, SERVICES, LEASES, CSRS, CLUSTERTRUSTBUNDLES,
)  # fmt: skip
"""The types that objects are kept as; `events.k8s.io` is another view of the same events."""

MEASURED = (NODE_METRICS, POD_METRICS)
"""The types that are made of what the kubelets measure."""

RESOURCES = (*STORED, BINDINGS, NEW_EVENTS, TOKEN_REVIEWS, SELF_REVIEWS, *ACCESS_REVIEWS, *MEASURED)
EMPTY_GROUPS = (("policy", "v1"),)
"""Groups that are there without a type of their own: kubectl drain asks for `policy` before it evicts."""

BY_PATH = {(resource.group, resource.version, resource.plural): resource for resource in RESOURCES}
BY_KIND = {(resource.api_version, resource.kind): resource for resource in RESOURCES}


def stored_as(resource: Resource) -> Resource:
    """Returns the type that objects of a served type are kept as."""
    return EVENTS if resource is NEW_EVENTS else resource
