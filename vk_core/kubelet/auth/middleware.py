"""The gate of the kubelet API: nobody gets to a handler without a name and a right."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Awaitable, Callable
from typing import Protocol

from aiohttp import web
from cryptography import x509
from cryptography.x509.oid import NameOID

from vk_core.api.auth import UserInfo
from vk_core.kube.errors import ApiError
from vk_core.kubelet.auth.attributes import attributes
from vk_core.kubelet.certificates.tls import Authorities, ClientCertificate, TlsObject
from vk_core.kubelet.refusal import Handler, Refusal

AUTHENTICATED = "system:authenticated"
ANONYMOUS = UserInfo(username="system:anonymous", groups=("system:unauthenticated",))

log = logging.getLogger("virtual_kubelet.kubelet")


class Tokens(Protocol):
    """Knows whose token it is."""

    async def user(self, token: str) -> UserInfo | None:
        """The user of a token, or None."""
        ...


class Access(Protocol):
    """Knows who may do what."""

    async def allowed(self, user: UserInfo, verb: str, subresource: str) -> bool:
        """Whether a user may do something to a subresource of the node."""
        ...


class Authenticator:
    """Finds out who sends a request: by client certificate, else by bearer token, else anonymous if that is let in.

    Args:
        tokens: knows whose token it is.
        authorities: those that vouch for client certificates at the moment.
        anonymous: whether requests without a name get one (`system:anonymous`).
    """

    def __init__(self, tokens: Tokens, authorities: Callable[[], Authorities], *, anonymous: bool = False) -> None:
        self._tokens = tokens
        self._authorities = authorities
        self._anonymous = anonymous

    async def user(self, request: web.Request) -> UserInfo | None:
        """The user, or None for nobody. A certificate that is no good does not spoil a token, nor the other way."""
        certificate = _certificate(request)
        user = self._by_certificate(certificate)
        if user is not None:
            return user
        token = bearer_token(request.headers.get("Authorization", ""))
        if token:
            return await self._by_token(token)
        # As for kubelet: what is shown and no good is not the same as nothing.
        return ANONYMOUS if self._anonymous and certificate is None else None

    def _by_certificate(self, client: ClientCertificate | None) -> UserInfo | None:
        authorities = self._authorities()
        if client is None or not authorities or not client.verified(authorities, dt.datetime.now(dt.UTC)):
            return None
        return user_of(client.certificate.subject)

    async def _by_token(self, token: str) -> UserInfo | None:
        if not token.isascii():
            return None
        try:
            return await self._tokens.user(token)
        except ApiError as error:
            log.warning("cannot find out whose token it is: %s", error)
            return None


def _certificate(request: web.Request) -> ClientCertificate | None:
    tls = request.transport and request.transport.get_extra_info("ssl_object")
    return tls.client if isinstance(tls, TlsObject) else None


def user_of(subject: x509.Name) -> UserInfo | None:
    """The user that a certificate names: the common name, in the groups of its organizations; None without a name."""
    names = subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    if not names or not names[0].value:
        return None
    groups = [str(found.value) for found in subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)]
    return UserInfo(username=str(names[0].value), groups=tuple(dict.fromkeys([*groups, AUTHENTICATED])))


def bearer_token(header: str) -> str:
    """The token of an `Authorization` header; empty when it has none."""
    scheme, _, token = header.strip().partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def gate(
    authenticator: Authenticator, access: Access | None
) -> Callable[[web.Request, Handler], Awaitable[web.StreamResponse]]:
    """A middleware that lets through only who may.

    Args:
        authenticator: finds out who it is.
        access: knows who may; None lets everybody do everything who has a name.
    """

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        user = await authenticator.user(request)
        if user is None:
            return Refusal(401, "Unauthorized").response()
        if access is not None:
            refusal = await _refusal(request, user, access)
            if refusal is not None:
                return refusal.response()
        return await handler(request)

    return check


async def _refusal(request: web.Request, user: UserInfo, access: Access) -> Refusal | None:
    resource = request.match_info.route.resource
    verb, subresources = attributes(request.method, resource.canonical if resource is not None else "")
    try:
        for subresource in subresources:
            if await access.allowed(user, verb, subresource):
                return None
    except ApiError as error:
        log.warning("cannot find out whether %s may %s nodes/%s: %s", user.username, verb, subresources, error)
        return Refusal(
            500,
            f"Authorization error (user={user.username}, verb={verb}, resource=nodes, "
            f"subresource={','.join(subresources)})",
        )
    return Refusal(
        403, f"Forbidden (user={user.username}, verb={verb}, resource=nodes, subresource={','.join(subresources)})"
    )
