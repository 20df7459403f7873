"""The life of one virtual node, from credentials to a clean stop."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import signal
from collections.abc import AsyncIterator, Callable
from typing import Any

from vk_core.aio.tasks import run_together, run_until_done
from vk_core.api.node import Node
from vk_core.errors import NodeTaken, ProviderError, VirtualKubeletError
from vk_core.kube.client import KubeClient
from vk_core.kube.credentials import CredentialSource
from vk_core.kube.errors import ApiUnavailable
from vk_core.kube.resources import SERVICES
from vk_core.kube.transport import AiohttpTransport
from vk_core.node.controller import NodeController
from vk_core.node.lease import NodeLease
from vk_core.node.view import NodeDefaults, NodeView, local_address
from vk_core.pod.controller import PodController
from vk_core.provider.capabilities import Closable, Startable
from vk_core.provider.plugin import ProviderContext, ProviderPlugin
from vk_core.provider.protocol import Provider
from vk_core.runtime.options import NodeOptions
from vk_core.version import __version__

STOP_SECONDS = 6.5
"""For writing what is not written yet at a stop; a second signal ends it at once."""

LEAVE_SECONDS = 2.0
"""As much of that is kept for the node itself, however many pods there are."""

RELEASE_SECONDS = 1.5
"""For letting go of the provider and of the node's lease."""

REGISTER_ANYWAY_SECONDS = 5.0
"""A node whose provider is not ready after this is registered as not Ready."""

CONNECT_RETRY_SECONDS = 1.0

COLLECT_AFTER = (50_000, 50, 100)
"""Thresholds of the garbage collector's generations; Python's own are 700, 10, 10."""

log = logging.getLogger("virtual_kubelet")


class StartupTimeoutError(VirtualKubeletError):
    """The node was not Ready within `--startup-timeout`."""


async def serve(
    options: NodeOptions,
    plugin: ProviderPlugin[Any],
    settings: Any,
    *,
    decorate_node: Callable[[Node], Node] = lambda node: node,
    on_ready: Callable[[], None] | None = None,
) -> None:
    """Be a node until SIGTERM or SIGINT.

    Args:
        options: what `virtual-kubelet run` was told.
        plugin: the provider's package.
        settings: the provider's settings, checked.
        decorate_node: what hooks add to the node.
        on_ready: called once when the node is registered and its pods are looked after.

    Raises:
        VirtualKubeletError: the node cannot go on; the message says why.
    """
    node = VirtualNode(options, plugin, settings, decorate_node)
    spare_garbage_collector()
    async with stop_on_signals() as stopped:
        task = asyncio.create_task(_run_in_time(node, options, _Ready(on_ready), stopped), name="virtual-node")
        waiter = asyncio.create_task(_wait(stopped), name="wait-for-stop")
        await asyncio.wait({task, waiter}, return_when=asyncio.FIRST_COMPLETED)
        waiter.cancel()
        if not task.done() and node.running:
            await asyncio.wait({task}, timeout=STOP_SECONDS + RELEASE_SECONDS)
        if not task.done():
            task.cancel()
            await asyncio.wait({task})
        if not task.cancelled():
            task.result()


