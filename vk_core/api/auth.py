"""Reviews that a kubelet asks for to know who calls it and what they may do (authentication/v1, authorization/v1)."""

from __future__ import annotations

from vk_core.api.meta import Time
from vk_core.api.struct import Struct


class UserInfo(Struct):
    """An authenticated user."""

    username: str = ""
    uid: str = ""
    groups: tuple[str, ...] = ()
    extra: dict[str, tuple[str, ...]] = {}


class TokenReviewSpec(Struct):
    """The token in question; never shown in a `repr`."""

    token: str = ""
    audiences: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"TokenReviewSpec(token=…, audiences={self.audiences})"


class TokenReviewStatus(Struct):
    """Whose token it is."""

    authenticated: bool = False
    user: UserInfo = UserInfo()
    audiences: tuple[str, ...] = ()
    error: str = ""


class TokenReview(Struct):
    """Whose token is this? (authentication.k8s.io/v1)."""

    spec: TokenReviewSpec = TokenReviewSpec()
    status: TokenReviewStatus = TokenReviewStatus()


class SelfSubjectReviewStatus(Struct):
    """Who asked."""

    user_info: UserInfo = UserInfo()


class SelfSubjectReview(Struct):
    """Who am I? (authentication.k8s.io/v1, since Kubernetes 1.28)."""

    status: SelfSubjectReviewStatus = SelfSubjectReviewStatus()


class BoundObjectReference(Struct):
    """The object whose deletion ends a token."""

    kind: str = ""
    api_version: str = ""
    name: str = ""
    uid: str = ""


class TokenRequestSpec(Struct):
    """What token is wanted."""

    audiences: tuple[str, ...] = ()
    expiration_seconds: int | None = None
    bound_object_ref: BoundObjectReference | None = None


class TokenRequestStatus(Struct):
    """The token made; never shown in a `repr`."""

    token: str = ""
    expiration_timestamp: Time | None = None

    def __repr__(self) -> str:
        return f"TokenRequestStatus(token=…, expiration_timestamp={self.expiration_timestamp})"


class TokenRequest(Struct):
    """A token of a service account (the `token` subresource, authentication.k8s.io/v1)."""

    spec: TokenRequestSpec = TokenRequestSpec()
    status: TokenRequestStatus = TokenRequestStatus()


class ResourceAttributes(Struct):
    """The object that somebody wants to do something to."""

    namespace: str = ""
    verb: str = ""
    group: str = ""
    version: str = ""
    resource: str = ""
    subresource: str = ""
    name: str = ""


class SubjectAccessReviewSpec(Struct):
    """Who wants to do what."""

    resource_attributes: ResourceAttributes | None = None
    user: str = ""
    groups: tuple[str, ...] = ()
    extra: dict[str, tuple[str, ...]] = {}
    uid: str = ""


class SubjectAccessReviewStatus(Struct):
    """Whether they may."""

    allowed: bool = False
    denied: bool = False
    reason: str = ""
    evaluation_error: str = ""


class SubjectAccessReview(Struct):
    """May this user do that? (authorization.k8s.io/v1)."""

    spec: SubjectAccessReviewSpec = SubjectAccessReviewSpec()
    status: SubjectAccessReviewStatus = SubjectAccessReviewStatus()
