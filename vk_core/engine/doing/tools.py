"""What everything that is done to pods is done with."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable
from dataclasses import dataclass

from vk_core.api.meta import Time
from vk_core.api.pod import Pod
from vk_core.engine.configuration.host import Host
from vk_core.engine.images.puller import ImagePuller
from vk_core.engine.observed import ObservedPod
from vk_core.engine.probing.prober import Prober
from vk_core.engine.runtime import ContainerRuntime
from vk_core.host import HostVolumes
from vk_core.provider.events import PodEvents
from vk_core.provider.materials import Materials


def utc_now_exactly() -> Time:
    """The wall clock with fractions of a second, which deadlines need."""
    return dt.datetime.now(dt.UTC)


@dataclass(frozen=True, kw_only=True, slots=True)
class Tools:
    """What all pods of a node share.

    Attributes:
        runtime: runs containers.
        runtime_name: what the IDs of containers begin with in statuses, such as `containerd`.
        puller: has images ready.
        prober: probes containers.
        volumes: volumes on this machine.
        materials: what pods refer to.
        events: where to tell what happens.
        host: what configurations depend on.
        owner: the owner mark of this node.
        host_ips: addresses of the node.
        wake: has a pod looked at soon, by its UID.
        log: where messages go.
        now: the time.
    """

    runtime: ContainerRuntime
    runtime_name: str
    puller: ImagePuller
    prober: Prober
    volumes: HostVolumes
    materials: Materials
    events: PodEvents
    host: Host
    owner: str
    host_ips: tuple[str, ...]
    wake: Callable[[str], None]
    log: logging.Logger
    now: Callable[[], Time] = utc_now_exactly

    def address_of(self, pod: Pod, observed: ObservedPod) -> str:
        """Where probes and hooks find a pod; in the host's network the node's address, empty while there is none."""
        own = observed.sandbox.ips if observed.sandbox is not None else ()
        addresses = self.host_ips if pod.spec.host_network else own
        return addresses[0] if addresses else ""