def spare_garbage_collector() -> None:
    """Keep the collector from going through all that stays for ever, again and again.

    Modules live as long as the process, and pods are trees that reference counting frees (`vk_core.api.struct`); what
    is left to collect are the rare cycles of requests that failed.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)


async def _run_in_time(node: VirtualNode, options: NodeOptions, ready: _Ready, stopped: asyncio.Event) -> None:
    seconds = options.startup_timeout.total_seconds() if options.startup_timeout else None
    try:
        async with asyncio.timeout(seconds) as deadline:
            ready.deadline = deadline
            async with connect(options) as (client, server):
                await node.run(client, server, ready, stopped)
    except TimeoutError as error:
        if not deadline.expired():
            raise
        message = f"the node was not Ready within --startup-timeout {seconds:g} s: {ready.waiting_for}"
        raise StartupTimeoutError(message) from error


class _Ready:
    """Says once that the node is ready, and ends the start-up time-out."""

    def __init__(self, on_ready: Callable[[], None] | None) -> None:
        self.waiting_for = "the API server did not answer"
        self.deadline: asyncio.Timeout | None = None
        self._on_ready = on_ready

    def __call__(self) -> None:
        if self.deadline is not None:
            self.deadline.reschedule(None)
        if self._on_ready is not None:
            self._on_ready()


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


class VirtualNode:
    """One node with its provider and its controllers.

    Attributes:
        running: whether start-up is over, so that a stop has something to put in order.
    """

    def __init__(
        self, options: NodeOptions, plugin: ProviderPlugin[Any], settings: Any, decorate_node: Callable[[Node], Node]
    ) -> None:
        self.running = False
        self._options = options
        self._plugin = plugin
        self._settings = settings
        self._decorate_node = decorate_node

    async def run(self, client: KubeClient, server: str, ready: _Ready, stopped: asyncio.Event) -> None:
        """Become the node, be it until stopped, and leave things in order."""
        owner = f"{await cluster_id(client)}/{self._options.node_name}"
        lease = NodeLease(client, self._options.node_name, self._options.lease_duration)
        ready.waiting_for = "another process holds the node's lease"
        await lease.acquire()
        async with released(lease):
            await run_until_done(
                self._live(client, server, owner, lease=lease, ready=ready, stopped=stopped),
                lease=lease.renew_for_ever(),
            )

    async def _live(
        self, client: KubeClient, server: str, owner: str, *, lease: NodeLease, ready: _Ready, stopped: asyncio.Event
    ) -> None:
        """Be the node for as long as the lease is ours."""
        options = self._options
        address = options.internal_ip or await local_address(server)
        provider = self._plugin.create(self._context(owner, address))
        ready.waiting_for = "the provider did not start"
        async with started(provider):
            node = NodeController(
                client,
                provider,
                NodeView(self._defaults(address), provider, self._decorate_node),
                lease,
                name=options.node_name,
                status_seconds=options.status_update_interval.total_seconds(),
            )
            ready.waiting_for = "the provider did not describe its node"
            await node.prepare()
            pods = PodController(
                client,
                provider,
                node_name=options.node_name,
                owner=owner,
                node=lambda: node.node,
                namespace=options.namespace,
                workers=options.pod_sync_workers,
                resync_seconds=options.full_resync_period.total_seconds(),
            )
            ready.waiting_for = "the provider did not say which pods it has"
            self.running = True
            await run_together(
                pods=pods.run(),
                node=_register(node, pods, ready),
                stop=self._stop_when(stopped, node, pods),
            )

    async def _stop_when(self, stopped: asyncio.Event, node: NodeController, pods: PodController) -> None:
        """Leave things in order at a stop; what does not work out in time is not waited for."""
        await stopped.wait()
        deadline = asyncio.get_running_loop().time() + STOP_SECONDS
        leave = node.remove if self._options.delete_node_on_exit else node.mark_stopped
        for step, until, what in (
            (pods.drain, deadline - LEAVE_SECONDS, "the status of every pod"),
            (leave, deadline, "the end of the node"),
        ):
            try:
                async with asyncio.timeout_at(until):
                    await step()
            except (VirtualKubeletError, TimeoutError) as error:
                log.warning("not written before the stop: %s: %s", what, str(error) or "out of time")

    def _context(self, owner: str, address: str) -> ProviderContext[Any]:
        options = self._options
        return ProviderContext(
            node_name=options.node_name,
            operating_system=options.operating_system,
            internal_ip=address,
            kubelet_port=options.port,
            cluster_domain=options.cluster_domain,
            owner=owner,
            settings=self._settings,
            log=logging.getLogger(f"virtual_kubelet.provider.{options.provider}"),
        )

    def _defaults(self, address: str) -> NodeDefaults:
        options = self._options
        return NodeDefaults(
            name=options.node_name,
            provider=options.provider,
            operating_system=options.operating_system,
            internal_ip=address,
            port=options.port,
            kubelet_version=options.kubelet_version,
            taint=options.taint,
            labels=options.labels,
            max_pods=options.max_pods,
        )


async def _register(node: NodeController, pods: PodController, ready: _Ready) -> None:
    """Register the node once its pods are looked after, or as not Ready when that takes too long."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(REGISTER_ANYWAY_SECONDS):
            await pods.ready.wait()
            node.mark_started()

    async def announce() -> None:
        await pods.ready.wait()
        node.mark_started()
        await node.registered.wait()
        ready()
        await asyncio.Event().wait()

    await run_together(node=node.run(), announce=announce())


@contextlib.asynccontextmanager
async def started(provider: Provider) -> AsyncIterator[None]:
    """The provider started, and closed again at the end."""
    if isinstance(provider, Startable):
        try:
            await provider.start()
        except ProviderError as error:
            raise VirtualKubeletError(f"the provider cannot start: {error}") from error
    try:
        yield
    finally:
        if isinstance(provider, Closable):
            await provider.close()


@contextlib.asynccontextmanager
async def released(lease: NodeLease) -> AsyncIterator[None]:
    """The lease released at the end, however that comes, so that the next process need not wait for it to run out."""
    try:
        yield
    except NodeTaken:  # it is no longer ours
        raise
    except BaseException:
        await _release(lease)
        raise
    await _release(lease)


async def _release(lease: NodeLease) -> None:
    try:
        async with asyncio.timeout(RELEASE_SECONDS):
            await lease.release()
    except (VirtualKubeletError, TimeoutError) as error:
        log.warning("cannot release the node's lease, it has to run out: %s", str(error) or "out of time")


@contextlib.asynccontextmanager
async def stop_on_signals() -> AsyncIterator[asyncio.Event]:
    """An event that SIGTERM and SIGINT set; a second signal ends the process at once."""
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()

    def stop(number: int) -> None:
        if stopped.is_set():
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        log.info("stopping; once more stops at once")
        stopped.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop, number)
    try:
        yield stopped
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


async def _wait(event: asyncio.Event) -> None:
    await event.wait()
