"""The materials of one pod: asks the sources for what it refers to, applies the rules, and tells what is missing."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Protocol

from vk_core.api.container import Container
from vk_core.api.expansion import expand
from vk_core.api.pod import Pod
from vk_core.api.volumes import Volume
from vk_core.errors import Conflict, InvalidInput, MaterialMissing, NotFound, VirtualKubeletError
from vk_core.materials.environment.resolution import env_files_of, resolve_environment
from vk_core.materials.environment.services import needs_services
from vk_core.materials.network.files import network_files, network_notices
from vk_core.materials.objects import CONFIG_ERROR, FAILED_MOUNT, Notice, PodFacts, Ref, container_failed
from vk_core.materials.origin import Sources, Tell
from vk_core.materials.pullsecrets import pull_credentials
from vk_core.materials.references import environment_references, references_of, volume_references
from vk_core.materials.volumes.content import TokenSpec, bundles_of, tokens_of, volume_content
from vk_core.materials.volumes.mounts import mounts_of
from vk_core.provider.materials import (
    Environment,
    Mount,
    NetworkFiles,
    ReadVolumeFile,
    RegistryCredential,
    VolumeContent,
)


class Desk(Protocol):
    """What the materials of a pod need of the service that they belong to."""

    sources: Sources
    tell: Tell
    wake: Callable[[str], None]

    def facts(self, pod: Pod, pod_ips: Sequence[str] = (), *, machine: bool = False) -> PodFacts:
        """What is known about a pod and where it runs; with `machine` also which files it may take over."""
        ...

    def service_variables(self, namespace: str, *, links: bool) -> Mapping[str, str]:
        """The variables of the services that are known now."""
        ...


class HeldPod:
    """The materials of one pod, from the first question to the end of the pod (`vk_core.provider.PodMaterials`).

    Attributes:
        pod: the pod as the API server showed it last.
    """

    __slots__ = ("_closed", "_desk", "_follower", "_told", "pod")

    def __init__(self, pod: Pod, desk: Desk) -> None:
        self.pod = pod
        self._desk = desk
        self._follower: Callable[[], None] | None = None
        self._told: frozenset[Notice] = frozenset()
        self._closed = False
        self._hold()

    async def environment(
        self, container_name: str, *, pod_ips: Sequence[str] = (), read_file: ReadVolumeFile | None = None
    ) -> Environment:
        """The variables of a container."""
        container = self._container(container_name)
        namespace = self.pod.metadata.namespace
        await self._ready(environment_references(container, namespace))
        env_files = {key: await _read(read_file, *key) for key in env_files_of(container)}
        self._check_open()
        services = await self._services()
        resolved = resolve_environment(
            container, self._desk.facts(self.pod, pod_ips), self._desk.sources.objects.lookup, services, env_files
        )
        self._tell(resolved.notices, container_name)
        if resolved.environment is None:
            raise self._missing(resolved.missing, CONFIG_ERROR, container_name)
        return resolved.environment

    def expand(self, texts: Sequence[str], environment: Environment) -> tuple[str, ...]:
        """`command` or `args` with variables replaced."""
        return tuple(expand(text, environment) for text in texts)

    async def volumes(
        self, names: Collection[str] | None = None, *, tokens: bool = True
    ) -> Mapping[str, VolumeContent]:
        """The volumes by name."""
        volumes = [volume for volume in self.pod.spec.volumes if names is None or volume.name in names]
        namespace = self.pod.metadata.namespace
        await self._ready([ref for volume in volumes for ref in volume_references(volume, namespace)])
        facts = self._desk.facts(self.pod)
        notices: list[Notice] = []
        found: dict[str, VolumeContent] = {}
        missing: list[MaterialMissing] = []
        try:
            for volume in volumes:
                try:
                    found[volume.name] = await self._volume(volume, facts, tokens, notices)
                except MaterialMissing as error:
                    missing.append(error)  # the others are looked at all the same, so that all that is missing is told
        finally:
            self._tell_once(notices)
        if missing:
            raise missing[0]
        return found

    def mounts(self, container_name: str, environment: Environment) -> tuple[Mount, ...]:
        """Where a container has its volumes."""
        try:
            return mounts_of(self._container(container_name), environment, volumes=self.pod.spec.volumes)
        except ValueError as error:
            self._tell_once([container_failed(str(error))])
            raise self._missing(str(error), CONFIG_ERROR, container_name) from None

    def network_files(self, *, pod_ips: Sequence[str] = ()) -> NetworkFiles:
        """Hostname, hosts and resolver settings."""
        facts = self._desk.facts(self.pod, pod_ips, machine=True)
        self._tell_once(network_notices(facts))
        try:
            return network_files(facts)
        except ValueError as error:
            raise InvalidInput(str(error)) from None

    async def registry_credentials(self, image: str) -> tuple[RegistryCredential, ...]:
        """What to try when pulling an image."""
        namespace = self.pod.metadata.namespace
        refs = [Ref("Secret", namespace, secret.name) for secret in self.pod.spec.image_pull_secrets]
        await self._ready(refs)
        found, notices = pull_credentials(self.pod, self._desk.sources.objects.lookup, image)
        self._tell(notices)
        return found

    def follow(self, changed: Callable[[], None]) -> None:
        """Have a function called whenever something of this pod may have changed."""
        self._follower = changed

    def update(self, pod: Pod) -> None:
        """Take a new state of the pod from the API server."""
        before, self.pod = self.pod, pod
        if before.spec is not pod.spec:
            self._hold()
        elif (before.metadata.labels, before.metadata.annotations) == (pod.metadata.labels, pod.metadata.annotations):
            return
        self.changed()

    def changed(self) -> None:
        """Something that the pod refers to may have changed."""
        if self._follower is not None:
            self._follower()
        self._desk.wake(self.pod.metadata.uid)

    def close(self) -> None:
        """The pod needs nothing any more; whoever still asks is told so."""
        uid, sources = self.pod.metadata.uid, self._desk.sources
        self._closed, self._follower = True, None
        for source in (sources.objects, sources.tokens, sources.services, sources.bundles):
            source.release(uid)

    def _hold(self) -> None:
        uid, sources = self.pod.metadata.uid, self._desk.sources
        sources.objects.hold(uid, references_of(self.pod))
        specs = [spec for volume in self.pod.spec.volumes if volume.projected for spec in bundles_of(volume)]
        if specs:
            sources.bundles.hold(uid, specs)

    async def _ready(self, refs: Collection[Ref]) -> None:
        self._check_open()
        if refs:
            await self._desk.sources.objects.ready(refs)
            self._check_open()

    def _check_open(self) -> None:
        """What is asked for after the end would be held for ever."""
        if self._closed:
            raise Conflict(f"the pod {self.pod.metadata.namespace}/{self.pod.metadata.name} has come to its end")

    async def _services(self) -> Mapping[str, str]:
        metadata, links = self.pod.metadata, needs_services(self.pod)
        services = self._desk.sources.services
        services.hold(metadata.uid, metadata.namespace, links)
        await services.ready(metadata.namespace, links)
        return self._desk.service_variables(metadata.namespace, links=links)

    async def _volume(self, volume: Volume, facts: PodFacts, with_tokens: bool, notices: list[Notice]) -> VolumeContent:
        sources = self._desk.sources
        tokens = {spec: await self._token(volume, spec) for spec in tokens_of(volume)} if with_tokens else {}
        specs = bundles_of(volume)
        if specs:
            await sources.bundles.ready(specs)
        bundles = {spec: sources.bundles.lookup(spec) for spec in specs}
        result = volume_content(volume, facts, sources.objects.lookup, tokens, bundles)
        notices += result.notices
        if result.content is None:
            raise self._failed_mount(volume, result.missing)
        return result.content

    async def _token(self, volume: Volume, spec: TokenSpec) -> str:
        self._check_open()
        try:
            return await self._desk.sources.tokens.token(self.pod, spec)
        except VirtualKubeletError as error:
            raise self._failed_mount(volume, f"failed to fetch token: {error}") from error

    def _failed_mount(self, volume: Volume, missing: str) -> MaterialMissing:
        text = f'MountVolume.SetUp failed for volume "{volume.name}" : {missing}'
        self._tell([Notice(FAILED_MOUNT, text)])
        return self._missing(text, FAILED_MOUNT)

    @staticmethod
    def _missing(message: str, reason: str, container_name: str = "") -> MaterialMissing:
        """For something of which the event was told already."""
        return MaterialMissing(message, reason=reason, container_name=container_name, is_told=True)

    def _container(self, name: str) -> Container:
        spec = self.pod.spec
        for container in (*spec.containers, *spec.init_containers, *spec.ephemeral_containers):
            if container.name == name:
                return container
        raise NotFound(f'container "{name}" in pod "{self.pod.metadata.name}" does not exist')

    def _tell(self, notices: Iterable[Notice], container_name: str = "") -> None:
        for notice in notices:
            self._desk.tell(self.pod, notice, container_name)

    def _tell_once(self, notices: Iterable[Notice]) -> None:
        """Tell what was not told before: volumes are asked for on every change, and the rest is as it was."""
        fresh = frozenset(notices) - self._told
        if fresh:
            self._told |= fresh
            self._tell(sorted(fresh))


async def _read(read_file: ReadVolumeFile | None, volume: str, path: str) -> bytes | str:
    """A file for `fileKeyRef`, or why there is none; empty for one that is not there."""
    if read_file is None:
        return "the provider of this node cannot read files of volumes"
    try:
        return await read_file(volume, path)
    except FileNotFoundError:
        return ""
    except (OSError, VirtualKubeletError) as error:
        return str(error)
