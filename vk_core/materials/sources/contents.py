"""How config maps and secrets are read: base64 becomes bytes while the JSON is read, and nothing else is kept."""

from __future__ import annotations

from collections.abc import Mapping

from vk_core.api.meta import ObjectMeta
from vk_core.api.struct import Struct
from vk_core.kube.resources import Resource
from vk_core.materials.objects import KeyedObject, Ref


class ConfigMapContent(Struct):
    """A config map; no value is shown, nor an annotation, in which `kubectl apply` keeps a copy of all of them."""

    metadata: ObjectMeta = ObjectMeta()
    immutable: bool | None = None
    data: dict[str, str] = {}
    binary_data: dict[str, bytes | None] = {}

    def __repr__(self) -> str:
        return f"ConfigMapContent({self.metadata.namespace}/{self.metadata.name})"


class SecretContent(Struct):
    """A secret; the same holds."""

    metadata: ObjectMeta = ObjectMeta()
    immutable: bool | None = None
    data: dict[str, bytes | None] = {}
    type: str = ""

    def __repr__(self) -> str:
        return f"SecretContent({self.metadata.namespace}/{self.metadata.name})"


Content = ConfigMapContent | SecretContent

RESOURCES: dict[str, Resource[Content]] = {
    "ConfigMap": Resource("", "configmaps", "ConfigMap", ConfigMapContent),
    "Secret": Resource("", "secrets", "Secret", SecretContent),
}
"""The same addresses as ever, read in this way."""


class Kept(Struct):
    """What an informer keeps: the identity of an object without labels and annotations, and its values."""

    metadata: ObjectMeta
    object: KeyedObject


def kept(ref: Ref, old: Kept | None, seen: Content) -> Kept:
    """What to keep of an object; values that have not changed since `old` are in memory once."""
    data = _values(seen)
    if old is not None and old.object.data == data:
        data = old.object.data
    return Kept(
        metadata=ObjectMeta(uid=seen.metadata.uid, resource_version=seen.metadata.resource_version),
        object=KeyedObject(
            ref=ref,
            data=data,
            binary=frozenset(() if isinstance(seen, SecretContent) else seen.binary_data),
            type=seen.type if isinstance(seen, SecretContent) else "",
            immutable=bool(seen.immutable),
            resource_version=seen.metadata.resource_version,
        ),
    )


def same_content(one: KeyedObject, other: KeyedObject) -> bool:
    """Whether two states of an object make no difference to a pod."""
    return one.data == other.data and one.binary == other.binary and one.type == other.type


def _values(seen: Content) -> Mapping[str, bytes]:
    binary = seen.data if isinstance(seen, SecretContent) else seen.binary_data
    values = {key: value or b"" for key, value in binary.items()}
    if isinstance(seen, ConfigMapContent):
        values |= {key: value.encode() for key, value in seen.data.items()}
    return values
