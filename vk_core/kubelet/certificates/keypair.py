"""A certificate with its private key: read and checked, made, and asked for. Pure; files are the business of others."""

from __future__ import annotations

import datetime as dt
import ipaddress
from dataclasses import dataclass
from functools import cached_property

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from vk_core.api.node import NodeAddress

NODES_GROUP = "system:nodes"
"""The group of all nodes, the organization of their certificates."""

NODE_USER_PREFIX = "system:node:"
"""Followed by its name: the user that a node is, the common name of its certificates."""

SELF_SIGNED_LIFE = dt.timedelta(days=365)
CLOCK_SKEW = dt.timedelta(minutes=5)
_IP_TYPES = frozenset({"InternalIP", "ExternalIP"})


class BadKeyPairError(ValueError):
    """Not a certificate with its key; the text completes `expected ...`.

    Attributes:
        about_key: whether the key is at fault rather than the certificate.
    """

    def __init__(self, text: str, *, about_key: bool = False) -> None:
        super().__init__(text)
        self.about_key = about_key


@dataclass(frozen=True)
class KeyPair:
    """A private key and its certificate, with those between it and its authority behind it.

    Attributes:
        key: the private key.
        chain: the certificate first, as it is sent to clients.
    """

    key: CertificateIssuerPrivateKeyTypes
    chain: tuple[x509.Certificate, ...]

    @classmethod
    def parse(cls, certificate_pem: bytes, key_pem: bytes) -> KeyPair:
        """Read PEM; either may contain more than what is looked for.

        Raises:
            BadKeyPairError: it is not PEM, or the two do not belong together.
        """
        try:
            chain = tuple(x509.load_pem_x509_certificates(certificate_pem))
        except ValueError as error:
            raise BadKeyPairError("expected a certificate in PEM") from error
        try:
            key = serialization.load_pem_private_key(_only_key(key_pem), password=None)
        except TypeError as error:
            raise BadKeyPairError("expected a private key without a password", about_key=True) from error
        except ValueError as error:
            raise BadKeyPairError("expected a private key in PEM", about_key=True) from error
        if _public(key.public_key()) != _public(chain[0].public_key()):
            raise BadKeyPairError("expected the private key of the certificate, got another one", about_key=True)
        return cls(key, chain)  # type: ignore[arg-type]  # a certificate has the public key, so it can sign

    @cached_property
    def certificate(self) -> x509.Certificate:
        """The certificate itself."""
        return self.chain[0]

    @property
    def pem(self) -> bytes:
        """Key and chain in one text; secret."""
        key = self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return key + b"".join(certificate.public_bytes(serialization.Encoding.PEM) for certificate in self.chain)

    @property
    def not_before(self) -> dt.datetime:
        """When it begins to be valid."""
        return self.certificate.not_valid_before_utc

    @property
    def not_after(self) -> dt.datetime:
        """When it has run out."""
        return self.certificate.not_valid_after_utc

    def at(self, share: float) -> dt.datetime:
        """The moment at which a share (0 to 1) of its life is over."""
        return self.not_before + (self.not_after - self.not_before) * share

    def suits(self, subject: Subject) -> bool:
        """Whether it is for this subject, and for all of its addresses."""
        if self.certificate.subject.rdns != subject.name.rdns:
            return False
        try:
            names = self.certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        except x509.ExtensionNotFound:
            return not subject.alternative_names
        return set(subject.alternative_names) <= set(names)

    def __repr__(self) -> str:
        return f"KeyPair({self.certificate.subject.rfc4514_string()!r}, until {self.not_after:%Y-%m-%d %H:%M})"


@dataclass(frozen=True)
class Subject:
    """A node as certificates name it.

    Attributes:
        node_name: the node.
        addresses: where it is reached; none for a certificate that it shows as a client.
    """

    node_name: str
    addresses: tuple[NodeAddress, ...] = ()

    @property
    def name(self) -> x509.Name:
        """Organization and common name as signers of Kubernetes demand them."""
        return x509.Name(
            [
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, NODES_GROUP),
                x509.NameAttribute(NameOID.COMMON_NAME, NODE_USER_PREFIX + self.node_name, _validate=False),
            ]
        )

    @cached_property
    def alternative_names(self) -> tuple[x509.GeneralName, ...]:
        """Every address once: IP addresses as such, all others as DNS names."""
        found = [_general_name(address) for address in self.addresses if address.address]
        return tuple(dict.fromkeys(found))

    def signing_request(self, key: ec.EllipticCurvePrivateKey) -> bytes:
        """A PKCS#10 request, PEM."""
        builder = x509.CertificateSigningRequestBuilder(self.name)
        if self.alternative_names:
            builder = builder.add_extension(x509.SubjectAlternativeName(self.alternative_names), critical=False)
        return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    def self_signed(self, now: dt.datetime | None = None) -> KeyPair:
        """A certificate that vouches for itself, good for a year."""
        now = now or dt.datetime.now(dt.UTC)
        key = new_key()
        builder = (
            x509.CertificateBuilder(
                issuer_name=self.name,
                subject_name=self.name,
                public_key=key.public_key(),
                serial_number=x509.random_serial_number(),
                not_valid_before=now - CLOCK_SKEW,
                not_valid_after=now + SELF_SIGNED_LIFE,
            )
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_digital_signature(), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        )
        if self.alternative_names:
            builder = builder.add_extension(x509.SubjectAlternativeName(self.alternative_names), critical=False)
        return KeyPair(key, (builder.sign(key, hashes.SHA256()),))


def new_key() -> ec.EllipticCurvePrivateKey:
    """A fresh key, ECDSA on P-256 as kubelet makes them."""
    return ec.generate_private_key(ec.SECP256R1())


def parse_authorities(pem: bytes) -> tuple[x509.Certificate, ...]:
    """The certificates of a CA bundle.

    Raises:
        ValueError: there is none, or one of them is spoilt; the text completes `expected ...`.
    """
    try:
        return tuple(x509.load_pem_x509_certificates(pem))
    except ValueError as error:
        raise ValueError("expected one or more certificates in PEM") from error


def _general_name(address: NodeAddress) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(address.address))
    except ValueError:
        return x509.DNSName(address.address)


def _only_key(pem: bytes) -> bytes:
    """From where the key begins; a file may have certificates before it."""
    for line in pem.splitlines():
        if line.startswith(b"-----BEGIN") and b"PRIVATE KEY" in line:
            return pem[pem.index(line) :]
    return pem


def _public(key: object) -> bytes:
    encoded: bytes = key.public_bytes(  # type: ignore[attr-defined]  # every public key has it
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return encoded


def _digital_signature() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
