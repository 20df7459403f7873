"""What configurations are made of, in a few words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from msgspec.structs import replace

from vk_core.api.container import Container, ResourceRequirements
from vk_core.api.pod import Pod
from vk_core.engine.configuration.container import container_config
from vk_core.engine.configuration.host import Host, Machine, PodSettings
from vk_core.engine.configuration.mounts import ContainerFiles
from vk_core.engine.configuration.sandbox import sandbox_config
from vk_core.engine.runtime import HandlerFeatures, Image
from vk_core.engine.specs import ContainerConfig, SandboxConfig
from vk_core.provider.materials import NetworkFiles
from vk_core.testing import make_container, make_pod

GIB = 2**30
OWNER = "cluster/node"
UID = "0b1c2d3e-1111-2222-3333-444455556666"
NAMES = NetworkFiles("web", "", None, "search a.svc b\nnameserver 10.0.0.10\noptions ndots:5 edns0\n")
IMAGE = Image(id="sha256:1", user_id=0)


def host(*, features: HandlerFeatures | None = None, strict_groups: bool = False, **fields: Any) -> Host:
    """A machine with 4 GiB and a runtime that can do nothing special; `fields` are those of machine and settings."""
    of_machine = {name: fields.pop(name) for name in Machine.__slots__ if name in fields}
    machine = Machine(**{"memory_bytes": 4 * GIB, "kernel": (6, 1), **of_machine})
    settings = PodSettings(**{"log_root": Path("/var/log/pods"), **fields})
    handlers = {} if features is None else {"": features}
    return Host(machine=machine, settings=settings, handlers=handlers, supplemental_groups_policy=strict_groups)


def resources(*, limits: dict[str, str] | None = None, **requests: str) -> ResourceRequirements:
    """Requests by name, and limits."""
    return ResourceRequirements(requests=requests, limits=limits or {})


def pod(*containers: Container, **fields: Any) -> Pod:
    """A pod with these containers, or one that sleeps."""
    return make_pod(uid=UID, containers=containers or (make_container(),), **fields)


def sandbox_of(pod: Pod, on: Host | None = None, **fields: Any) -> SandboxConfig:
    """The configuration of a pod's sandbox."""
    return sandbox_config(pod, **{"host": on or host(), "names": NAMES, "owner": OWNER, **fields})


def container_of(
    pod: Pod, container: Container | None = None, on: Host | None = None, **fields: Any
) -> ContainerConfig:
    """The configuration of a container of a pod, or of its first one."""
    on = on or host()
    given: dict[str, Any] = {
        "host": on,
        "sandbox": fields.pop("sandbox", None) or sandbox_of(pod, on),
        "owner": OWNER,
        "image": IMAGE,
        "attempt": 0,
        "environment": {},
        "command": (),
        "args": (),
        "mounts": (),
        "files": ContainerFiles(),
        **fields,
    }
    return container_config(pod, container or pod.spec.containers[0], **given)


def with_spec(pod: Pod, **fields: Any) -> Pod:
    """The pod with another specification."""
    return replace(pod, spec=replace(pod.spec, **fields))
