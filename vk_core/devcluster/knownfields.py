"""Which fields an object has that its kind does not know: for `fieldValidation=Strict`, which kubectl asks for.

The kinds that are described completely by our own types are checked; what those leave out on purpose is named here.
Maps, and volumes of storage vendors, are not looked into.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, TypeAlias, get_args

import msgspec

from vk_core.api.certificates import ClusterTrustBundle
from vk_core.api.coordination import Lease
from vk_core.api.core import ConfigMap, Secret, ServiceAccount
from vk_core.api.pod import Pod
from vk_core.api.struct import Struct
from vk_core.devcluster.resources import (
    CLUSTERTRUSTBUNDLES,
    CONFIGMAPS,
    LEASES,
    PODS,
    SECRETS,
    SERVICEACCOUNTS,
    Resource,
)

Object: TypeAlias = dict[str, Any]

_TYPES: dict[Resource, type[Struct]] = {
    CLUSTERTRUSTBUNDLES: ClusterTrustBundle,
    CONFIGMAPS: ConfigMap,
    LEASES: Lease,
    PODS: Pod,
    SECRETS: Secret,
    SERVICEACCOUNTS: ServiceAccount,
}
_ALSO = {
    "ObjectMeta": ("managedFields", "selfLink"),
    "PodSpec": ("serviceAccount", "schedulingGroup"),
    "Secret": ("stringData",),
    "ServiceAccount": ("secrets",),
    "LeaseSpec": ("preferredHolder", "strategy"),
}
_TYPE_FIELDS = ("apiVersion", "kind")
_NOT_CHECKED = ("PodStatus", "OpaqueVolumeSource", "EphemeralVolumeSource", "PodCertificateProjection")


def unknown_fields(resource: Resource, object: Object) -> list[str]:
    """Returns the paths of fields that the kind does not have, such as `spec.containers[0].imagePullPolcy`."""
    kind = _TYPES.get(resource)
    return [] if kind is None else list(_unknown(kind, object, ""))


def _unknown(kind: type[Struct], value: Any, path: str) -> Iterator[str]:
    if not isinstance(value, Mapping):
        return
    known = _fields(kind)
    for name, inner in value.items():
        at = f"{path}.{name}" if path else name
        if name not in known:
            yield at
            continue
        child = known[name]
        if child is None:
            continue
        if isinstance(inner, list):
            for index, item in enumerate(inner):
                yield from _unknown(child, item, f"{at}[{index}]")
        else:
            yield from _unknown(child, inner, at)


@lru_cache(maxsize=256)
def _fields(kind: type[Struct]) -> dict[str, type[Struct] | None]:
    """The fields of a type by their JSON names, with the type of their values if that is to be checked."""
    known: dict[str, type[Struct] | None] = {
        field.encode_name: _struct(field.type) for field in msgspec.structs.fields(kind)
    }
    known.update(dict.fromkeys((*_TYPE_FIELDS, *_ALSO.get(kind.__name__, ())), None))
    return known


def _struct(annotation: Any) -> type[Struct] | None:
    if isinstance(annotation, type) and issubclass(annotation, Struct):
        return None if annotation.__name__ in _NOT_CHECKED else annotation
    return next((found for part in get_args(annotation) if (found := _struct(part))), None)
