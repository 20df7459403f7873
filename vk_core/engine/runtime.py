"""What the engine needs of a back end that can only start and stop containers: sandboxes, images, containers.

A runtime knows nothing of what Kubernetes promises about a pod. It does what it is told, says what there is, and keeps
the labels and annotations that it was given: they are the engine's memory.
"""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from vk_core.engine.specs import ContainerConfig, ContainerResources, SandboxConfig
from vk_core.provider.materials import RegistryCredential
from vk_core.provider.streams import ContainerIO, LogOptions, LogStream, PortStream


class SandboxPhase(enum.Enum):
    """Whether the surroundings of a pod's containers are there."""

    READY = "ready"
    NOT_READY = "not ready"


class ContainerPhase(enum.Enum):
    """How far a container has come."""

    CREATED = "created"
    RUNNING = "running"
    EXITED = "exited"
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True, slots=True)
class Sandbox:
    """A sandbox that the runtime has.

    Attributes:
        id: the runtime's name for it.
        phase: whether it is ready.
        created_at: when it was made.
        attempt: how many sandboxes the pod had before, as given in its configuration.
        labels: as given in its configuration.
        annotations: as given in its configuration.
        ips: the pod's addresses, the first one first; empty in the host's network, and where only a closer look tells.
        runtime_handler: the handler it was made with.
    """

    id: str
    phase: SandboxPhase
    created_at: dt.datetime
    attempt: int = 0
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    ips: tuple[str, ...] = ()
    runtime_handler: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class RuntimeContainer:
    """A container that the runtime has, running or not.

    Attributes:
        id: the runtime's name for it.
        sandbox_id: the sandbox it is in.
        phase: how far it has come.
        created_at: when it was made.
        started_at: when its process began; None before.
        finished_at: when its process ended; None before.
        exit_code: how; None before.
        reason: the runtime's word for that, such as `OOMKilled` or `Completed`.
        message: the same in a sentence, such as why it could not be started.
        image: as it was asked for.
        image_id: what it really is: the reference with its digest.
        labels: as given in its configuration.
        annotations: as given in its configuration.
        log_path: where its output is kept, if the runtime writes a file.
    """

    id: str
    sandbox_id: str
    phase: ContainerPhase
    created_at: dt.datetime
    started_at: dt.datetime | None = None
    finished_at: dt.datetime | None = None
    exit_code: int | None = None
    reason: str = ""
    message: str = ""
    image: str = ""
    image_id: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    log_path: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Image:
    """An image that the runtime has.

    Attributes:
        id: the runtime's name for it.
        tags: references with tags.
        digests: references with digests.
        size_bytes: how much of the disk it takes.
        user_id: the user that it runs as, if it says so by number.
        user_name: the same, if it says so by name.
        pinned: whether it must not be removed.
    """

    id: str
    tags: tuple[str, ...] = ()
    digests: tuple[str, ...] = ()
    size_bytes: int = 0
    user_id: int | None = None
    user_name: str = ""
    pinned: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Finished:
    """What came of a command that was run to its end.

    Attributes:
        exit_code: 0 to 255.
        stdout: what it wrote, at most 16 KiB.
        stderr: the same for errors.
    """

    exit_code: int
    stdout: bytes = b""
    stderr: bytes = b""


@dataclass(frozen=True, kw_only=True, slots=True)
class HandlerFeatures:
    """What a handler of the runtime can do beyond what all can.

    Attributes:
        recursive_read_only: mounts that are read-only with everything mounted below them.
        user_namespaces: pods with users of their own.
    """

    recursive_read_only: bool = False
    user_namespaces: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class RuntimeState:
    """How the runtime itself is.

    Attributes:
        name: such as `containerd`.
        version: its version.
        ready: whether it can run containers.
        network_ready: whether pods can get addresses.
        problem: why not, in a sentence; empty when both are.
        handlers: what its handlers can do, by name (the default one has none); empty if it does not say.
        supplemental_groups_policy: whether it knows the policy `Strict`.
    """

    name: str
    version: str
    ready: bool
    network_ready: bool
    problem: str = ""
    handlers: Mapping[str, HandlerFeatures] = field(default_factory=dict)
    supplemental_groups_policy: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Snapshot:
    """All that the runtime has at one moment."""

    sandboxes: Sequence[Sandbox]
    containers: Sequence[RuntimeContainer]


