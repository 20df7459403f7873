"""Facts about pods and objects with keys, for tests of the rules of materials."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from vk_core.api.pod import Pod
from vk_core.api.volumes import Volume
from vk_core.materials.objects import Absent, KeyedObject, Lookup, PodFacts, Ref, Unreadable

NAMESPACE = "ns"


def facts_of(spec: Mapping[str, Any] | None = None, /, **fields: Any) -> PodFacts:
    """Facts about the pod `ns/web` with this specification, written as in a manifest."""
    manifest = {"metadata": {"name": "web", "namespace": NAMESPACE, "uid": "u-1"}, "spec": spec or {}}
    return PodFacts(msgspec.convert(manifest, Pod), **fields)


def volume_of(**source: Any) -> Volume:
    """The volume `v` with this source, written as in a manifest."""
    return msgspec.convert({"name": "v", **source}, Volume)


def keyed(kind: Literal["ConfigMap", "Secret"], name: str, data: Mapping[str, bytes], **fields: Any) -> KeyedObject:
    """An object that was read."""
    return KeyedObject(Ref(kind, NAMESPACE, name), data, **fields)


def lookup_of(*objects: KeyedObject | Unreadable) -> Lookup:
    """A world in which there are these objects and no others."""
    found = {each.ref: each for each in objects}
    return lambda ref: found.get(ref, Absent(ref))
