"""Tokens of service accounts: made when somebody asks for one (TokenRequest), and recognised when somebody shows one.

Whose claims a token has, what it may be bound to, and the wording of refusals are those of an API server.
"""

from __future__ import annotations

import datetime as dt
import json
import time
import uuid
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

from vk_core.devcluster.registry import Registry, now
from vk_core.devcluster.resources import NAMESPACES, NODES, PODS, SECRETS, SERVICEACCOUNTS, Resource
from vk_core.devcluster.serviceaccounts.jwt import InvalidTokenError, TokenSigner
from vk_core.devcluster.serviceaccounts.lifetime import lifetime_causes
from vk_core.devcluster.statuses import bad_request, conflict, invalid_options, not_found, wrong
from vk_core.devcluster.store import Key, Store, Stored

Object: TypeAlias = dict[str, Any]

ISSUER = "https://kubernetes.default.svc"
"""Who makes the tokens; also the audience that the API server itself is."""

_GROUP = "authentication.k8s.io"
_OWN_CLAIM = "kubernetes.io"
_DEFAULT_SECONDS = 3600
_SECONDS_AFTER_DELETION = 60
"""For how long a token still holds once what it is bound to should be gone: pods need theirs while they stop."""
_BINDABLE = {"Node": NODES, "Pod": PODS, "Secret": SECRETS}


class Identity(NamedTuple):
    """Who came with a token (`UserInfo` as JSON), and which of the audiences asked for it is meant for."""

    user: Object
    audiences: list[str]


