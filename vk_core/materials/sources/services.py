"""The services that pods get variables for: those of the namespaces of pods with links, and `kubernetes` of `default`.

Variables are made when a container starts and never change in it, so nobody is told of changes.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from vk_core.api.core import Service
from vk_core.api.meta import ObjectMeta
from vk_core.kube.client import KubeClient
from vk_core.kube.errors import ApiError, ApiUnavailable
from vk_core.kube.informer import Informer
from vk_core.kube.resources import SERVICES
from vk_core.materials.sources.following import PATIENCE_SECONDS, Followed, Following

UNAVAILABLE_PATIENCE_SECONDS = 10.0
"""How long to wait for a server that does not answer: a container without the variables would stay so for its life."""

log = logging.getLogger("virtual_kubelet.materials")


class _Scope(NamedTuple):
    """All services of a namespace, or the one with this name."""

    namespace: str
    name: str = ""


_API_SERVER = _Scope("default", "kubernetes")

_Services = Mapping[str, Service]
_Item = Followed[_Scope, _Services]


class ServiceStore:
    """Follows services while pods need them.

    Where that is forbidden, or the API server does not answer for a while, there is a warning and pods get no
    variables, or those of what was seen last: a pod must not wait for ever for what most do not look at.

    Attributes:
        version: another number after every change, for those who keep what they made of services.
    """

    def __init__(self, client: KubeClient) -> None:
        self.version = 0
        self._client = client
        self._troubled: set[_Scope] = set()
        self._scopes: Following[_Scope, _Services] = Following(
            self._follow, initial=lambda _: {}, label=lambda _: SERVICES.plural
        )

    @property
    def watches(self) -> int:
        """How many watches there are now: one for `kubernetes` and one for each namespace."""
        return self._scopes.watches

    def hold(self, uid: str, namespace: str, links: bool) -> None:
        """Have a pod need `kubernetes`, and with `links` the services of its namespace."""
        self._scopes.hold(uid, _needed(namespace, links))

    def release(self, uid: str) -> None:
        """Forget a pod."""
        self._scopes.release(uid)

    async def ready(self, namespace: str, links: bool) -> None:
        """Wait until they were read, or it is clear that this is not possible now."""
        await self._scopes.ready(_needed(namespace, links))

    def services(self, namespace: str) -> Iterable[Service]:
        """What is known of the services of a namespace, and of `kubernetes`; each once."""
        found: dict[str, Service] = {}
        for scope in _needed(namespace, links=True):
            item = self._scopes.get(scope)
            if item is not None:
                found.update(item.state)
        return found.values()

    async def run(self) -> None:
        """Follow services until cancelled."""
        await self._scopes.run()

    async def _follow(self, item: _Item) -> None:
        def listed() -> None:
            self.version += 1  # also if there are none any more
            self._troubled.discard(item.key)
            item.settle()

        informer: Informer[Service, Service] = Informer(
            self._client,
            SERVICES,
            self._changed,
            namespace=item.key.namespace,
            field_selector=f"metadata.name={item.key.name}" if item.key.name else "",
            merge=_trimmed,
            listed=listed,
            failed=functools.partial(self._failed, item),
        )
        item.state = informer.objects
        await informer.run()

    def _changed(self, _: Service | None, __: Service | None) -> None:
        self.version += 1

    def _failed(self, item: _Item, error: ApiError) -> None:
        log.debug("services of %s: %s", item.key.namespace, error)
        if item.patient(UNAVAILABLE_PATIENCE_SECONDS if isinstance(error, ApiUnavailable) else PATIENCE_SECONDS):
            return
        if not item.settled and not self._troubled:
            log.warning("%s; until this works pods start without the variables of services", error)
        self._troubled.add(item.key)
        item.settle()


def _needed(namespace: str, links: bool) -> tuple[_Scope, ...]:
    return (_API_SERVER, _Scope(namespace)) if links else (_API_SERVER,)


def _trimmed(_: Service | None, seen: Service) -> Service:
    """The service without labels and annotations, which no variable shows."""
    metadata = seen.metadata
    return Service(
        metadata=ObjectMeta(
            name=metadata.name,
            namespace=metadata.namespace,
            uid=metadata.uid,
            resource_version=metadata.resource_version,
        ),
        spec=seen.spec,
    )
