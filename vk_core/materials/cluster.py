"""The materials of a node in a cluster: all that its pods refer to comes from the API server."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from vk_core.aio.tasks import run_together
from vk_core.api.node import Node
from vk_core.kube.client import KubeClient
from vk_core.materials.origin import Sources, Tell
from vk_core.materials.service import ClusterNetwork, MaterialsService
from vk_core.materials.sources.bundles import BundleStore
from vk_core.materials.sources.services import ServiceStore
from vk_core.materials.sources.store import ObjectStore
from vk_core.materials.sources.tokens import TokenStore


class NodeMaterials:
    """The materials service of one node with its sources, which are followed there for as long as pods refer to them.

    Args:
        client: the API server.
        node: the node as it is at the moment.
        network: how pods find others by name.
        tell: takes warnings about pods.

    Attributes:
        service: what providers ask.
    """

    def __init__(
        self,
        client: KubeClient,
        *,
        node: Callable[[], Node],
        network: ClusterNetwork,
        tell: Tell,
    ) -> None:
        self._client = client
        self.service = MaterialsService(self._connect, node=node, network=network, tell=tell)

    async def run(self) -> None:
        """Follow until cancelled."""
        await run_together(
            objects=self._objects.run(),
            tokens=self._tokens.run(),
            services=self._services.run(),
            bundles=self._bundles.run(),
        )

    def _connect(self, changed: Callable[[Iterable[str]], None]) -> Sources:
        self._objects = ObjectStore(self._client, changed=lambda _ref, uids: changed(uids))
        self._tokens = TokenStore(self._client, renewed=lambda uid: changed((uid,)))
        self._services = ServiceStore(self._client)
        self._bundles = BundleStore(self._client, changed=lambda _spec, uids: changed(uids))
        return Sources(self._objects, self._tokens, self._services, self._bundles)
