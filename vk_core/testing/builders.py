"""Makes what a provider is given: pods as core hands them over, and the context."""

from __future__ import annotations

import logging
import uuid
from typing import Any, TypeVar

import msgspec

from vk_core.api.container import Container
from vk_core.api.meta import ObjectMeta, utc_now
from vk_core.api.pod import Pod, PodSpec
from vk_core.provider import OWNER_ANNOTATION, ProviderContext
from vk_core.testing.events import RecordedEvents
from vk_core.testing.materials import FixedMaterials

Settings = TypeVar("Settings", bound=msgspec.Struct)

OWNER = "test-cluster/test-node"
"""The owner of all pods and contexts made here."""


def make_container(name: str = "main", *, image: str = "busybox:1.37", **fields: Any) -> Container:
    """A container that sleeps; `fields` are those of `Container`."""
    fields.setdefault("command", ("sleep", "3600"))
    return Container(name=name, image=image, **fields)


def make_pod(
    name: str = "web",
    *,
    namespace: str = "default",
    uid: str | None = None,
    labels: dict[str, str] | None = None,
    annotations: dict[str, str] | None = None,
    **spec: Any,
) -> Pod:
    """A pod as core hands it to a provider: bound to the node, with UID and owner annotation.

    Args:
        name: its name.
        namespace: its namespace.
        uid: a new one unless it is given.
        labels: its labels.
        annotations: its annotations besides the owner's.
        spec: fields of `PodSpec`; without `containers` there is one that sleeps.
    """
    spec.setdefault("containers", (make_container(),))
    spec.setdefault("termination_grace_period_seconds", 30)
    return Pod(
        metadata=ObjectMeta(
            name=name,
            namespace=namespace,
            uid=uid or str(uuid.uuid4()),
            resource_version="1",
            generation=1,
            creation_timestamp=utc_now(),
            labels=labels or {},
            annotations={**(annotations or {}), OWNER_ANNOTATION: OWNER},
        ),
        spec=PodSpec(node_name="test-node", **spec),
    )


def make_context(settings: Settings, **fields: Any) -> ProviderContext[Settings]:
    """A provider's context; `fields` are those of `ProviderContext` that matter to the test."""
    defaults: dict[str, Any] = {
        "node_name": "test-node",
        "operating_system": "linux",
        "internal_ip": "127.0.0.1",
        "kubelet_port": 10250,
        "cluster_domain": "cluster.local",
        "owner": OWNER,
        "materials": FixedMaterials(),
        "events": RecordedEvents(),
        "log": logging.getLogger("vk_core.testing"),
    }
    return ProviderContext(settings=settings, **{**defaults, **fields})
