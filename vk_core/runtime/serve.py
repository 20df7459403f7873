"""The life of one virtual node, from credentials to a clean stop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from functools import partial
from typing import Any

from vk_core.aio.tasks import run_together, run_until_done
from vk_core.api.node import Node
from vk_core.api.pod import Pod
from vk_core.errors import VirtualKubeletError
from vk_core.kube.client import KubeClient
from vk_core.kubelet.backend import KubeletBackend
from vk_core.kubelet.health import Check, Health
from vk_core.kubelet.metrics.node import node_metrics
from vk_core.kubelet.server import CLOSE_SECONDS
from vk_core.materials.cluster import NodeMaterials
from vk_core.materials.objects import Notice
from vk_core.materials.service import ClusterNetwork, MaterialsService
from vk_core.node.controller import NodeController
from vk_core.node.lease import NodeLease
from vk_core.node.view import NodeDefaults, NodeView, local_address
from vk_core.pod.controller import PodController
from vk_core.pod.telling import PodTeller
from vk_core.provider.plugin import ProviderContext, ProviderPlugin
from vk_core.provider.protocol import Provider
from vk_core.runtime.connection import cluster_id, connect, restriction_of
from vk_core.runtime.counting import counted
from vk_core.runtime.kubeletapi import KubeletApi, check_files
from vk_core.runtime.lifecycle import (
    RELEASE_SECONDS,
    Ready,
    allow_many_files,
    released,
    spare_garbage_collector,
    started,
    stop_on_signals,
)
from vk_core.runtime.options import NodeOptions

STOP_SECONDS = 6.5
"""For writing what is not written yet at a stop; a second signal ends it at once."""

LEAVE_SECONDS = 2.0
"""As much of that is kept for the node itself, however many pods there are."""

REGISTER_ANYWAY_SECONDS = 5.0
"""A node whose provider is not ready after this is registered as not Ready."""

EXTEND_WEBSOCKETS = "ExtendWebSocketsToKubelet"
"""The kubelet API speaks kubectl's own WebSocket protocols, so that API servers need not translate them (KEP-4006)."""

STUCK_SECONDS = 120.0
"""A provider that takes longer than this over one question hangs; kubelet's limit for its own loop."""

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
    check_files(options)
    node = VirtualNode(options, plugin, settings, decorate_node)
    spare_garbage_collector()
    allow_many_files()
    async with stop_on_signals() as stopped:
        task = asyncio.create_task(_run_in_time(node, options, Ready(on_ready), stopped), name="virtual-node")
        waiter = asyncio.create_task(_wait(stopped), name="wait-for-stop")
        await asyncio.wait({task, waiter}, return_when=asyncio.FIRST_COMPLETED)
        waiter.cancel()
        if not task.done() and node.running:
            await asyncio.wait({task}, timeout=STOP_SECONDS + CLOSE_SECONDS + RELEASE_SECONDS)
        if not task.done():
            task.cancel()
            await asyncio.wait({task})
        if not task.cancelled():
            task.result()


