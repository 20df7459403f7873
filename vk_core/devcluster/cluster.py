"""One dev cluster: store, server and scheduler, started together and gone together."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from vk_core.devcluster.authentication import Authenticator
from vk_core.devcluster.background import Background
from vk_core.devcluster.furnishing import Furnishing
from vk_core.devcluster.handlers import Handlers
from vk_core.devcluster.kubelets.proxy import KubeletProxy
from vk_core.devcluster.registry import Registry
from vk_core.devcluster.resources import CONFIGMAPS, NAMESPACES, SERVICES, STORED
from vk_core.devcluster.scheduler import Scheduler
from vk_core.devcluster.security import make_credentials, make_kubeconfig, write_private
from vk_core.devcluster.server import Server, make_server
from vk_core.devcluster.serviceaccounts.tokens import ServiceAccountTokens
from vk_core.devcluster.signer import ServingSigner
from vk_core.devcluster.store import Object, Store
from vk_core.devcluster.usage.reports import Usage

_NAMESPACES = ("default", "kube-node-lease", "kube-public", "kube-system")
_SHUTDOWN_SECONDS = 1.0


class DevCluster:
    """An API server in memory, and a scheduler: `async with DevCluster() as cluster`.

    Args:
        host: a loopback address to listen on.
        port: the port, or 0 for any that is free.
        scheduler: whether pods without a node are given one.
        history: how many changes of each type are kept for watches that resume.
    """

    def __init__(self, *, host: str = "127.0.0.1", port: int = 0, scheduler: bool = True, history: int = 8192) -> None:
        self._host = host
        self._port = port
        self._credentials = make_credentials(host)
        self.store = Store(history=history)
        self.registry = Registry(self.store)
        tokens = ServiceAccountTokens(self.registry)
        authenticator = Authenticator(self._credentials.token, tokens)
        self._handlers = Handlers(self.registry, tokens, authenticator)
        self._kubelets = KubeletProxy(self.registry, self._credentials.kubelet_context())
        self._usage = Usage(self.store, self._kubelets.metrics)
        self._server = Server(self._handlers, self._kubelets, self._usage, authenticator)
        self._background = Background(self.registry)
        self._furnishing = Furnishing(self.registry, self.certificate_authority)
        self._signer = ServingSigner(self.registry, self._credentials.authority)
        self._scheduler = Scheduler(self.registry) if scheduler else None
        self._runner: web.ServerRunner | None = None

    async def __aenter__(self) -> Self:
        """Starts the cluster."""
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stops the cluster."""
        await self.stop()

    async def start(self) -> None:
        """Listens, and makes what every cluster begins with.

        Raises:
            OSError: the port is taken.
        """
        self._background.start()
        self._furnishing.start()
        self._signer.start()
        if self._scheduler is not None:
            self._scheduler.start()
        for name in _NAMESPACES:
            self.registry.create(NAMESPACES, "", {"metadata": {"name": name}})
        self.registry.create(CONFIGMAPS, "kube-system", _authentication(self.certificate_authority))
        self._runner = web.ServerRunner(make_server(self._server), shutdown_timeout=_SHUTDOWN_SECONDS)
        await self._runner.setup()
        context = self._credentials.server_context()
        await web.TCPSite(self._runner, self._host, self._port, ssl_context=context).start()
        self._port = self._runner.addresses[0][1]
        self._server.address = f"{self._host}:{self._port}"
        self.registry.create(SERVICES, "default", _api_service(self._host, self._port))

    async def stop(self) -> None:
        """Ends all connections and forgets everything."""
        if self._scheduler is not None:
            self._scheduler.stop()
        self._background.stop()
        self._furnishing.stop()
        self._signer.stop()
        self._server.disconnect_watches()
        await self._usage.close()
        await self._kubelets.close()
        if self._runner is not None:
            await self._runner.cleanup()

    @property
    def url(self) -> str:
        """Where the API server listens."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"https://{host}:{self._port}"

    @property
    def kubeconfig(self) -> dict[str, Any]:
        """A kubeconfig for kubectl and other clients."""
        return make_kubeconfig(self.url, self._credentials)

    def write_kubeconfig(self, path: Path) -> None:
        """Writes the kubeconfig to a file that only its owner can read; it is JSON, which is YAML as well.

        Raises:
            OSError: the file cannot be written.
        """
        write_private(path, json.dumps(self.kubeconfig, indent=2) + "\n")

    @property
    def token(self) -> str:
        """The bearer token of the one user."""
        return self._credentials.token

    @property
    def certificate_authority(self) -> str:
        """The certificate authority's certificate, PEM."""
        return self._credentials.authority.certificate.decode()

    @property
    def requests(self) -> Counter[tuple[str, str]]:
        """How many requests there were, by verb and type: `("patch", "pods/status")`."""
        return self._server.requests

    @property
    def open_watches(self) -> int:
        """How many watch streams there are now."""
        return self._server.open_watches

    @property
    def open_streams(self) -> int:
        """How many exec, attach and port-forward connections to kubelets there are now."""
        return self._kubelets.open_upgrades

    def objects(self, plural: str, namespace: str | None = None) -> list[Mapping[str, Any]]:
        """Returns the objects of a type, such as `pods`; they are not to be altered.

        Raises:
            KeyError: there is no such type.
        """
        resource = {stored.plural: stored for stored in STORED}[plural]
        return [stored.object for stored in self.store.items(resource, namespace)]

    def disconnect_watches(self) -> None:
        """Ends all watch streams: clients have to connect again."""
        self._server.disconnect_watches()

    def compact(self) -> None:
        """Forgets all history: watches and pages that go on from before are answered with 410."""
        self.store.compact()
        self._handlers.lister.forget()

    def fail_next(self, verb: str, resource: str, status: int, times: int = 1) -> None:
        """Lets the next requests fail.

        Args:
            verb: as RBAC names it (`get`, `list`, `watch`, `patch`, ...), or `*`.
            resource: a type, with its subresource if any (`pods`, `pods/status`), or `*`.
            status: the HTTP status code.
            times: how many requests.
        """
        self._server.faults.plan(verb, resource, status, times)


def _authentication(authority: str) -> Object:
    """What kubelets and other API servers need to know clients by: who signs their certificates."""
    return {"metadata": {"name": "extension-apiserver-authentication"}, "data": {"client-ca-file": authority}}


def _api_service(host: str, port: int) -> Object:
    """The service `kubernetes`, by which pods know the API server.

    There is no network of services, so it has the address where the API server listens: clients in pods that are
    processes of this machine work as they do in a real cluster.
    """
    labels = {"component": "apiserver", "provider": "kubernetes"}
    spec = {
        "clusterIP": host,
        "ipFamilies": ["IPv6" if ":" in host else "IPv4"],
        "ports": [{"name": "https", "port": port, "targetPort": port}],
    }
    return {"metadata": {"name": "kubernetes", "labels": labels}, "spec": spec}