@dataclass(frozen=True, kw_only=True, slots=True)
class ContainerUsage:
    """What a container uses.

    Attributes:
        container_id: which one.
        at: when that was so.
        cpu_nanoseconds: CPU time since its start.
        memory_working_set_bytes: memory that cannot be reclaimed.
        memory_rss_bytes: anonymous memory.
        writable_layer_bytes: what it has written into its own file system.
    """

    container_id: str
    at: dt.datetime
    cpu_nanoseconds: int | None = None
    memory_working_set_bytes: int | None = None
    memory_rss_bytes: int | None = None
    writable_layer_bytes: int | None = None


class ContainerRuntime(Protocol):
    """A container runtime. Raises `Unavailable` when it does not answer, `NotFound` for what it does not have.

    Every call may be repeated. Calls about different pods come at the same time.
    """

    async def state(self) -> RuntimeState:
        """How it is."""
        ...

    async def snapshot(self) -> Snapshot:
        """All sandboxes and containers that carry the engine's labels, whatever their state."""
        ...

    async def pod_snapshot(self, uid: str) -> Snapshot:
        """The same of one pod, with everything that only a closer look tells: addresses, exit codes, messages."""
        ...

    def events(self) -> AsyncIterator[str] | None:
        """UIDs of pods that have changed, as it happens, until the connection breaks; None if it cannot tell."""
        ...

    async def run_sandbox(self, config: SandboxConfig) -> str:
        """Make a sandbox with its network; gives its ID."""
        ...

    async def stop_sandbox(self, sandbox_id: str) -> None:
        """End everything in it and take its network down; it may be stopped already."""
        ...

    async def remove_sandbox(self, sandbox_id: str) -> None:
        """Remove it with its containers; it may be gone already."""
        ...

    async def create_container(self, sandbox_id: str, config: ContainerConfig, sandbox: SandboxConfig) -> str:
        """Make a container that does not run yet; gives its ID."""
        ...

    async def start_container(self, container_id: str) -> None:
        """Start its process; raises InvalidInput with the runtime's words when that cannot be."""
        ...

    async def stop_container(self, container_id: str, grace_period_seconds: int) -> None:
        """Ask its process to end, and end it after the grace period; returns when it has ended."""
        ...

    async def remove_container(self, container_id: str) -> None:
        """Remove it; it may be gone already."""
        ...

    async def update_container(self, container_id: str, resources: ContainerResources) -> None:
        """Give a running container other resources."""
        ...

    async def image(self, reference: str) -> Image | None:
        """The image, if it is here."""
        ...

    async def pull(self, reference: str, credential: RegistryCredential | None, sandbox: SandboxConfig) -> str:
        """Fetch an image; gives its ID. Raises ProviderError with the registry's words."""
        ...

    async def images(self) -> Sequence[Image]:
        """All images that are here."""
        ...

    async def remove_image(self, image_id: str) -> None:
        """Remove an image; it may be gone already."""
        ...

    async def run_command(self, container_id: str, command: Sequence[str], timeout_seconds: float) -> Finished:
        """Run a command to its end, without input. Raises TimeoutError when it takes too long; it is ended then."""
        ...

    async def exec(self, container_id: str, command: Sequence[str], io: ContainerIO) -> int:
        """As `RunsInContainer`."""
        ...

    async def attach(self, container_id: str, io: ContainerIO, *, tty: bool, stdin_once: bool) -> None:
        """As `AttachesToContainer`."""
        ...

    async def port_forward(self, sandbox_id: str, port: int, stream: PortStream) -> None:
        """As `ForwardsPorts`."""
        ...

    async def logs(self, container: RuntimeContainer, options: LogOptions) -> LogStream:
        """What a container has written, as `HasContainerLogs`; `previous` has been seen to."""
        ...

    async def usage(self) -> Sequence[ContainerUsage]:
        """What all containers use."""
        ...
