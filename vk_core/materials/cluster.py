"""The materials of a node in a cluster: all that its pods refer to comes from the API server."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from vk_core.aio.tasks import run_together
from vk_core.api.node import Node
from vk_core.kube.client import KubeClient
from vk_core.kube.errors import ApiUnavailable
from vk_core.materials.origin import Sources
from vk_core.materials.service import ClusterNetwork, MaterialsService
from vk_core.materials.sources.store import ObjectStore


class NodeMaterials:
    """The materials service of one node with its sources, which are followed there for as long as pods refer to them.

    Args:
        client: the API server.
        node: the node as it is at the moment.
        network: how pods find others by name.

    Attributes:
        service: what providers ask.
    """

    def __init__(self, client: KubeClient, *, node: Callable[[], Node], network: ClusterNetwork) -> None:
        self._client = client
        self.service = MaterialsService(self._connect, node=node, network=network)

    async def run(self) -> None:
        """Follow until cancelled."""
        await run_together(
            objects=self._objects.run(),
        )

    def _connect(self, changed: Callable[[Iterable[str]], None]) -> Sources:
        self._objects = ObjectStore(self._client, changed=lambda _ref, uids: changed(uids))
        none: Any = _NotYet()
        return Sources(self._objects, none, none, none)


class _NotYet:
    def hold(self, *_: object) -> None: ...
    def release(self, *_: object) -> None: ...
    async def ready(self, *_: object) -> None: ...
    def services(self, *_: object) -> tuple[()]:
        return ()

    def lookup(self, *_: object) -> None: ...
    async def token(self, *_: object) -> str:
        raise ApiUnavailable("no tokens yet", code=0)
