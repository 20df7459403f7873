"""Watches of single objects on a real API server: hundreds over a few connections, gone when nobody follows them."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from pathlib import Path

from scripts.control_plane.cluster import ControlPlane
from vk_core.api.core import ConfigMap
from vk_core.kube.client import KubeClient
from vk_core.kube.credentials import CredentialSource
from vk_core.kube.informer import Informer
from vk_core.kube.resources import CONFIG_MAPS
from vk_core.kube.transport import CONNECTIONS, HttpTransport

OBJECTS = 250
MOST_SOCKETS = CONNECTIONS + 10
"""Requests may have theirs; the API server takes 100 streams or more on each of the others."""

WATCHES = re.compile(
    r'^apiserver_longrunning_requests{.*resource="configmaps",scope="resource",.*verb="WATCH".*} (\d+)'
)


class Followed:
    """Config maps that are followed one by one, and what became of them."""

    def __init__(self, client: KubeClient, namespace: str) -> None:
        self.values: dict[str, str] = {}
        self.told = asyncio.Event()
        self._informers: list[Informer[ConfigMap, ConfigMap]] = [
            Informer(client, CONFIG_MAPS, self._changed, namespace=namespace, field_selector=f"metadata.name={name}")
            for name in names()
        ]

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(informer.run()) for informer in self._informers]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    async def until(self, expected: dict[str, str]) -> None:
        async with asyncio.timeout(30):
            while self.values != expected:
                self.told.clear()
                await self.told.wait()

    def _changed(self, old: ConfigMap | None, new: ConfigMap | None) -> None:
        if new is not None:
            self.values[new.metadata.name] = new.data["value"]
        elif old is not None:
            del self.values[old.metadata.name]
        self.told.set()


def names() -> list[str]:
    return [f"followed-{number}" for number in range(OBJECTS)]


def sockets() -> int:
    found = 0
    for descriptor in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # the one of the folder itself
            found += str(descriptor.readlink()).startswith("socket:")
    return found


async def watches(control_plane: ControlPlane) -> int:
    text = await asyncio.to_thread(control_plane.kubectl, "get", "--raw", "/metrics")
    return sum(int(found[1]) for line in text.splitlines() if (found := WATCHES.match(line)))


async def until_watches(control_plane: ControlPlane, expected: int) -> None:
    async with asyncio.timeout(20):
        while await watches(control_plane) != expected:
            pass


async def test_hundreds_of_objects_are_watched_over_a_few_connections(
    control_plane: ControlPlane, namespace: str
) -> None:
    source = CredentialSource.find(control_plane.kubeconfig("admin", ("system:masters",)))
    client = KubeClient(HttpTransport(source, await source.load(), "virtual-kubelet/test"))
    before, sockets_before = await watches(control_plane), sockets()
    for name in names():
        body = {"metadata": {"name": name}, "data": {"value": "old"}}
        await client.create_unread(CONFIG_MAPS, body, namespace=namespace)
    followed = Followed(client, namespace)
    async with followed.running():
        await followed.until(dict.fromkeys(names(), "old"))
        await until_watches(control_plane, before + OBJECTS)
        assert sockets() <= sockets_before + MOST_SOCKETS
        for name in names():
            await client.patch(CONFIG_MAPS, name, {"data": {"value": name}}, namespace=namespace)
        await client.delete(CONFIG_MAPS, names()[0], namespace=namespace)
        await followed.until({name: name for name in names()[1:]})
    await until_watches(control_plane, before)
    await client.close()
