"""All sources together against an API server over real connections."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.devcluster.client import CONFIGMAPS, NODES, PODS, Client, config_map, node
from tests.devcluster.test_trustbundles import BUNDLES, ONE, TWO, bundle
from vk_core.api.meta import LabelSelector
from vk_core.devcluster import DevCluster
from vk_core.kube.client import KubeClient
from vk_core.kube.credentials import CredentialSource
from vk_core.kube.errors import ApiError
from vk_core.kube.resources import PODS as POD_RESOURCE
from vk_core.kube.transport import HttpTransport
from vk_core.materials.objects import Absent, KeyedObject, Ref
from vk_core.materials.sources.bundles import BundleStore
from vk_core.materials.sources.contents import RESOURCES
from vk_core.materials.sources.services import ServiceStore
from vk_core.materials.sources.store import ObjectStore
from vk_core.materials.sources.tokens import TokenStore
from vk_core.materials.volumes.specs import BundleSpec, TokenSpec

WHO = "/apis/authentication.k8s.io/v1/selfsubjectreviews"


class Node:
    """The sources of a node."""

    def __init__(self, cluster: DevCluster, kube: KubeClient) -> None:
        self.cluster = cluster
        self.kube = kube
        self.told = asyncio.Event()
        self.objects = ObjectStore(kube, changed=lambda *_: self.told.set())
        self.bundles = BundleStore(kube, changed=lambda *_: self.told.set())
        self.services = ServiceStore(kube)
        self.tokens = TokenStore(kube, renewed=lambda _: self.told.set(), life_share=0.002)

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for source in (self.objects, self.bundles, self.services, self.tokens):
                group.create_task(source.run())

    async def until(self, condition: Callable[[], Any]) -> None:
        """Wait for a condition on what is known, looking again after every change."""
        async with asyncio.timeout(10):
            while not condition():
                self.told.clear()
                await self.told.wait()

    def data(self, ref: Ref) -> dict[str, bytes]:
        found = self.objects.lookup(ref)
        return dict(found.data) if isinstance(found, KeyedObject) else {}


@pytest.fixture
async def cluster() -> AsyncIterator[DevCluster]:
    async with DevCluster() as found:
        yield found


@pytest.fixture
async def client(cluster: DevCluster) -> AsyncIterator[Client]:
    async with Client(cluster) as found:
        yield found


@pytest.fixture
async def here(cluster: DevCluster, tmp_path: Path) -> AsyncIterator[Node]:
    cluster.write_kubeconfig(tmp_path / "config")
    source = CredentialSource.find(tmp_path / "config")
    kube = KubeClient(HttpTransport(source, await source.load(), "test"))
    found = Node(cluster, kube)
    task = asyncio.create_task(found.run())
    await asyncio.sleep(0)
    yield found
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    await kube.close()


async def test_a_hundred_objects_are_followed_through_whatever_happens(here: Node, client: Client) -> None:
    refs = [Ref("ConfigMap", "default", f"c{number}") for number in range(100)]
    for ref in refs[:50]:
        await client.post(CONFIGMAPS, {**config_map(ref.name), "data": {"k": "1"}})
    here.objects.hold("pod", refs)
    async with asyncio.timeout(10):
        await here.objects.ready(refs)
    assert [here.data(ref) for ref in refs[:50]] == [{"k": b"1"}] * 50
    assert {here.objects.lookup(ref) for ref in refs[50:]} == {Absent(ref) for ref in refs[50:]}
    here.cluster.disconnect_watches()
    for ref in refs:
        if ref in refs[:50]:
            await client.patch(f"{CONFIGMAPS}/{ref.name}", {"data": {"k": "2"}})
        else:
            await client.post(CONFIGMAPS, {**config_map(ref.name), "data": {"k": "2"}})
    await here.until(lambda: all(here.data(ref) == {"k": b"2"} for ref in refs))
    here.cluster.disconnect_watches()
    here.cluster.compact()
    await client.delete(f"{CONFIGMAPS}/c7")
    await here.until(lambda: here.objects.lookup(refs[7]) == Absent(refs[7]))
    here.objects.release("pod")


async def test_a_secret_of_three_quarters_of_a_mebibyte_is_read(here: Node) -> None:
    ref = Ref("Secret", "default", "large")
    here.objects.hold("pod", [ref])
    await here.objects.ready([ref])
    text = "eHh4" * (1 << 18)
    await here.kube.create_unread(
        RESOURCES["Secret"], {"metadata": {"name": "large"}, "data": {"k": text}}, namespace="default"
    )
    await here.until(lambda: here.data(ref) == {"k": b"xxx" * (1 << 18)})


async def test_a_token_is_the_pod_s_service_account_until_the_pod_is_deleted(here: Node, client: Client) -> None:
    await client.post(NODES, node("n", pods="0"))
    await client.create_pod(nodeName="n")
    pod = await here.kube.get(POD_RESOURCE, "p", namespace="default")
    first = await here.tokens.token(pod, TokenSpec("", 600))
    async with Client(here.cluster, first) as inside:
        who = await inside.post(WHO, {})
        assert who.body["status"]["userInfo"]["username"] == "system:serviceaccount:default:default"
        here.told.clear()
        async with asyncio.timeout(10):
            await here.told.wait()  # renewed: a little over a second is its share of life here
        assert await here.tokens.token(pod, TokenSpec("", 600)) != first
        await client.delete(f"{PODS}/p", gracePeriodSeconds=0)
        assert (await inside.post(WHO, {})).code == 401
    with pytest.raises(ApiError, match="serviceaccounts/token"):
        await here.tokens.token(pod, TokenSpec("another", 600))


async def test_services_and_trust_bundles_are_found(here: Node, client: Client) -> None:
    by_signer = BundleSpec("", "example.com/web", LabelSelector())
    by_name = BundleSpec("plain", "", None)
    await client.post(BUNDLES, bundle("example.com:web:a", TWO + ONE, "example.com/web"))
    here.bundles.hold("pod", [by_signer, by_name])
    here.services.hold("pod", "default", True)
    async with asyncio.timeout(10):
        await here.bundles.ready([by_signer, by_name])
        await here.services.ready("default", True)
    assert (here.bundles.lookup(by_signer), here.bundles.lookup(by_name)) == (TWO + ONE, None)
    assert [service.metadata.name for service in here.services.services("default")] == ["kubernetes"]
    await client.post(BUNDLES, bundle("plain", ONE))
    await here.until(lambda: here.bundles.lookup(by_name) == ONE)
