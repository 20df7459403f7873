"""The certificate authority of a dev cluster: it signs who serves, who calls the kubelets, and what nodes ask for.

It lives as long as the cluster and its key never leaves this process.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_VALIDITY = dt.timedelta(days=30)
_CLOCK_SKEW = dt.timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A certificate and its private key, both PEM."""

    certificate: bytes
    key: bytes

    def __repr__(self) -> str:
        return "KeyPair(…)"


class CertificateAuthority:
    """Signs certificates.

    Attributes:
        certificate: its own certificate, PEM.
    """

    def __init__(self, common_name: str) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name(common_name)
        certificate = (
            self._builder(self._name, self._key.public_key(), _VALIDITY)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signs_certificates=True), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        identifier = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        self._identifier = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)
        self.certificate = certificate.public_bytes(serialization.Encoding.PEM)

    def server(self, common_name: str, names: Sequence[str], addresses: Sequence[str]) -> KeyPair:
        """Makes a serving certificate for DNS names and IP addresses."""
        alternatives = [
            *(x509.DNSName(name) for name in names),
            *(x509.IPAddress(ipaddress.ip_address(address)) for address in addresses),
        ]
        key = ec.generate_private_key(ec.SECP256R1())
        extensions: list[x509.ExtensionType] = [
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]),
            x509.SubjectAlternativeName(alternatives),
        ]
        return KeyPair(self._sign(_name(common_name), key.public_key(), extensions), _pem(key))

    def client(self, common_name: str, organization: str) -> KeyPair:
        """Makes a client certificate: user and group, as Kubernetes reads them."""
        key = ec.generate_private_key(ec.SECP256R1())
        extensions: list[x509.ExtensionType] = [x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])]
        return KeyPair(self._sign(_name(common_name, organization), key.public_key(), extensions), _pem(key))

    def sign_serving_request(
        self, request: x509.CertificateSigningRequest, validity: dt.timedelta | None = None
    ) -> bytes:
        """Signs what a node asks for, which has been checked, for `validity` (30 days at most); returns PEM."""
        alternatives = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        extensions: list[x509.ExtensionType] = [
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]),
            alternatives,
        ]
        return self._sign(request.subject, request.public_key(), extensions, min(validity or _VALIDITY, _VALIDITY))

    def _sign(
        self,
        subject: x509.Name,
        key: CertificatePublicKeyTypes,
        extensions: Sequence[x509.ExtensionType],
        validity: dt.timedelta = _VALIDITY,
    ) -> bytes:
        builder = (
            self._builder(subject, key, validity)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs_certificates=False), critical=True)
            .add_extension(self._identifier, critical=False)
        )
        for extension in extensions:
            builder = builder.add_extension(extension, critical=False)
        return builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    def _builder(
        self, subject: x509.Name, key: CertificatePublicKeyTypes, validity: dt.timedelta
    ) -> x509.CertificateBuilder:
        now = dt.datetime.now(dt.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _CLOCK_SKEW)
            .not_valid_after(now + validity)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        )


def _name(common_name: str, organization: str = "") -> x509.Name:
    attributes = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
    if organization:
        attributes.insert(0, x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization))
    return x509.Name(attributes)


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
