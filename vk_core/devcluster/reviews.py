"""Answers to questions about who somebody is and may do what. Whoever has got in may do everything; nobody else may."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from vk_core.devcluster.authentication import Authenticator
from vk_core.devcluster.resources import Resource
from vk_core.devcluster.serviceaccounts.jwt import InvalidTokenError
from vk_core.devcluster.statuses import Cause, bad_request, invalid

Object: TypeAlias = dict[str, Any]

_ALLOWED = ("system:masters", "system:serviceaccounts")
_INVALID = "invalid bearer token"


def review(resource: Resource, object: Object, *, user: Object, authenticator: Authenticator) -> Object:
    """Returns a review with its status filled in; `user` is who asks.

    Raises:
        StatusError: 400 or 422 if the question is incomplete.
    """
    answer: dict[str, Callable[[], Object]] = {
        "TokenReview": lambda: _token(object, authenticator),
        "SelfSubjectReview": lambda: {"userInfo": user},
        "SelfSubjectRulesReview": _rules,
        "SelfSubjectAccessReview": lambda: _access(resource, object, user["groups"]),
        "SubjectAccessReview": lambda: _access(resource, object, _groups(object)),
        "LocalSubjectAccessReview": lambda: _access(resource, object, _groups(object)),
    }
    return {**object, "status": answer[resource.kind]()}


def _token(object: Object, authenticator: Authenticator) -> Object:
    spec = object.get("spec", {})
    if not spec.get("token"):
        raise bad_request("token is required for TokenReview in authentication")
    try:
        user, audiences = authenticator.identify(spec["token"], spec.get("audiences") or ())
    except InvalidTokenError as error:
        why = str(error)
        return {"authenticated": False, "user": {}, "error": why if why == _INVALID else f"[{_INVALID}, {why}]"}
    return {"authenticated": True, "user": user, "audiences": audiences}


def _groups(object: Object) -> Any:
    return object.get("spec", {}).get("groups", ())


def _access(resource: Resource, object: Object, groups: Any) -> Object:
    spec = object.get("spec", {})
    if bool(spec.get("resourceAttributes")) == bool(spec.get("nonResourceAttributes")):
        why = "exactly one of nonResourceAttributes or resourceAttributes must be specified"
        raise invalid(resource, "", [Cause("spec.resourceAttributes", f"Invalid value: null: {why}")])
    if set(_ALLOWED) & set(groups):
        return {"allowed": True}
    return {"allowed": False, "reason": f"in none of the groups {', '.join(_ALLOWED)}"}


def _rules() -> Object:
    everything = ["*"]
    return {
        "resourceRules": [{"verbs": everything, "apiGroups": everything, "resources": everything}],
        "nonResourceRules": [{"verbs": everything, "nonResourceURLs": everything}],
        "incomplete": False,
    }
