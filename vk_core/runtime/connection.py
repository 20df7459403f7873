"""The way to the cluster: credentials, a client, and which cluster it is."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator

from vk_core.kube.client import KubeClient
from vk_core.kube.credentials import CredentialSource
from vk_core.kube.errors import ApiUnavailable
from vk_core.kube.resources import SERVICES
from vk_core.kube.transport import AiohttpTransport
from vk_core.runtime.options import NodeOptions
from vk_core.version import __version__

CONNECT_RETRY_SECONDS = 1.0

log = logging.getLogger("virtual_kubelet")


@contextlib.asynccontextmanager
async def connect(options: NodeOptions) -> AsyncIterator[tuple[KubeClient, str]]:
    """A client of the cluster that the options name, and the cluster's address."""
    source = CredentialSource.find(options.kubeconfig)
    credentials = await source.load()
    client = KubeClient(AiohttpTransport(source, credentials, f"virtual-kubelet/{__version__}"))
    try:
        yield client, credentials.server
    finally:
        await client.close()


async def cluster_id(client: KubeClient) -> str:
    """What tells this cluster from all others: the UID of the service `kubernetes`, which even a kubelet may read.

    Waits for an API server that does not answer yet, and says so once.
    """
    failing = False
    while True:
        try:
            return (await client.get(SERVICES, "kubernetes", namespace="default")).metadata.uid
        except ApiUnavailable as error:
            if not failing:
                log.warning("%s; trying again until it answers", error)
            failing = True
            await asyncio.sleep(CONNECT_RETRY_SECONDS)
