"""Answers to questions about who may do what. There is one user, who may do everything; nobody else gets in."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import Any, TypeAlias

from vk_core.devcluster.resources import Resource
from vk_core.devcluster.statuses import Cause, invalid

Object: TypeAlias = dict[str, Any]

USER = {"username": "kubernetes-admin", "groups": ["system:masters", "system:authenticated"]}
"""The one user, whose token is in the kubeconfig."""

_MASTERS = "system:masters"


def review(resource: Resource, object: Object, *, token: str) -> Object:
    """Returns a review with its status filled in; `token` is the one that is valid.

    Raises:
        StatusError: 422 if the question is incomplete.
    """
    answer: dict[str, Callable[[], Object]] = {
        "TokenReview": lambda: _token(object, token),
        "SelfSubjectReview": lambda: {"userInfo": USER},
        "SelfSubjectRulesReview": _rules,
        "SelfSubjectAccessReview": lambda: _access(resource, object, USER["groups"]),
        "SubjectAccessReview": lambda: _access(resource, object, _groups(object)),
        "LocalSubjectAccessReview": lambda: _access(resource, object, _groups(object)),
    }
    return {**object, "status": answer[resource.kind]()}


def _token(object: Object, token: str) -> Object:
    given = object.get("spec", {}).get("token", "")
    if hmac.compare_digest(given.encode(), token.encode()):
        return {"authenticated": True, "user": USER}
    return {"authenticated": False, "user": {}}


def _groups(object: Object) -> Any:
    return object.get("spec", {}).get("groups", ())


def _access(resource: Resource, object: Object, groups: Any) -> Object:
    spec = object.get("spec", {})
    if bool(spec.get("resourceAttributes")) == bool(spec.get("nonResourceAttributes")):
        why = "exactly one of nonResourceAttributes or resourceAttributes must be specified"
        raise invalid(resource, "", [Cause("spec.resourceAttributes", f"Invalid value: null: {why}")])
    return {"allowed": True} if _MASTERS in groups else {"allowed": False, "reason": f"not in group {_MASTERS}"}


def _rules() -> Object:
    everything = ["*"]
    return {
        "resourceRules": [{"verbs": everything, "apiGroups": everything, "resources": everything}],
        "nonResourceRules": [{"verbs": everything, "nonResourceURLs": everything}],
        "incomplete": False,
    }
