"""TLS of the kubelet API: asks for a client certificate without insisting on a good one, swaps its own any time.

Kubernetes clients expect 401 for a certificate that is unknown or has run out, and a bearer token beside one counts.
Python's `ssl` cannot do that: with CERT_OPTIONAL a bad certificate ends the handshake. So the handshake is OpenSSL's by
way of pyOpenSSL, behind the interface of `ssl.SSLObject` that asyncio drives. OpenSSL still verifies every certificate;
only the verdict is noted instead of ending the connection, and `ClientCertificate.verified` must be asked.
"""

from __future__ import annotations

import datetime as dt
import ssl
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID
from OpenSSL import SSL, crypto

from vk_core.kubelet.certificates.keypair import KeyPair
from vk_core.telemetry.metrics import CERTIFICATES

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

Result = TypeVar("Result")

PROTOCOL = b"http/1.1"
RECORD_BYTES = 1 << 14
"""The most that one TLS record carries."""
OUT_BYTES = 1 << 16
CIPHERS = b"ECDHE+AESGCM:ECDHE+CHACHA20"
"""Of TLS 1.2: forward secrecy and authenticated encryption only; those of TLS 1.3 are all of this kind."""

SESSION_CONTEXT = b"virtual-kubelet"


class ClientCertificate:
    """What a client has shown of itself, and what OpenSSL found wrong with it.

    Attributes:
        certificate: the client's own certificate.
    """

    def __init__(
        self, certificate: x509.Certificate, chain: tuple[x509.Certificate, ...], *, flawed: bool, seen: Authorities
    ) -> None:
        self.certificate = certificate
        self._chain = chain
        self._verdicts: dict[Authorities, bool] = {seen: not flawed}

    def verified(self, authorities: Authorities, now: dt.datetime) -> bool:
        """Whether these authorities vouch for it now; a connection may outlive both a certificate and an authority."""
        if now >= self.certificate.not_valid_after_utc:
            return False
        verdict = self._verdicts.get(authorities)
        if verdict is None:
            verdict = authorities.vouch_for(self.certificate, self._chain)
            self._verdicts = {authorities: verdict}
        return verdict


class Authorities:
    """A bundle of certificate authorities for clients; compared by identity, each load makes a new one."""

    def __init__(self, certificates: tuple[x509.Certificate, ...] = ()) -> None:
        self.certificates = certificates

    def __bool__(self) -> bool:
        return bool(self.certificates)

    def add_to(self, context: SSL.Context) -> None:
        """Have a context verify against them, and name them to clients."""
        store = context.get_cert_store()
        for certificate in self.certificates:
            if store is not None:
                store.add_cert(crypto.X509.from_cryptography(certificate))
            context.add_client_ca(certificate)

    def vouch_for(self, leaf: x509.Certificate, chain: tuple[x509.Certificate, ...]) -> bool:
        """Whether a certificate leads to one of them, is valid now and meant for clients."""
        store = crypto.X509Store()
        for certificate in self.certificates:
            store.add_cert(crypto.X509.from_cryptography(certificate))
        between = [crypto.X509.from_cryptography(certificate) for certificate in chain]
        try:
            crypto.X509StoreContext(store, crypto.X509.from_cryptography(leaf), between).verify_certificate()
        except crypto.X509StoreContextError:
            return False
        return _may_be_client(leaf)


NOBODY = Authorities()
"""No authority: clients are not asked for certificates."""


class ServingContext(ssl.SSLContext):
    """The TLS of one server; what is swapped counts for the next handshake, connections that are there go on."""

    authorities: Authorities
    pair: KeyPair | None

    def __new__(cls) -> ServingContext:
        """A context without a certificate; `use` one before it serves."""
        made = super().__new__(cls, ssl.PROTOCOL_TLS_SERVER)
        made.authorities = NOBODY
        made.pair = None
        made._context = None
        return made

    _context: SSL.Context | None

    def use(self, pair: KeyPair) -> None:
        """Show another certificate from the next handshake on."""
        self._context = _make_context(pair, self.authorities)
        self.pair = pair
        CERTIFICATES.used_until("server", pair.not_after)

    def trust(self, authorities: Authorities) -> None:
        """Believe other authorities about clients, at once."""
        if self.pair is not None:
            self._context = _make_context(self.pair, authorities)
        self.authorities = authorities

    def wrap_bio(self, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO, *_: Any, **__: Any) -> TlsObject:  # type: ignore[override]
        """What asyncio and uvloop call for each connection."""
        if self._context is None:
            raise ssl.SSLError(ssl.SSL_ERROR_SSL, "there is no certificate to serve with yet")
        return TlsObject(self, SSL.Connection(self._context, None), incoming, outgoing, self.authorities)


