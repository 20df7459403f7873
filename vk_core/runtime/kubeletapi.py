"""The kubelet API of one node put together: its port, certificates, who may call it, and what it serves."""

from __future__ import annotations

import contextlib
import datetime as dt
import functools
import logging
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, TypeAlias

from aiohttp import web

from vk_core.aio.tasks import run_together
from vk_core.api.node import NodeAddress
from vk_core.errors import UsageError
from vk_core.kube.client import KubeClient
from vk_core.kubelet.auth.middleware import Authenticator, gate
from vk_core.kubelet.auth.reviews import ALLOWED_LIFE, DENIED_LIFE, TOKEN_LIFE, AccessReviewer, TokenReviewer
from vk_core.kubelet.backend import KubeletBackend, StreamTimeouts
from vk_core.kubelet.certificates.clusterauthority import ClusterAuthority
from vk_core.kubelet.certificates.files import AuthorityFile, GivenPair
from vk_core.kubelet.certificates.keypair import Subject
from vk_core.kubelet.certificates.rotation import SERVING, Rotation
from vk_core.kubelet.certificates.selfsigned import SelfSigned
from vk_core.kubelet.certificates.store import PairFile, state_folder
from vk_core.kubelet.certificates.tls import ServingContext
from vk_core.kubelet.health import Health
from vk_core.kubelet.routes import attach_health_routes, attach_kubelet_routes, attach_metrics_routes
from vk_core.kubelet.server import KubeletServer, bind
from vk_core.runtime.options import NodeOptions

ALWAYS_ALLOW = "always-allow"

Work: TypeAlias = Callable[[], Coroutine[Any, Any, None]]

log = logging.getLogger("virtual_kubelet.kubelet")


class KubeletApi:
    """Holds the port from the start, and serves once pods and addresses are known.

    Raises:
        UsageError: a file that was given is no good, or a port is taken.
    """

    def __init__(self, options: NodeOptions, client: KubeClient) -> None:
        self._options = options
        self._client = client
        self._tls = ServingContext()
        self._given = given_pair(options)
        self._authority_file = AuthorityFile(options.client_ca_file) if options.client_ca_file else None
        self._cluster_authority = ClusterAuthority(client, self._tls.trust)
        self._background: dict[str, Work] = {}
        if self._given is not None:
            self._tls.use(self._given.load())
        if self._authority_file is not None:
            self._tls.trust(self._authority_file.load())
        self._socket = bind(options.address, options.port)
        try:
            self._plain = metrics_socket(options)
        except UsageError:
            self._socket.close()
            raise

    @property
    def port(self) -> int:
        """The TCP port that was taken."""
        port: int = self._socket.getsockname()[1]
        return port

    @contextlib.asynccontextmanager
    async def serving(
        self, backend: KubeletBackend, health: Health, addresses: Callable[[], tuple[NodeAddress, ...]]
    ) -> AsyncIterator[Work]:
        """Serve for as long as the context lasts; yields what keeps certificates fresh, to be run meanwhile.

        Args:
            backend: the node and its pods.
            health: what is looked at for health checks.
            addresses: where the node is reached at the moment, for its certificate.
        """
        options = self._options
        self._warn()
        self._background = {}
        await self._prepare_authorities()
        await self._prepare_certificate(lambda: Subject(options.node_name, addresses()))
        access = None if options.authorization == ALWAYS_ALLOW else AccessReviewer(self._client, options.node_name)
        authenticator = Authenticator(
            TokenReviewer(self._client), lambda: self._tls.authorities, anonymous=options.anonymous_auth
        )
        timeouts = StreamTimeouts(idle=options.stream_idle_timeout, creation=options.stream_creation_timeout)
        async with contextlib.AsyncExitStack() as stack:
            routes = functools.partial(
                attach_kubelet_routes,
                backend=backend,
                timeouts=timeouts,
                health=health,
                config=kubelet_config(options, self.port),
            )
            gates = [gate(authenticator, access)]
            await stack.enter_async_context(KubeletServer(self._socket, routes, middlewares=gates, tls=self._tls))
            if self._plain is not None:
                plain = functools.partial(attach_public_routes, health=health)
                await stack.enter_async_context(KubeletServer(self._plain, plain))
            log.info("the kubelet API listens on %s:%d", options.address, self.port)
            yield self._keep_fresh

    def close(self) -> None:
        """Let go of the ports; needed only when they were never served."""
        self._socket.close()
        if self._plain is not None:
            self._plain.close()

    def _warn(self) -> None:
        if self._options.authorization == ALWAYS_ALLOW:
            log.warning("--authorization always-allow: whoever has a name may run commands in every container")
        if self._options.anonymous_auth:
            log.warning("--anonymous-auth: requests without credentials are let in as system:anonymous")

    async def _prepare_authorities(self) -> None:
        if self._authority_file is not None:
            self._background["client-ca"] = functools.partial(self._authority_file.follow, self._tls.trust)
        else:
            await self._cluster_authority.read()
            self._background["client-ca"] = self._cluster_authority.follow

    async def _prepare_certificate(self, subject: Callable[[], Subject]) -> None:
        if self._given is not None:
            self._background["certificate"] = functools.partial(self._given.follow, self._tls.use)
            return
        options = self._options
        folder = options.cert_dir or state_folder(options.node_name)
        made = SelfSigned(subject, PairFile(folder / "serving-self-signed.pem"), must_keep=options.cert_dir is not None)
        if options.rotate_server_certificates:
            signed = Rotation(
                lambda: self._client, SERVING, subject, PairFile(folder / "serving-current.pem"), self._tls.use
            )
            self._background["certificate"] = signed.follow
            if not await signed.start():
                self._tls.use(await made.pair())
            return
        pair = await made.pair()
        self._tls.use(pair)
        self._background["certificate"] = functools.partial(made.follow, self._tls.use, pair)

    async def _keep_fresh(self) -> None:
        await run_together(**{name: work() for name, work in self._background.items()})


