"""Materials over objects that a test lays down, by the rules that hold in a cluster: for the tests of providers."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Collection, Iterable, Mapping
from types import MappingProxyType

from vk_core.api.core import Service
from vk_core.api.node import Node, NodeAddress, NodeStatus
from vk_core.api.pod import Pod
from vk_core.errors import VirtualKubeletError
from vk_core.materials.objects import Absent, KeyedObject, Notice, Ref
from vk_core.materials.origin import Sources
from vk_core.materials.service import ClusterNetwork, MaterialsService, unmarked
from vk_core.materials.volumes.content import BundleSpec, TokenSpec
from vk_core.provider.materials import PodMaterials

Values = Mapping[str, str | bytes]
"""The values of an object by key."""

_NODE = Node(
    status=NodeStatus(
        addresses=(NodeAddress(type="InternalIP", address="127.0.0.1"),),
        allocatable={"cpu": "4", "memory": "8Gi", "ephemeral-storage": "100Gi"},
    )
)


_MADE: weakref.WeakSet[FixedMaterials] = weakref.WeakSet()


class FixedMaterials:
    """The materials of pods (`vk_core.provider.Materials`) over objects in memory.

    Attributes:
        notices: every warning so far, as the pod's name, the reason and the message.
        woken: UIDs of pods of which something changed, as core is told.
        tokens: how many tokens were asked for.
    """

    def __init__(self) -> None:
        self.notices: list[tuple[str, str, str]] = []
        self.woken: list[str] = []
        self._objects: dict[Ref, KeyedObject] = {}
        self._held: dict[str, frozenset[Ref]] = {}
        self._services: list[Service] = []
        self._bundles: dict[str, str] = {}
        self.tokens = 0
        self._tokens: dict[tuple[str, TokenSpec], str] = {}
        self.service = MaterialsService(
            self._connect, node=lambda: _NODE, network=ClusterNetwork(dns=("10.96.0.10",)), tell=self._note
        )
        self.service.wake = self.woken.append
        _MADE.add(self)

    def of(self, pod: Pod) -> PodMaterials:
        """The materials of a pod."""
        return self.service.of(pod)

    def change(self, pod: Pod) -> None:
        """The API server shows another state of a pod, such as other labels."""
        self.service.pod_changed(unmarked(pod))

    def put_config_map(self, name: str, values: Values, *, namespace: str = "default") -> None:
        """Create or replace a config map."""
        self._put(Ref("ConfigMap", namespace, name), values)

    def put_secret(self, name: str, values: Values, *, type: str = "Opaque", namespace: str = "default") -> None:
        """Create or replace a secret."""
        self._put(Ref("Secret", namespace, name), values, type)

    def remove_config_map(self, name: str, *, namespace: str = "default") -> None:
        """Delete a config map."""
        self._remove(Ref("ConfigMap", namespace, name))

    def remove_secret(self, name: str, *, namespace: str = "default") -> None:
        """Delete a secret."""
        self._remove(Ref("Secret", namespace, name))

    def put_service(self, service: Service) -> None:
        """Create a service."""
        self._services.append(service)

    def put_bundle(self, name: str, certificates: str) -> None:
        """Create a cluster trust bundle, found by its name."""
        self._bundles[name] = certificates

    def renew_tokens(self, pod: Pod) -> None:
        """Every token of a pod is another one from now on."""
        self._tokens = {key: token for key, token in self._tokens.items() if key[0] != pod.metadata.uid}
        self._changed((pod.metadata.uid,))

    def _note(self, pod: Pod, notice: Notice, _container_name: str) -> None:
        self.notices.append((pod.metadata.name, notice.reason, notice.message))

    def _put(self, ref: Ref, values: Values, type: str = "") -> None:
        data = {key: value.encode() if isinstance(value, str) else value for key, value in values.items()}
        binary = frozenset(key for key, value in values.items() if isinstance(value, bytes) and ref.kind == "ConfigMap")
        self._objects[ref] = KeyedObject(ref, MappingProxyType(data), binary, type)
        self._tell(ref)

    def _remove(self, ref: Ref) -> None:
        del self._objects[ref]
        self._tell(ref)

    def _tell(self, ref: Ref) -> None:
        self._changed([uid for uid, refs in self._held.items() if ref in refs])

    def _connect(self, changed: Callable[[Iterable[str]], None]) -> Sources:
        self._changed = changed
        return Sources(
            _Objects(self._objects, self._held), _Tokens(self), _Services(self._services), _Bundles(self._bundles)
        )

    def issue(self, pod: Pod, spec: TokenSpec) -> str:
        """A token, made up: the same until it is renewed."""
        key = (pod.metadata.uid, spec)
        if key not in self._tokens:
            self.tokens += 1
            audience = spec.audience or "kubernetes"
            self._tokens[key] = f"token-{self.tokens}-of-{pod.spec.service_account_name or 'default'}-for-{audience}"
        return self._tokens[key]


def make_materials(
    *, config_maps: Mapping[str, Values] | None = None, secrets: Mapping[str, Values] | None = None
) -> FixedMaterials:
    """Materials over these objects of the namespace `default`, by name."""
    materials = FixedMaterials()
    for name, values in (config_maps or {}).items():
        materials.put_config_map(name, values)
    for name, values in (secrets or {}).items():
        materials.put_secret(name, values)
    return materials


def show(pod: Pod) -> None:
    """Tell the materials of whatever provider has the pod about a new state of it, as core does before an update."""
    for materials in tuple(_MADE):
        materials.change(pod)


def has_been_told(pod: Pod, reason: str) -> bool:
    """Whether there was a warning of this reason about a pod, whatever provider has it."""
    return any(notice[:2] == (pod.metadata.name, reason) for made in tuple(_MADE) for notice in made.notices)


class _Objects:
    def __init__(self, objects: Mapping[Ref, KeyedObject], held: dict[str, frozenset[Ref]]) -> None:
        self._objects = objects
        self._held = held

    def hold(self, uid: str, refs: Collection[Ref]) -> None:
        self._held[uid] = frozenset(refs)

    def release(self, uid: str) -> None:
        self._held.pop(uid, None)

    async def ready(self, refs: Collection[Ref]) -> None:
        pass

    def lookup(self, ref: Ref) -> KeyedObject | Absent:
        return self._objects.get(ref) or Absent(ref)


class _Tokens:
    def __init__(self, materials: FixedMaterials) -> None:
        self._materials = materials

    async def token(self, pod: Pod, spec: TokenSpec) -> str:
        if not pod.metadata.uid:
            raise VirtualKubeletError("a token is bound to a pod with a UID")
        return self._materials.issue(pod, spec)

    def release(self, uid: str) -> None:
        pass


class _Services:
    def __init__(self, services: list[Service]) -> None:
        self._services = services

    @property
    def version(self) -> int:
        return len(self._services)

    def hold(self, uid: str, namespace: str, links: bool) -> None:
        pass

    def release(self, uid: str) -> None:
        pass

    async def ready(self, namespace: str, links: bool) -> None:
        pass

    def services(self, namespace: str) -> Iterable[Service]:
        wanted = {(namespace, service.metadata.name) for service in self._services} | {("default", "kubernetes")}
        return [one for one in self._services if (one.metadata.namespace, one.metadata.name) in wanted]


class _Bundles:
    def __init__(self, bundles: Mapping[str, str]) -> None:
        self._bundles = bundles

    def hold(self, uid: str, specs: Collection[BundleSpec]) -> None:
        pass

    def release(self, uid: str) -> None:
        pass

    async def ready(self, specs: Collection[BundleSpec]) -> None:
        pass

    def lookup(self, spec: BundleSpec) -> str | None:
        return self._bundles.get(spec.name)
