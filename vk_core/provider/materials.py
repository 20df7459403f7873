"""What pods are made of beside their images: environment, volumes, network files and credentials, ready to use.

Core resolves all of it once for every provider: it fetches what a pod refers to, follows its changes while the pod is
here, and forgets it afterwards. A provider asks `ProviderContext.materials` for the materials of a pod and takes plain
data from them. Values are never part of a `repr`, so that they cannot get into a log by accident.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from vk_core.api.pod import Pod
from vk_core.api.struct import Struct

FILE_VOLUMES = frozenset({"configMap", "secret", "downwardAPI", "projected"})
"""The kinds of volumes that consist of files that core makes; their contents come as `FilesVolume`."""

ReadVolumeFile = Callable[[str, str], Awaitable[bytes]]
"""Reads a file (volume, path in it) that a container wrote, for `fileKeyRef`; FileNotFoundError if it is not there."""


class Environment(Mapping[str, str]):
    """The environment of one container: a mapping in the order in which variables were defined; no value is shown.

    Attributes:
        awaiting_address: variables left out because they depend on the pod's address, which nobody has told yet; ask
            again with `pod_ips` once it is known.
    """

    __slots__ = ("_variables", "awaiting_address")

    def __init__(self, variables: Mapping[str, str], awaiting_address: tuple[str, ...] = ()) -> None:
        self._variables = dict(variables)
        self.awaiting_address = awaiting_address

    def __getitem__(self, name: str) -> str:
        return self._variables[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._variables)

    def __len__(self) -> int:
        return len(self._variables)

    def __repr__(self) -> str:
        return f"Environment({', '.join(self._variables)})"


@dataclass(frozen=True, slots=True, repr=False)
class VolumeFile:
    """A file of a volume.

    Attributes:
        data: its content.
        mode: permission bits, such as 0o644.
        user_id: who owns it; None leaves it to whoever writes it (root, for a kubelet).
    """

    data: bytes
    mode: int
    user_id: int | None = None

    def __repr__(self) -> str:
        return f"VolumeFile({len(self.data)} bytes, mode={self.mode:o})"


@dataclass(frozen=True, slots=True)
class FilesVolume:
    """A volume whose files core makes: a config map, a secret, the downward API, or several in one (projected).

    Attributes:
        name: the volume's name in the pod.
        kind: the name of its source in the API, one of `FILE_VOLUMES`.
        files: contents by path; relative, with `/` between parts, without `.` and `..`.
        in_memory: whether it must not be written to a disk where that can be helped (all but config maps).
    """

    name: str
    kind: str
    files: Mapping[str, VolumeFile]
    in_memory: bool


@dataclass(frozen=True, slots=True)
class EmptyDirVolume:
    """An empty directory that lives as long as the pod.

    Attributes:
        name: the volume's name in the pod.
        in_memory: whether it is asked for in memory (`medium: Memory`).
        huge_page_bytes: size of the huge pages it is asked for in; 0 for none, -1 for whatever size the pod uses.
        size_limit_bytes: how much may be in it; None for no limit.
    """

    name: str
    in_memory: bool = False
    huge_page_bytes: int = 0
    size_limit_bytes: int | None = None
    kind: str = "emptyDir"


@dataclass(frozen=True, slots=True)
class HostPathVolume:
    """A path of the host.

    Attributes:
        name: the volume's name in the pod.
        path: where, on the host.
        type: what must be there, such as `DirectoryOrCreate`; empty for anything.
    """

    name: str
    path: str
    type: str = ""
    kind: str = "hostPath"


@dataclass(frozen=True, slots=True)
class ImageVolume:
    """The file system of an OCI image, read-only.

    Attributes:
        name: the volume's name in the pod.
        reference: the image.
        pull_policy: `Always`, `Never` or `IfNotPresent`.
    """

    name: str
    reference: str
    pull_policy: str
    kind: str = "image"


@dataclass(frozen=True, slots=True)
class OtherVolume:
    """A volume of a kind of which core knows nothing more than the specification (a claim, NFS, CSI, Azure Files, …).

    Attributes:
        name: the volume's name in the pod.
        kind: the name of its source in the API, such as `persistentVolumeClaim`.
        source: that source.
    """

    name: str
    kind: str
    source: Struct


VolumeContent = FilesVolume | EmptyDirVolume | HostPathVolume | ImageVolume | OtherVolume
"""What a volume is, as plain data."""


@dataclass(frozen=True, slots=True)
class Mount:
    """A volume inside a container.

    Attributes:
        volume: the volume's name.
        path: where in the container; absolute.
        sub_path: what of the volume, relative, with variables expanded; empty for all of it.
        read_only: whether the container must not write to it.
        recursive_read_only: the same for mounts below it: `Disabled`, `IfPossible` or `Enabled`.
        propagation: `None`, `HostToContainer` or `Bidirectional`.
    """

    volume: str
    path: str
    sub_path: str = ""
    read_only: bool = False
    recursive_read_only: str = "Disabled"
    propagation: str = "None"


@dataclass(frozen=True, slots=True)
class NetworkFiles:
    """The names by which a pod knows itself and others.

    Attributes:
        hostname: what `hostname` says in the pod.
        domain: the domain of its full name, empty without a subdomain; with `setHostnameAsFQDN` the hostname has it.
        hosts: content of `/etc/hosts`; None while the pod's address, which belongs into it, is not known.
        resolv_conf: content of `/etc/resolv.conf`.
    """

    hostname: str
    domain: str
    hosts: str | None
    resolv_conf: str


@dataclass(frozen=True, slots=True, repr=False)
class RegistryCredential:
    """What to pull an image with.

    Attributes:
        registry: what it is for, as the secret names it: a host, with port and path where it has them.
        username: the user.
        password: the password.
        identity_token: an OAuth2 refresh token in place of a password; mostly empty.
    """

    registry: str
    username: str
    password: str
    identity_token: str = ""

    def __repr__(self) -> str:
        return f"RegistryCredential(registry={self.registry!r})"


class PodMaterials(Protocol):
    """The materials of one pod, always of its newest state; there is nothing that a provider has to give back."""

    @property
    def pod(self) -> Pod:
        """The pod as the API server showed it last."""
        ...

    async def environment(
        self, container_name: str, *, pod_ips: Sequence[str] = (), read_file: ReadVolumeFile | None = None
    ) -> Environment:
        """The variables of a container, init and ephemeral ones too; ask at every start, objects may have changed.

        Args:
            container_name: which container.
            pod_ips: the pod's addresses, if they are known; else those that its status has.
            read_file: how to read files of volumes, for `fileKeyRef`.

        Raises:
            MaterialMissing: something mandatory is not there; its reason is `CreateContainerConfigError`.
        """
        ...

    def expand(self, texts: Sequence[str], environment: Environment) -> tuple[str, ...]:
        """`command` or `args` of a container with `$(NAME)` replaced by the variable."""
        ...

    async def volumes(
        self, names: Collection[str] | None = None, *, tokens: bool = True
    ) -> Mapping[str, VolumeContent]:
        """The volumes of the pod by name.

        Args:
            names: which ones; None for all.
            tokens: whether to ask for service account tokens, which costs a request for each; else they are left out.

        Raises:
            MaterialMissing: something mandatory is not there; its reason is `FailedMount`.
        """
        ...

    def mounts(self, container_name: str, environment: Environment) -> tuple[Mount, ...]:
        """Where a container has its volumes, in the order of the specification.

        Raises:
            MaterialMissing: `subPathExpr` refers to a variable that is not there.
        """
        ...

    def network_files(self, *, pod_ips: Sequence[str] = ()) -> NetworkFiles:
        """Hostname, `/etc/hosts` and `/etc/resolv.conf`, with the pod's addresses if they are known."""
        ...

    async def registry_credentials(self, image: str) -> tuple[RegistryCredential, ...]:
        """What to try when pulling an image, the best match first; empty to pull without."""
        ...

    def follow(self, changed: Callable[[], None]) -> None:
        """Have a function called, on the event loop, whenever something of this pod may have changed; one at a time.

        That is: an object that it refers to, a token that was renewed, its labels and annotations. It must be quick;
        what really changed shows when asked again.
        """
        ...


class Materials(Protocol):
    """Gives the materials of pods."""

    def of(self, pod: Pod) -> PodMaterials:
        """The materials of a pod that core has handed over; the same object for each UID until the pod is gone."""
        ...