def given_pair(options: NodeOptions) -> GivenPair | None:
    """The certificate that was given; None when one is to be made.

    Raises:
        UsageError: only a half of it was given.
    """
    certificate, key = options.tls_cert_file, options.tls_private_key_file
    if certificate is None and key is None:
        return None
    if certificate is None or key is None:
        raise UsageError("--tls-cert-file and --tls-private-key-file: expected both or none")
    return GivenPair(certificate, key)


def check_files(options: NodeOptions) -> None:
    """Complain about files that are no good before anything else is done.

    Raises:
        UsageError: names flag, file and what was expected.
    """
    pair = given_pair(options)
    if pair is not None:
        pair.load()
    if options.client_ca_file is not None:
        AuthorityFile(options.client_ca_file).load()


def metrics_socket(options: NodeOptions) -> socket.socket | None:
    """The port of `--metrics-addr`; None without.

    Raises:
        UsageError: it cannot be had.
    """
    if not options.metrics_addr:
        return None
    host, _, port = options.metrics_addr.rpartition(":")
    return bind(host.strip("[]"), int(port), "--metrics-addr")


def attach_public_routes(app: web.Application, health: Health) -> None:
    """What `--metrics-addr` shows to everybody: health and our own metrics, nothing about pods."""
    attach_health_routes(app, health)
    attach_metrics_routes(app)


def kubelet_config(options: NodeOptions, port: int) -> dict[str, Any]:
    """What `/configz` shows, in the words of `KubeletConfiguration`."""
    return {
        "kind": "KubeletConfiguration",
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "address": options.address,
        "port": port,
        "authentication": {
            "anonymous": {"enabled": options.anonymous_auth},
            "webhook": {"enabled": True, "cacheTTL": _text(TOKEN_LIFE)},
            "x509": {"clientCAFile": str(options.client_ca_file or "")},
        },
        "authorization": {
            "mode": "AlwaysAllow" if options.authorization == ALWAYS_ALLOW else "Webhook",
            "webhook": {"cacheAuthorizedTTL": _text(ALLOWED_LIFE), "cacheUnauthorizedTTL": _text(DENIED_LIFE)},
        },
        "clusterDNS": list(options.cluster_dns),
        "clusterDomain": options.cluster_domain,
        "nodeLeaseDurationSeconds": round(options.lease_duration.total_seconds()),
        "nodeStatusReportFrequency": _text(options.status_update_interval),
        "resolvConf": str(options.resolv_conf),
        "rotateCertificates": options.bootstrap_kubeconfig is not None,
        "serverTLSBootstrap": options.rotate_server_certificates,
        "streamingConnectionIdleTimeout": _text(options.stream_idle_timeout),
        "tlsCertFile": str(options.tls_cert_file or ""),
        "tlsPrivateKeyFile": str(options.tls_private_key_file or ""),
    }


def _text(span: dt.timedelta) -> str:
    return f"{span.total_seconds():g}s"
