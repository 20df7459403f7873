"""References to fields and resources of a pod, in variables and in files: which there are, and in which units."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, TypeAlias

from vk_core.devcluster.names import qualified_name
from vk_core.devcluster.statuses import Cause, required, unsupported, wrong

Object: TypeAlias = dict[str, Any]

VARIABLE_FIELDS = (
    "metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName",
    "status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs",
)  # fmt: skip
"""What a variable can have as its value."""

FILE_FIELDS = ("metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid")
"""What a file can have as its content."""

_KNOWN_FIELDS = {
    *VARIABLE_FIELDS, *FILE_FIELDS, "spec.host", "spec.restartPolicy", "spec.schedulerName", "status.phase",
}  # fmt: skip
_WITH_KEYS = ("metadata.annotations", "metadata.labels")
_WITH_KEY = re.compile(r"(.*?)\['(.*)'\]")
_RESOURCES = tuple(
    f"{kind}.{resource}" for kind in ("limits", "requests") for resource in ("cpu", "ephemeral-storage", "memory")
)
_HUGE_PAGES = ("limits.hugepages-", "requests.hugepages-")
_CPU_DIVISORS = ("1m", "1")
_BYTE_DIVISORS = ("1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei")
_RESOURCE_NAMES = {"ephemeral-storage": "local ephemeral storage"}


def field_ref_causes(path: str, reference: Object, supported: tuple[str, ...]) -> Iterator[Cause]:
    """Yields what is wrong with a `fieldRef`."""
    field = reference.get("fieldPath", "")
    version = reference.get("apiVersion", "")
    keyed = _WITH_KEY.fullmatch(field)
    if not version:
        yield required(f"{path}.apiVersion")
    elif not field:
        yield required(f"{path}.fieldPath")
    elif version != "v1":
        why = f"error converting fieldPath: unsupported pod version: {version}"
        yield wrong(f"{path}.fieldPath", field, why)
    elif keyed and keyed[1] in _WITH_KEYS:
        key = keyed[2].lower() if keyed[1] == _WITH_KEYS[0] else keyed[2]
        if problem := qualified_name(key):
            yield wrong(path, keyed[2], problem)
    elif keyed and keyed[1] in _KNOWN_FIELDS:
        yield wrong(f"{path}.fieldPath", keyed[1], "does not support subscript")
    elif field not in _KNOWN_FIELDS:
        why = f"error converting fieldPath: field label not supported: {field}"
        yield wrong(f"{path}.fieldPath", field, why)
    elif field not in supported:
        yield unsupported(f"{path}.fieldPath", field, supported)


def resource_ref_causes(path: str, reference: Object, *, in_volume: bool) -> Iterator[Cause]:
    """Yields what is wrong with a `resourceFieldRef`; in a volume it has to name a container."""
    resource = reference.get("resource", "")
    if in_volume and not reference.get("containerName"):
        yield required(f"{path}.containerName")
    elif not resource:
        yield required(f"{path}.resource")
    elif resource not in _RESOURCES and not resource.startswith(_HUGE_PAGES):
        yield unsupported(f"{path}.resource", resource, _RESOURCES)
    else:
        yield from _divisor_causes(f"{path}.divisor", resource, reference.get("divisor", "0"))


def _divisor_causes(path: str, resource: str, divisor: str) -> Iterator[Cause]:
    kind = resource.partition(".")[2]
    divisors = _CPU_DIVISORS if kind == "cpu" else _BYTE_DIVISORS
    if divisor not in {"0", *divisors}:
        name = "hugepages" if resource.startswith(_HUGE_PAGES) else _RESOURCE_NAMES.get(kind, kind)
        listed = " and ".join(divisors) if kind == "cpu" else ", ".join(divisors)
        yield wrong(path, resource, f"only divisor's values {listed} are supported with the {name} resource")