class ServiceAccountTokens:
    """Makes and recognises tokens.

    Args:
        registry: where accounts, pods and nodes are.
        clock: the time in seconds since 1970.

    Attributes:
        signer: has the key.
    """

    def __init__(self, registry: Registry, *, clock: Callable[[], float] = time.time) -> None:
        self.signer = TokenSigner()
        self._registry = registry
        self._clock = clock

    def request(self, key: Key, request: Object) -> Object:
        """Answers a `TokenRequest` for an account.

        Raises:
            StatusError: 400, 404, 409 or 422.
        """
        if self._registry.store.get(NAMESPACES, ("", key[0])) is None:
            raise not_found(NAMESPACES, key[0])
        account = self._registry.get(SERVICEACCOUNTS, key)
        _check_name(key, request.get("metadata") or {})
        spec = request.get("spec") or {}
        seconds = spec.get("expirationSeconds", _DEFAULT_SECONDS)
        if causes := lifetime_causes("spec.expirationSeconds", seconds):
            raise invalid_options("TokenRequest", causes, group=_GROUP)
        audiences = list(spec.get("audiences") or (ISSUER,))
        reference = spec.get("boundObjectRef")
        bound = self._bound_claims(key, reference) if reference else {}
        issued = int(self._clock())
        claims = {
            "aud": audiences,
            "exp": issued + seconds,
            "iat": issued,
            "iss": ISSUER,
            "jti": str(uuid.uuid4()),
            _OWN_CLAIM: {"namespace": key[0], "serviceaccount": _reference(account), **bound},
            "nbf": issued,
            "sub": f"system:serviceaccount:{key[0]}:{key[1]}",
        }
        expires = dt.datetime.fromtimestamp(issued + seconds, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        metadata = {"name": key[1], "namespace": key[0], "uid": account.metadata["uid"], "creationTimestamp": now()}
        return {
            "kind": "TokenRequest",
            "apiVersion": f"{_GROUP}/v1",
            "metadata": metadata,
            "spec": {"audiences": audiences, "expirationSeconds": seconds, "boundObjectRef": reference},
            "status": {"token": self.signer.sign(claims), "expirationTimestamp": expires},
        }

    def identify(self, token: str, audiences: Sequence[str] = ()) -> Identity:
        """Tells who comes with a token.

        Args:
            token: the token.
            audiences: for whom it should be, at least one of them; this API server if none is given.

        Raises:
            InvalidTokenError: it is not good, or no longer.
        """
        claims = self.signer.claims(token)
        if claims["exp"] <= self._clock():
            raise InvalidTokenError("service account token has expired")
        wanted = list(audiences) or [ISSUER]
        shared = [audience for audience in wanted if audience in claims["aud"]]
        if not shared:
            why = f"token audiences {_quoted(claims['aud'])} is invalid for the target audiences {_quoted(wanted)}"
            raise InvalidTokenError(why)
        own = claims[_OWN_CLAIM]
        self._check_present(own)
        return Identity(_user(claims), shared)

    def _bound_claims(self, key: Key, reference: Object) -> Object:
        """Looks up what a token is to be bound to, and returns the claims that say so."""
        group, _, version = reference.get("apiVersion", "").rpartition("/")
        kind, name = reference.get("kind", ""), reference.get("name", "")
        if kind not in _BINDABLE or group:
            raise bad_request(f"cannot bind token to object of type {group}/{version}, Kind={kind}")
        if not name:
            raise bad_request("Name parameter required.")
        resource = _BINDABLE[kind]
        stored = self._registry.get(resource, (key[0] if resource.namespaced else "", name))
        if resource is PODS and stored.object["spec"]["serviceAccountName"] != key[1]:
            why = f'cannot bind token for serviceaccount "{key[1]}" to pod running with different serviceaccount name.'
            raise bad_request(why)
        uid = reference.get("uid")
        if uid and uid != stored.metadata["uid"]:
            why = (
                f"the UID in the bound object reference ({uid}) does not match the UID in record. "
                "The object might have been deleted and then recreated"
            )
            raise conflict(resource, name, why, kind=kind)
        claims = {kind.lower(): _reference(stored)}
        node = stored.object["spec"].get("nodeName") if resource is PODS else None
        if node:
            present = self._registry.store.get(NODES, ("", node))
            claims["node"] = _reference(present) if present is not None else {"name": node}
        return claims

    def _check_present(self, own: Object) -> None:
        """Refuses a token whose account is gone, or what it is bound to (the node of a pod is only told)."""
        store, namespace = self._registry.store, own["namespace"]
        account = own["serviceaccount"]
        stored = store.get(SERVICEACCOUNTS, (namespace, account["name"]))
        if stored is None:
            raise InvalidTokenError(f'serviceaccounts "{account["name"]}" not found')
        self._check(stored, account, "service account")
        for kind in ("pod", "secret") if "pod" in own or "secret" in own else ("node",):
            if kind in own:
                self._check(_bound(store, namespace, kind, own[kind]["name"]), own[kind], kind)

    def _check(self, stored: Stored | None, claim: Object, kind: str) -> None:
        if stored is None:
            raise InvalidTokenError("service account token has been invalidated")
        uid = stored.metadata["uid"]
        if uid != claim["uid"]:
            raise InvalidTokenError(f"{kind} UID ({uid}) does not match claim ({claim['uid']})")
        gone = stored.metadata.get("deletionTimestamp")
        if gone and dt.datetime.fromisoformat(gone).timestamp() + _SECONDS_AFTER_DELETION < self._clock():
            raise InvalidTokenError("service account token has been invalidated")


def _check_name(key: Key, metadata: Object) -> None:
    if metadata.get("namespace", key[0]) != key[0]:
        raise bad_request("the namespace of the provided object does not match the namespace sent on the request")
    name = metadata.get("name") or key[1]
    if name != key[1]:
        causes = [wrong("metadata.name", name, "must match the service account name if specified")]
        raise invalid_options("TokenRequest", causes, name=key[1], group=_GROUP)


def _reference(stored: Stored) -> dict[str, str]:
    return {"name": stored.metadata["name"], "uid": stored.metadata["uid"]}


def _bound(store: Store, namespace: str, kind: str, name: str) -> Stored | None:
    resource: Resource = _BINDABLE[kind.title()]
    return store.get(resource, (namespace if resource.namespaced else "", name))


def _user(claims: Object) -> Object:
    own = claims[_OWN_CLAIM]
    extra = {f"authentication.{_OWN_CLAIM}/credential-id": [f"JTI={claims['jti']}"]}
    for kind in ("node", "pod"):
        for field, value in own.get(kind, {}).items():
            extra[f"authentication.{_OWN_CLAIM}/{kind}-{field}"] = [value]
    return {
        "username": claims["sub"],
        "uid": own["serviceaccount"]["uid"],
        "groups": [
            "system:serviceaccounts", f"system:serviceaccounts:{own['namespace']}", "system:authenticated",
        ],
        "extra": extra,
    }  # fmt: skip


def _quoted(audiences: Sequence[str]) -> str:
    return f"[{' '.join(map(json.dumps, audiences))}]"
