"""Who we are to the API server: kubeconfig, exec plug-ins, in-cluster tokens, read by the `kubernetes` package."""

from __future__ import annotations

import os
import ssl
import urllib.parse
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vk_core.errors import UsageError

if TYPE_CHECKING:
    from kubernetes.aio.client import Configuration

IN_CLUSTER_VARIABLE = "KUBERNETES_SERVICE_HOST"


@dataclass(frozen=True, slots=True)
class Credentials:
    """How to reach the API server; `authorization` is the whole header, secret.

    `streams_tls` is the same as `tls`, but offers HTTP/2: what is offered belongs to the context, not to a connection.
    """

    server: str
    tls: ssl.SSLContext | bool
    streams_tls: ssl.SSLContext | bool
    authorization: str
    proxy: str | None
    fingerprint: tuple[str, ...]

    def same_as(self, other: Credentials) -> bool:
        """Whether nothing changed, so that trying again is of no use."""
        return self.fingerprint == other.fingerprint

    def __repr__(self) -> str:
        return f"Credentials(server={self.server!r})"


@dataclass(frozen=True, slots=True)
class CredentialSource:
    """Where credentials come from, so that they can be read again when they have run out.

    Attributes:
        kubeconfig: the file, or None for in-cluster credentials.
        client_certificate: PEM file of a certificate with its key to come as, instead of what the kubeconfig says.
    """

    kubeconfig: Path | None
    client_certificate: Path | None = None

    @classmethod
    def find(cls, kubeconfig: Path | None) -> CredentialSource:
        """The file given, else `$KUBECONFIG`, else `~/.kube/config`, else the pod's own service account.

        Raises:
            UsageError: none of them is there.
        """
        if kubeconfig is not None:
            return cls(kubeconfig)
        named = os.environ.get("KUBECONFIG", "")
        if named:
            return cls(Path(named))
        default = Path.home() / ".kube" / "config"
        if default.exists():
            return cls(default)
        if os.environ.get(IN_CLUSTER_VARIABLE):
            return cls(None)
        raise UsageError(
            f"no cluster to join: give --kubeconfig FILE or set KUBECONFIG; {default} does not exist "
            "and this is not a pod of a cluster"
        )

    async def load(self) -> Credentials:
        """Read the credentials.

        Raises:
            UsageError: the file cannot be read or says something else than a kubeconfig; names file and key.
        """
        from kubernetes.aio import client, config  # a third of a second to import

        configuration: Configuration = client.Configuration()
        configuration.host = ""
        origin = str(self.kubeconfig or "in-cluster credentials")
        try:
            if self.kubeconfig is None:
                config.load_incluster_config(configuration)
            else:
                _check_readable(str(self.kubeconfig).split(os.pathsep))
                await config.load_kube_config(
                    config_file=str(self.kubeconfig), client_configuration=configuration, persist_config=False
                )
            if self.client_certificate is not None:
                configuration.cert_file = configuration.key_file = str(self.client_certificate)
                configuration.api_key = {}
                configuration.refresh_api_key_hook = None
            return await _credentials(configuration, origin)
        except UsageError:
            raise
        except Exception as error:  # the loader raises whatever its YAML and file helpers raise
            raise UsageError(f"{origin}: expected a kubeconfig: {_sentence(error)}") from error


def _check_readable(paths: list[str]) -> None:
    """One of several files may be missing, as with kubectl; the only one may not."""
    files = [Path(path).expanduser() for path in paths if path]
    for path in [path for path in files if path.exists()] or files[:1]:
        try:
            with path.open("rb"):
                pass
        except OSError as error:
            raise UsageError(f"{path}: cannot read this kubeconfig: {error.strerror}") from error


def _sentence(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


async def _credentials(configuration: Configuration, origin: str) -> Credentials:
    server = (configuration.host or "").rstrip("/")
    if not server.startswith(("https://", "http://")):
        raise UsageError(
            f"{origin}: clusters[].cluster.server: expected a URL such as https://HOST:6443, got {server!r}"
        )
    authorization = await configuration.get_api_key_with_prefix("BearerToken") or ""
    if authorization.startswith("bearer "):
        authorization = "Bearer " + authorization.removeprefix("bearer ")
    authorization = authorization.strip()
    secured = server.startswith("https")
    return Credentials(
        server=server,
        tls=_tls(configuration, origin) if secured else False,
        streams_tls=_tls(configuration, origin, "h2", "http/1.1") if secured else False,
        authorization=authorization,
        proxy=configuration.proxy or _proxy_of_environment(server),
        fingerprint=(
            server,
            authorization,
            *(_text(path) for path in (configuration.ssl_ca_cert, configuration.cert_file, configuration.key_file)),
        ),
    )


def _tls(configuration: Configuration, origin: str, *protocols: str) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=configuration.ssl_ca_cert)
        if configuration.cert_file:
            context.load_cert_chain(configuration.cert_file, keyfile=configuration.key_file)
    except (OSError, ssl.SSLError) as error:
        raise UsageError(f"{origin}: cannot use its certificates: {error}") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # Cluster CAs made by common tools lack extensions that Python 3.13 asks for and no other client does.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if protocols:
        context.set_alpn_protocols(list(protocols))
    if not configuration.verify_ssl:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _proxy_of_environment(server: str) -> str | None:
    parts = urllib.parse.urlsplit(server)
    if urllib.request.proxy_bypass(parts.hostname or ""):
        return None
    return urllib.request.getproxies().get(parts.scheme)


def _text(path: str | None) -> str:
    return Path(path).read_text() if path else ""
