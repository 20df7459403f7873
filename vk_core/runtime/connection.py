"""The way to the cluster: credentials, a client, and which cluster it is."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator

from vk_core.api.auth import SelfSubjectReview
from vk_core.errors import UsageError
from vk_core.kube.client import KubeClient
from vk_core.kube.credentials import CredentialSource
from vk_core.kube.errors import ApiError, ApiUnavailable
from vk_core.kube.resources import SELF_SUBJECT_REVIEWS, SERVICES
from vk_core.kube.transport import HttpTransport
from vk_core.kubelet.certificates.keypair import NODE_USER_PREFIX, NODES_GROUP
from vk_core.node.restriction import Restriction
from vk_core.runtime.bootstrap import USER_AGENT, bootstrapped
from vk_core.runtime.options import NodeOptions

CONNECT_RETRY_SECONDS = 1.0

log = logging.getLogger("virtual_kubelet")


@contextlib.asynccontextmanager
async def connect(options: NodeOptions) -> AsyncIterator[tuple[KubeClient, str]]:
    """A client of the cluster that the options name, and the cluster's address."""
    if options.bootstrap_kubeconfig is not None:
        async with bootstrapped(options, options.bootstrap_kubeconfig) as found:
            yield found
        return
    source = CredentialSource.find(options.kubeconfig)
    credentials = await source.load()
    client = KubeClient(HttpTransport(source, credentials, USER_AGENT))
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


async def restriction_of(client: KubeClient, options: NodeOptions) -> Restriction | None:
    """What the node may not say about itself, if it acts as a node.

    Raises:
        UsageError: it acts as another node.
    """
    try:
        user = (await client.create(SELF_SUBJECT_REVIEWS, SelfSubjectReview())).status.user_info
    except ApiError as error:  # before Kubernetes 1.28, or not allowed to ask
        log.debug("cannot find out who we are: %s", error)
        return Restriction() if options.bootstrap_kubeconfig is not None else None
    if not user.username.startswith(NODE_USER_PREFIX) or NODES_GROUP not in user.groups:
        return None
    name = user.username.removeprefix(NODE_USER_PREFIX)
    if name != options.node_name:
        raise UsageError(f"--nodename: expected {name}, whose credentials these are, got {options.node_name!r}")
    return Restriction()
