"""A client certificate of the node's own, asked for with credentials that can do little else.

With it the node is `system:node:NAME` of the group `system:nodes`: what it may do is decided by the Node authorizer,
and what it may say about itself by NodeRestriction, as for every kubelet.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
from collections.abc import AsyncIterator
from pathlib import Path

from vk_core.aio.tasks import run_together
from vk_core.kube.client import KubeClient
from vk_core.kube.credentials import CredentialSource
from vk_core.kube.transport import HttpTransport
from vk_core.kubelet.certificates.keypair import KeyPair, Subject
from vk_core.kubelet.certificates.rotation import CLIENT, Rotation
from vk_core.kubelet.certificates.store import PairFile, state_folder
from vk_core.runtime.options import NodeOptions
from vk_core.telemetry.metrics import CERTIFICATES
from vk_core.version import __version__

USER_AGENT = f"virtual-kubelet/{__version__}"

log = logging.getLogger("virtual_kubelet.certificates")


@contextlib.asynccontextmanager
async def bootstrapped(options: NodeOptions, bootstrap: Path) -> AsyncIterator[tuple[KubeClient, str]]:
    """A client that acts as the node, and the cluster's address; its certificate is renewed meanwhile.

    Waits for the certificate to be approved when there is none yet.

    Raises:
        UsageError: the bootstrap kubeconfig is none, or `--cert-dir` cannot be used.
    """
    file = PairFile((options.cert_dir or state_folder(options.node_name)) / "client-current.pem")
    source = CredentialSource(bootstrap)
    clients: list[KubeClient] = []
    renewed = asyncio.Event()

    def use(pair: KeyPair) -> None:
        CERTIFICATES.used_until("client", pair.not_after)
        renewed.set()

    rotation = Rotation(lambda: clients[-1], CLIENT, lambda: Subject(options.node_name), file, use, must_keep=True)
    if not await rotation.start():
        log.info("asking for a client certificate of node %s with %s", options.node_name, bootstrap)
        clients.append(KubeClient(HttpTransport(source, await source.load(), USER_AGENT)))
        try:
            await rotation.first()
        finally:
            await clients[-1].close()
    own = dataclasses.replace(source, client_certificate=file.path)
    credentials = await own.load()
    transport = HttpTransport(own, credentials, USER_AGENT)
    clients.append(KubeClient(transport))
    renewed.clear()
    fresh = asyncio.create_task(
        run_together(rotation=rotation.follow(), renewal=_renew(transport, renewed)), name="client-certificate"
    )
    fresh.add_done_callback(_ended)
    try:
        yield clients[-1], credentials.server
    finally:
        fresh.cancel()
        await asyncio.wait({fresh})
        await clients[-1].close()


async def _renew(transport: HttpTransport, renewed: asyncio.Event) -> None:
    while True:
        await renewed.wait()
        renewed.clear()
        await transport.renew()


def _ended(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and task.exception() is not None:
        log.error("the client certificate is not renewed any longer", exc_info=task.exception())
