"""Whether the volume mounts of a container are valid. A relative mount path is: API servers let it through."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from vk_core.devcluster.pathrules import descending_causes
from vk_core.devcluster.statuses import Cause, forbidden_field, missing, required, unsupported, wrong

Object: TypeAlias = dict[str, Any]

_BIDIRECTIONAL = "Bidirectional"
_PROPAGATIONS = (_BIDIRECTIONAL, "HostToContainer", "None")
_RECURSIVE = ("Disabled", "Enabled", "IfPossible")


def mount_causes(path: str, container: Object, volumes: Mapping[str, Object]) -> Iterator[Cause]:
    """Yields what is wrong with `volumeMounts`; of some fields an API server does not say in which mount they are."""
    places: set[str] = set()
    for index, mount in enumerate(container.get("volumeMounts", ())):
        at = f"{path}[{index}]"
        name, place = mount.get("name", ""), mount.get("mountPath", "")
        if not name:
            yield required(f"{at}.name")
        if name not in volumes:
            yield missing(f"{at}.name", name)
        if not place:
            yield required(f"{at}.mountPath")
        elif place in places:
            yield wrong(f"{at}.mountPath", place, "must be unique")
        places.add(place)
        yield from _sub_path_causes(path, at, mount)
        yield from _propagation_causes(path, container, mount)
        yield from _read_only_causes(f"{path}.recursiveReadOnly", mount)


def _sub_path_causes(path: str, at: str, mount: Object) -> Iterator[Cause]:
    for field in ("subPath", "subPathExpr"):
        if mount.get(field):
            yield from descending_causes(f"{path}.{field}", mount[field])
    if mount.get("subPath") and mount.get("subPathExpr"):
        why = "subPathExpr and subPath are mutually exclusive"
        yield wrong(f"{at}.subPathExpr", mount["subPathExpr"], why)


def _propagation_causes(path: str, container: Object, mount: Object) -> Iterator[Cause]:
    propagation = mount.get("mountPropagation")
    if propagation is None:
        return
    is_privileged = (container.get("securityContext") or {}).get("privileged")
    if propagation not in _PROPAGATIONS:
        yield unsupported(f"{path}.mountPropagation", propagation, _PROPAGATIONS)
    elif propagation == _BIDIRECTIONAL and not is_privileged:
        why = "Bidirectional mount propagation is available only to privileged containers"
        yield forbidden_field(f"{path}.mountPropagation", why)


def _read_only_causes(path: str, mount: Object) -> Iterator[Cause]:
    recursive = mount.get("recursiveReadOnly", "Disabled")
    if recursive not in _RECURSIVE:
        yield unsupported(path, recursive, _RECURSIVE)
    elif recursive != "Disabled":
        if not mount.get("readOnly"):
            yield forbidden_field(path, "may only be specified when readOnly is true")
        if mount.get("mountPropagation", "None") != "None":
            yield forbidden_field(path, "may only be specified when mountPropagation is None or not specified")
