"""JSON Web Tokens (RFC 7519), signed with ES256 by a key that a cluster makes for itself when it first needs it."""

from __future__ import annotations

import base64
import hashlib
from functools import cached_property, lru_cache
from typing import Any, TypeAlias

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

Object: TypeAlias = dict[str, Any]

ALGORITHM = "ES256"
_NUMBER_BYTES = 32
_VERIFIED_KEPT = 2048


class InvalidTokenError(ValueError):
    """A token that nobody is let in with; the message says why, without any part of the token."""

    def __init__(self, message: str = "invalid bearer token") -> None:
        super().__init__(message)


class TokenSigner:
    """Signs tokens, and tells its own from others."""

    def __init__(self) -> None:
        # A signature takes longer to verify than all else that a request needs, and tokens come again and again.
        self._claims = lru_cache(_VERIFIED_KEPT)(self._verify)

    def sign(self, claims: Object) -> str:
        """Returns a token."""
        header = {"alg": ALGORITHM, "kid": self._key_id}
        signed = b".".join(_encode(msgspec.json.encode(part)) for part in (header, claims))
        numbers = decode_dss_signature(self._key.sign(signed, ec.ECDSA(hashes.SHA256())))
        return (signed + b"." + _encode(b"".join(map(_number, numbers)))).decode()

    def claims(self, token: str) -> Object:
        """Returns what a token says; not to be altered. Whether it still holds is not looked at.

        Raises:
            InvalidTokenError: it was not signed here.
        """
        return self._claims(token)

    def key_set(self) -> Object:
        """The public key as a JSON Web Key Set (RFC 7517)."""
        numbers = self._key.public_key().public_numbers()
        point = {name: _encode(_number(number)).decode() for name, number in (("x", numbers.x), ("y", numbers.y))}
        key = {"use": "sig", "kty": "EC", "kid": self._key_id, "alg": ALGORITHM, "crv": "P-256", **point}
        return {"keys": [key]}

    @cached_property
    def _key(self) -> ec.EllipticCurvePrivateKey:
        return ec.generate_private_key(ec.SECP256R1())

    @cached_property
    def _key_id(self) -> str:
        public = self._key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return _encode(hashlib.sha256(public).digest()).decode()

    def _verify(self, token: str) -> Object:
        signed, _, signature = token.rpartition(".")
        try:
            # The header may say of another algorithm what it likes: this key makes signatures of one kind only.
            first, second = _decode(signature)[:_NUMBER_BYTES], _decode(signature)[_NUMBER_BYTES:]
            pair = encode_dss_signature(int.from_bytes(first), int.from_bytes(second))
            self._key.public_key().verify(pair, signed.encode(), ec.ECDSA(hashes.SHA256()))
            claims: Object = msgspec.json.decode(_decode(signed.partition(".")[2]))
        except (InvalidSignature, ValueError):
            raise InvalidTokenError from None
        return claims


def _encode(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def _decode(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


def _number(number: int) -> bytes:
    return number.to_bytes(_NUMBER_BYTES)
