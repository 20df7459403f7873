"""Who may come in, and how the cluster shows itself to its nodes: made anew for every dev cluster."""

from __future__ import annotations

import os
import secrets
import ssl
import tempfile
from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vk_core.devcluster.authority import CertificateAuthority, KeyPair

_CONTEXT = "virtual-kubelet-dev"
_DNS_NAMES = ("localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc")
_KUBELET_CLIENT = "kube-apiserver-kubelet-client"
_MASTERS = "system:masters"


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a dev cluster, its clients and its nodes need to trust each other.

    Attributes:
        authority: signs certificates; clients trust the serving certificate and nodes the client certificate by it.
        serving: the certificate of the API server.
        kubelet_client: the certificate that the API server shows to kubelets.
        token: the bearer token of the one user.
    """

    authority: CertificateAuthority
    serving: KeyPair
    kubelet_client: KeyPair
    token: str

    def server_context(self) -> ssl.SSLContext:
        """Makes the TLS context to serve with."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        _load(context, self.serving)
        return context

    def kubelet_context(self) -> ssl.SSLContext:
        """Makes the TLS context to call kubelets with.

        Their serving certificates are not verified, as an API server without `--kubelet-certificate-authority` does
        not: a node signs its own until somebody approves a better one, and dev clusters stay on the loopback.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.set_alpn_protocols(["http/1.1"])
        _load(context, self.kubelet_client)
        return context


def make_credentials(host: str) -> Credentials:
    """Makes a certificate authority, a serving certificate for `host` and localhost, a client certificate, a token."""
    authority = CertificateAuthority("virtual-kubelet-dev-ca")
    serving = authority.server(_CONTEXT, _DNS_NAMES, sorted({host, "127.0.0.1", "::1"}))
    return Credentials(authority, serving, authority.client(_KUBELET_CLIENT, _MASTERS), secrets.token_urlsafe(32))


def make_kubeconfig(url: str, credentials: Credentials) -> dict[str, Any]:
    """Returns a kubeconfig for the one user."""
    authority = b64encode(credentials.authority.certificate).decode()
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": _CONTEXT, "cluster": {"server": url, "certificate-authority-data": authority}}],
        "users": [{"name": _CONTEXT, "user": {"token": credentials.token}}],
        "contexts": [{"name": _CONTEXT, "context": {"cluster": _CONTEXT, "user": _CONTEXT, "namespace": "default"}}],
        "current-context": _CONTEXT,
        "preferences": {},
    }


def write_private(path: Path, text: str) -> None:
    """Writes a file that only its owner can read, in place of one that may be there.

    Raises:
        OSError: it cannot be written.
    """
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)


def _load(context: ssl.SSLContext, pair: KeyPair) -> None:
    # The ssl module reads certificates from files only.
    with tempfile.TemporaryDirectory(prefix="vk-dev-") as folder:
        path = Path(folder, "pair.pem")
        path.touch(mode=0o600)
        path.write_bytes(pair.certificate + pair.key)
        context.load_cert_chain(path)
