"""What controllers keep in every namespace: the service account `default` and the certificate of the API server.

A new namespace has both at once, so that no pod has to wait for them. What is deleted or altered afterwards is put
back on the next turn of the event loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from vk_core.devcluster.registry import Registry, fresh
from vk_core.devcluster.resources import CONFIGMAPS, NAMESPACES, SERVICEACCOUNTS, Resource
from vk_core.devcluster.serviceaccounts.admission import ROOT_CERTIFICATE
from vk_core.devcluster.store import Change, Key, Object

_CONTROLLER = "kube-controller-manager"
_DEFAULT_ACCOUNT = "default"


class Furnishing:
    """Puts into namespaces what every namespace has, and keeps it there.

    Args:
        registry: where to write.
        root_certificate: the certificate authority of the API server, PEM.
    """

    def __init__(self, registry: Registry, root_certificate: str) -> None:
        self._registry = registry
        self._store = registry.store
        self._data = {"ca.crt": root_certificate}
        self._stops: list[Callable[[], None]] = []

    def start(self) -> None:
        """Begins to listen."""
        self._stops = [
            self._store.listen(self._namespace_changed, NAMESPACES),
            self._store.listen(self._changed, CONFIGMAPS),
            self._store.listen(self._changed, SERVICEACCOUNTS),
        ]

    def stop(self) -> None:
        """Ends listening."""
        while self._stops:
            self._stops.pop()()

    def _namespace_changed(self, change: Change) -> None:
        if change.type == "ADDED":
            self._create(SERVICEACCOUNTS, (change.key[1], _DEFAULT_ACCOUNT))
            self._create(CONFIGMAPS, (change.key[1], ROOT_CERTIFICATE))

    def _changed(self, change: Change) -> None:
        name = ROOT_CERTIFICATE if change.resource is CONFIGMAPS else _DEFAULT_ACCOUNT
        if change.key[1] == name and change.type != "ADDED":
            asyncio.get_running_loop().call_soon(self._restore, change.resource, change.key)

    def _restore(self, resource: Resource, key: Key) -> None:
        stored = self._store.get(resource, key)
        if stored is None:
            namespace = self._store.get(NAMESPACES, ("", key[0]))
            if namespace is not None and "deletionTimestamp" not in namespace.metadata:
                self._create(resource, key)
        elif resource is CONFIGMAPS and "deletionTimestamp" not in stored.metadata:
            new = fresh({name: value for name, value in stored.object.items() if name != "binaryData"})
            self._registry.commit(resource, key, {**new, "data": self._data}, stored, manager=_CONTROLLER)

    def _create(self, resource: Resource, key: Key) -> None:
        object: Object = {"metadata": {"name": key[1]}}
        if resource is CONFIGMAPS:
            object["data"] = self._data
        self._registry.create(resource, key[0], object)
