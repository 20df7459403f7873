"""Certificate authorities of tests, and client certificates of every sort, good and bad."""

from __future__ import annotations

import datetime as dt
import ssl
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from vk_core.kubelet.certificates.keypair import KeyPair, new_key
from vk_core.kubelet.certificates.tls import Authorities

DAY = dt.timedelta(days=1)


class Authority:
    """Vouches for whomever a test wants; `issuer` makes it one between that authority and its clients."""

    def __init__(self, name: str = "test-ca", issuer: Authority | None = None) -> None:
        self.key = new_key()
        self._issuer = issuer
        self.certificate = sign(name, self.key, issuer or self, authority=True)

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def authorities(self) -> Authorities:
        return Authorities((self.certificate,))

    def client(
        self,
        user: str,
        *groups: str,
        usage: x509.ObjectIdentifier = ExtendedKeyUsageOID.CLIENT_AUTH,
        until: dt.timedelta = DAY,
    ) -> KeyPair:
        key = new_key()
        between = (self.certificate,) if self._issuer is not None else ()
        return KeyPair(key, (sign(user, key, self, groups, usage=usage, until=until), *between))


def sign(
    user: str,
    key: ec.EllipticCurvePrivateKey,
    by: Authority,
    groups: tuple[str, ...] = (),
    *,
    authority: bool = False,
    usage: x509.ObjectIdentifier = ExtendedKeyUsageOID.CLIENT_AUTH,
    until: dt.timedelta = DAY,
) -> x509.Certificate:
    attributes = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups]
    subject = x509.Name([*attributes, x509.NameAttribute(NameOID.COMMON_NAME, user)])
    now = dt.datetime.now(dt.UTC)
    builder = x509.CertificateBuilder(
        issuer_name=by.certificate.subject if hasattr(by, "certificate") else subject,
        subject_name=subject,
        public_key=key.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=now - 2 * DAY,
        not_valid_after=now + until,
    ).add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    if not authority:
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    return builder.sign(by.key, hashes.SHA256())


def client_context(folder: Path, pair: KeyPair | None = None) -> ssl.SSLContext:
    """A client that believes every server, with a certificate of its own if there is one."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if pair is not None:
        file = folder / f"client-{id(pair)}.pem"
        file.write_bytes(pair.pem)
        context.load_cert_chain(file)
    return context
