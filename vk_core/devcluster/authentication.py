"""Who comes in: the one user, by the token in the kubeconfig, and service accounts, by theirs."""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from typing import Any, TypeAlias

from vk_core.devcluster.serviceaccounts.jwt import ALGORITHM, InvalidTokenError
from vk_core.devcluster.serviceaccounts.tokens import ISSUER, Identity, ServiceAccountTokens
from vk_core.devcluster.statuses import StatusError

Object: TypeAlias = dict[str, Any]

USER: Object = {"username": "kubernetes-admin", "groups": ["system:masters", "system:authenticated"]}
"""The one user, whose token is in the kubeconfig."""

_SCHEME = "bearer"
_CONFIGURATION, _KEYS = "/.well-known/openid-configuration", "/openid/v1/jwks"


class Authenticator:
    """Tells users by their tokens.

    Args:
        token: the token of the one user.
        tokens: those of service accounts.
    """

    def __init__(self, token: str, tokens: ServiceAccountTokens) -> None:
        self._token = token.encode()
        self._tokens = tokens

    def user(self, authorization: str) -> Object:
        """Returns who sends a request (`UserInfo` as JSON), by its `Authorization` header.

        Raises:
            StatusError: 401.
        """
        scheme, _, token = authorization.partition(" ")
        try:
            if scheme.lower() != _SCHEME:
                raise InvalidTokenError
            return self.identify(token.strip()).user
        except InvalidTokenError:
            raise StatusError(401, "Unauthorized") from None

    def identify(self, token: str, audiences: Sequence[str] = ()) -> Identity:
        """Returns whose a token is, if it is for one of the audiences (for this API server if none is given).

        Raises:
            InvalidTokenError: it is nobody's.
        """
        if not hmac.compare_digest(token.encode(errors="replace"), self._token):
            return self._tokens.identify(token, audiences)
        if audiences and ISSUER not in audiences:
            raise InvalidTokenError
        return Identity(USER, [ISSUER])

    def document(self, path: str, address: str) -> tuple[Object, str] | None:
        """Returns how anybody can verify the tokens of service accounts, and its content type (OpenID Connect).

        Args:
            path: what is asked for.
            address: host and port of this server.
        """
        if path == _KEYS:
            return self._tokens.signer.key_set(), "application/jwk-set+json"
        if path != _CONFIGURATION:
            return None
        configuration = {
            "issuer": ISSUER,
            "jwks_uri": f"https://{address}{_KEYS}",
            "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": [ALGORITHM],
        }
        return configuration, "application/json"
