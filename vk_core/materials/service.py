"""The materials of all pods of a node: opens them when a provider asks, keeps them current, and lets go of them.

The rules are in `environment`, `volumes` and `network`; where objects come from is in `sources`. Here they meet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace

from vk_core.api.node import Node
from vk_core.api.pod import Pod
from vk_core.materials.environment.services import service_variables
from vk_core.materials.machine import MachineFile
from vk_core.materials.objects import PodFacts
from vk_core.materials.origin import Sources, Tell
from vk_core.materials.pod import HeldPod
from vk_core.provider.protocol import OWNER_ANNOTATION


@dataclass(frozen=True, kw_only=True, slots=True)
class ClusterNetwork:
    """How pods find others by name.

    Attributes:
        domain: DNS domain of the cluster.
        dns: addresses of the cluster's DNS servers.
        resolv_conf: the file that pods with the DNS policy `Default` take their resolver settings from.
        hosts: the file that pods in the machine's own network take their hosts from.
    """

    domain: str = "cluster.local"
    dns: Sequence[str] = ()
    resolv_conf: Path = Path("/etc/resolv.conf")
    hosts: Path = Path("/etc/hosts")


class MaterialsService:
    """Gives providers the materials of pods.

    Args:
        connect: makes the sources; is given what to call with the UIDs of the pods that a change concerns.
        node: the node as it is at the moment.
        network: how pods find others by name.
        tell: takes warnings about pods.

    Attributes:
        tell: the same.
        wake: takes the UID of a pod of which something may have changed.
    """

    def __init__(
        self,
        connect: Callable[[Callable[[Iterable[str]], None]], Sources],
        *,
        node: Callable[[], Node],
        network: ClusterNetwork,
        tell: Tell,
    ) -> None:
        self.tell = tell
        self.wake: Callable[[str], None] = lambda _uid: None
        self.sources = connect(self._changed)
        self._node = node
        self._network = network
        self._resolv_conf = MachineFile(network.resolv_conf)
        self._hosts = MachineFile(network.hosts)
        self._pods: dict[str, HeldPod] = {}
        self._service_variables: dict[tuple[str, bool], Mapping[str, str]] = {}
        self._services_version = -1

    def __len__(self) -> int:
        """How many pods have materials now."""
        return len(self._pods)

    def of(self, pod: Pod) -> HeldPod:
        """The materials of a pod that core has handed over."""
        uid = pod.metadata.uid
        held = self._pods.get(uid)
        if held is None:
            held = self._pods[uid] = HeldPod(unmarked(pod), self)
        return held

    def pod_changed(self, pod: Pod) -> None:
        """The API server shows a new state of a pod."""
        held = self._pods.get(pod.metadata.uid)
        if held is not None:
            held.update(pod)

    def pod_gone(self, uid: str) -> None:
        """A pod needs nothing any more."""
        held = self._pods.pop(uid, None)
        if held is not None:
            held.close()

    def facts(self, pod: Pod, pod_ips: Sequence[str] = (), *, machine: bool = False) -> PodFacts:
        """What is known about a pod and where it runs; with `machine` also which files it may take over."""
        node, network = self._node(), self._network
        return PodFacts(
            pod=pod,
            pod_ips=tuple(pod_ips) or tuple(address.ip for address in pod.status.pod_ips),
            host_ips=[address.address for address in node.status.addresses if address.type == "InternalIP"],
            allocatable=node.status.allocatable,
            cluster_domain=network.domain,
            cluster_dns=network.dns,
            host_resolv_conf=self._resolv_conf.text() if machine else "",
            host_hosts=self._hosts.text() if machine else "",
        )

    def service_variables(self, namespace: str, *, links: bool) -> Mapping[str, str]:
        """The variables of the services that are known now; made once for all pods of a namespace until one changes."""
        services = self.sources.services
        if services.version != self._services_version:
            self._service_variables.clear()
            self._services_version = services.version
        key = (namespace, links)
        if key not in self._service_variables:
            self._service_variables[key] = service_variables(services.services(namespace), namespace, links=links)
        return self._service_variables[key]

    def _changed(self, uids: Iterable[str]) -> None:
        for uid in uids:
            held = self._pods.get(uid)
            if held is not None:
                held.changed()


def unmarked(pod: Pod) -> Pod:
    """The pod as the API server has it, without the mark that core puts on what it hands to providers."""
    annotations = {key: value for key, value in pod.metadata.annotations.items() if key != OWNER_ANNOTATION}
    return replace(pod, metadata=replace(pod.metadata, annotations=annotations))
