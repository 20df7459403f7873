"""Where materials come from, as small interfaces: an API server in a node, fixed objects in a provider's tests.

Each of them follows what pods refer to between `hold` and `release`, by the pod's UID.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Protocol

from vk_core.api.core import Service
from vk_core.api.pod import Pod
from vk_core.materials.objects import Absent, KeyedObject, Notice, Ref, Unreadable
from vk_core.materials.volumes.content import BundleSpec, TokenSpec


class Tell(Protocol):
    """Takes warnings about pods."""

    def __call__(self, pod: Pod, notice: Notice, container_name: str, /) -> None:
        """Have a warning told about a pod, or about a container of it if the name is not empty."""
        ...


class Objects(Protocol):
    """Config maps and secrets."""

    def hold(self, uid: str, refs: Collection[Ref]) -> None:
        """A pod refers to exactly these from now on."""
        ...

    def release(self, uid: str) -> None:
        """A pod refers to nothing any more."""
        ...

    async def ready(self, refs: Collection[Ref]) -> None:
        """Wait until something is known about each; never raises."""
        ...

    def lookup(self, ref: Ref) -> KeyedObject | Absent | Unreadable:
        """What is known about an object."""
        ...


class Tokens(Protocol):
    """Service account tokens."""

    async def token(self, pod: Pod, spec: TokenSpec) -> str:
        """A token bound to the pod; raises ApiError when there is none to be had."""
        ...

    def release(self, uid: str) -> None:
        """A pod needs none any more."""
        ...


class Services(Protocol):
    """Services, for the variables that tell of them."""

    @property
    def version(self) -> int:
        """Another number after every change."""
        ...

    def hold(self, uid: str, namespace: str, links: bool) -> None:
        """A pod needs `kubernetes`, and with `links` the services of its namespace."""
        ...

    def release(self, uid: str) -> None:
        """A pod needs none any more."""
        ...

    async def ready(self, namespace: str, links: bool) -> None:
        """Wait until they are known, or known not to be readable; never raises."""
        ...

    def services(self, namespace: str) -> Iterable[Service]:
        """Those of a namespace that are known, and `kubernetes`."""
        ...


class Bundles(Protocol):
    """Cluster trust bundles."""

    def hold(self, uid: str, specs: Collection[BundleSpec]) -> None:
        """A pod refers to exactly these from now on."""
        ...

    def release(self, uid: str) -> None:
        """A pod refers to nothing any more."""
        ...

    async def ready(self, specs: Collection[BundleSpec]) -> None:
        """Wait until something is known about each; never raises."""
        ...

    def lookup(self, spec: BundleSpec) -> str | None:
        """The certificates as PEM; None when there are none."""
        ...


@dataclass(frozen=True, slots=True)
class Sources:
    """All of them."""

    objects: Objects
    tokens: Tokens
    services: Services
    bundles: Bundles