class TlsObject:
    """One connection, with the methods of `ssl.SSLObject` that event loops use.

    Attributes:
        context: the context it came from.
    """

    server_side = True

    def __init__(
        self,
        context: ServingContext,
        connection: SSL.Connection,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        authorities: Authorities,
    ) -> None:
        self.context = context
        self._connection = connection
        self._incoming = incoming
        self._outgoing = outgoing
        self._authorities = authorities
        self._client: ClientCertificate | None = None
        self._flaws: set[int] = set()
        self._encrypted_left = False
        connection.set_app_data(self._flaws)
        connection.set_accept_state()

    @property
    def client(self) -> ClientCertificate | None:
        """The client's certificate, good or bad; None when it showed none."""
        return self._client

    def do_handshake(self) -> None:
        """Go on with the handshake as far as what has come allows."""
        self._run(self._connection.do_handshake)
        leaf = self._connection.get_peer_certificate(as_cryptography=True)
        if leaf is not None:
            chain = self._connection.get_peer_cert_chain(as_cryptography=True) or []
            self._client = ClientCertificate(leaf, tuple(chain), flawed=bool(self._flaws), seen=self._authorities)

    def read(self, length: int = RECORD_BYTES, buffer: WriteableBuffer | None = None) -> bytes | int:
        """What the client sent, at most one record; empty (or 0) at its orderly end."""
        size = min(length, RECORD_BYTES)
        try:
            if buffer is None:
                return self._run(lambda: self._connection.recv(size))
            return self._run(lambda: self._connection.recv_into(buffer, size))
        except ssl.SSLZeroReturnError:
            return b"" if buffer is None else 0

    def write(self, data: ReadableBuffer) -> int:
        """Encrypt and send."""
        return self._run(lambda: self._connection.send(data))  # type: ignore[arg-type]  # it takes any buffer

    def unwrap(self) -> None:
        """Say goodbye, and wait for the client's."""
        if not self._run(self._connection.shutdown) and not self._run(self._connection.shutdown):
            raise ssl.SSLWantReadError(ssl.SSL_ERROR_WANT_READ, "the client has not said goodbye yet")

    def pending(self) -> int:
        """How many bytes there may be to read; uvloop reads only while this or the incoming buffer has some."""
        return self._connection.pending() or (RECORD_BYTES if self._encrypted_left else 0)

    def getpeercert(self, binary_form: bool = False) -> dict[str, Any] | bytes | None:
        """The client's certificate as DER, verified or not; the decoded form is always empty: ask `client`."""
        if not binary_form:
            return {}
        return None if self._client is None else self._client.certificate.public_bytes(Encoding.DER)

    def cipher(self) -> tuple[str, str, int] | None:
        """Name, protocol version and secret bits."""
        name = self._connection.get_cipher_name()
        return name and (name, self.version(), self._connection.get_cipher_bits() or 0)  # type: ignore[return-value]

    def version(self) -> str:
        """The protocol, such as `TLSv1.3`."""
        return self._connection.get_protocol_version_name()

    def compression(self) -> None:
        """TLS compression is never used."""

    def selected_alpn_protocol(self) -> str | None:
        """What was agreed to speak."""
        return self._connection.get_alpn_proto_negotiated().decode() or None

    def _run(self, step: Callable[[], Result]) -> Result:
        """One step between the two buffers, with the errors that `ssl` would raise."""
        data = self._incoming.read()
        if data:
            self._connection.bio_write(data)
            self._encrypted_left = True
        try:
            return step()
        except SSL.WantReadError:
            self._encrypted_left = False
            if self._incoming.eof:
                raise ssl.SSLEOFError(ssl.SSL_ERROR_EOF, "the client went away without a goodbye") from None
            raise ssl.SSLWantReadError(ssl.SSL_ERROR_WANT_READ, "more is needed from the client") from None
        except SSL.ZeroReturnError:
            raise ssl.SSLZeroReturnError(ssl.SSL_ERROR_ZERO_RETURN, "the client said goodbye") from None
        except SSL.SysCallError as error:
            raise ssl.SSLEOFError(ssl.SSL_ERROR_EOF, str(error)) from None
        except SSL.Error as error:
            raise ssl.SSLError(ssl.SSL_ERROR_SSL, _sentence(error)) from None
        finally:
            self._send_out()

    def _send_out(self) -> None:
        while True:
            try:
                piece = self._connection.bio_read(OUT_BYTES)
            except SSL.WantReadError:
                return
            self._outgoing.write(piece)
            if len(piece) < OUT_BYTES:
                return


def _make_context(pair: KeyPair, authorities: Authorities) -> SSL.Context:
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_min_proto_version(SSL.TLS1_2_VERSION)
    context.set_cipher_list(CIPHERS)
    context.set_options(SSL.OP_NO_COMPRESSION | SSL.OP_NO_TICKET | SSL.OP_NO_RENEGOTIATION)
    # No resumption: a certificate is looked at in every handshake.
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    context.set_session_id(SESSION_CONTEXT)
    context.use_certificate(pair.certificate)
    for certificate in pair.chain[1:]:
        context.add_extra_chain_cert(certificate)
    context.use_privatekey(pair.key)  # type: ignore[arg-type]  # whatever signs certificates can be a server's key
    context.check_privatekey()
    context.set_alpn_select_callback(_select_protocol)
    if authorities:
        authorities.add_to(context)
        context.set_verify(SSL.VERIFY_PEER, _note_flaw)
    return context


def _select_protocol(_: SSL.Connection, offered: list[bytes]) -> Any:
    return PROTOCOL if PROTOCOL in offered else SSL.NO_OVERLAPPING_PROTOCOLS


def _note_flaw(connection: SSL.Connection, _: crypto.X509, error: int, __: int, fine: int) -> bool:
    if not fine:
        connection.get_app_data().add(error)
    return True


def _may_be_client(certificate: x509.Certificate) -> bool:
    try:
        usages = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:  # good for everything
        return True
    except ValueError:
        return False
    return not {ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE}.isdisjoint(usages)


def _sentence(error: SSL.Error) -> str:
    reasons = error.args[0] if error.args and isinstance(error.args[0], list) else []
    return "; ".join(str(reason[-1]) for reason in reasons) or type(error).__name__