async def _run_in_time(node: VirtualNode, options: NodeOptions, ready: Ready, stopped: asyncio.Event) -> None:
    seconds = options.startup_timeout.total_seconds() if options.startup_timeout else None
    try:
        async with asyncio.timeout(seconds) as deadline:
            ready.deadline = deadline
            if options.bootstrap_kubeconfig is not None:
                ready.waiting_for = "the node's client certificate was not signed"
            async with connect(options) as (client, server):
                await node.run(client, server, ready, stopped)
    except TimeoutError as error:
        if not deadline.expired():
            raise
        message = f"the node was not Ready within --startup-timeout {seconds:g} s: {ready.waiting_for}"
        raise StartupTimeoutError(message) from error


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

    async def run(self, client: KubeClient, server: str, ready: Ready, stopped: asyncio.Event) -> None:
        """Become the node, be it until stopped, and leave things in order."""
        ready.waiting_for = "the API server did not answer"
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
        self, client: KubeClient, server: str, owner: str, *, lease: NodeLease, ready: Ready, stopped: asyncio.Event
    ) -> None:
        """Be the node for as long as the lease is ours."""
        options = self._options
        address = options.internal_ip or await local_address(server)
        restriction = await restriction_of(client, options)
        if restriction is not None and options.delete_node_on_exit:
            log.warning("--delete-node-on-exit: the API server does not let a node delete itself, it will stay")
        with contextlib.closing(KubeletApi(options, client)) as api:
            teller = PodTeller(client, options.node_name)
            materials = self._materials(client, lambda: node.node, teller)
            provider = counted(self._plugin.create(self._context(owner, address, api.port, materials.service, teller)))
            ready.waiting_for = "the provider did not start"
            async with started(provider):
                view = NodeView(self._defaults(address, api.port), provider, self._decorate_node)
                node = NodeController(
                    client,
                    provider,
                    view,
                    lease,
                    name=options.node_name,
                    status_seconds=options.status_update_interval.total_seconds(),
                    restriction=restriction,
                )
                ready.waiting_for = "the provider did not describe its node"
                await node.prepare()
                pods = self._pods(client, provider, node, owner=owner, teller=teller, materials=materials.service)
                materials.service.wake = pods.wake
                backend, health = self._backend(provider, pods), health_of(pods)
                async with contextlib.AsyncExitStack() as stack:
                    stack.enter_context(node_metrics(backend, lambda: lease.age_seconds))
                    keep_fresh = await stack.enter_async_context(api.serving(backend, health, lambda: node.addresses))
                    ready.waiting_for = "the provider did not say which pods it has"
                    self.running = True
                    await run_together(
                        materials=materials.run(),
                        pods=pods.run(),
                        node=_register(node, pods, ready),
                        api=keep_fresh(),
                        stop=self._stop_when(stopped, node, pods),
                    )

    def _materials(self, client: KubeClient, node: Callable[[], Node], teller: PodTeller) -> NodeMaterials:
        options = self._options
        network = ClusterNetwork(
            domain=options.cluster_domain, dns=options.cluster_dns, resolv_conf=options.resolv_conf
        )
        return NodeMaterials(client, node=node, network=network, tell=partial(_tell, teller))

    def _pods(
        self,
        client: KubeClient,
        provider: Provider,
        node: NodeController,
        *,
        owner: str,
        teller: PodTeller,
        materials: MaterialsService,
    ) -> PodController:
        options = self._options
        return PodController(
            client,
            provider,
            node_name=options.node_name,
            owner=owner,
            node=lambda: node.node,
            namespace=options.namespace,
            workers=options.pod_sync_workers,
            resync_seconds=options.full_resync_period.total_seconds(),
            follower=materials,
            teller=teller,
        )

    def _backend(self, provider: Provider, pods: PodController) -> KubeletBackend:
        return KubeletBackend(
            node_name=self._options.node_name,
            provider=provider,
            provider_name=self._options.provider,
            pods=lambda: pods.pods,
            find=pods.find,
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

    def _context(
        self, owner: str, address: str, port: int, materials: MaterialsService, teller: PodTeller
    ) -> ProviderContext[Any]:
        options = self._options
        return ProviderContext(
            node_name=options.node_name,
            operating_system=options.operating_system,
            internal_ip=address,
            kubelet_port=port,
            cluster_domain=options.cluster_domain,
            owner=owner,
            materials=materials,
            events=teller,
            settings=self._settings,
            log=logging.getLogger(f"virtual_kubelet.provider.{options.provider}"),
        )

    def _defaults(self, address: str, port: int) -> NodeDefaults:
        options = self._options
        return NodeDefaults(
            name=options.node_name,
            provider=options.provider,
            operating_system=options.operating_system,
            internal_ip=address,
            port=port,
            kubelet_version=options.kubelet_version,
            taint=options.taint,
            labels=options.labels,
            max_pods=options.max_pods,
            declared_features=(EXTEND_WEBSOCKETS,),
        )


def _tell(teller: PodTeller, pod: Pod, notice: Notice, container_name: str) -> None:
    teller.record(pod, notice.reason, notice.message, warning=True, container_name=container_name)


def health_of(pods: PodController) -> Health:
    """What probes are told: alive unless the provider hangs, ready once its pods are looked after."""

    def stuck() -> str:
        seconds = pods.asking_seconds
        return f"the provider has not said for {seconds:.0f} s which pods it has" if seconds > STUCK_SECONDS else ""

    def waiting() -> str:
        return "" if pods.ready.is_set() else "the pods are not looked after yet"

    return Health(live=(Check("syncloop", stuck),), ready=(Check("pods", waiting),))


async def _register(node: NodeController, pods: PodController, ready: Ready) -> None:
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


async def _wait(event: asyncio.Event) -> None:
    await event.wait()
