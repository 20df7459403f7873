"""Whether the variables of a container are valid: their names, and where their values come from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeAlias

from vk_core.devcluster.fieldrefs import VARIABLE_FIELDS, field_ref_causes, resource_ref_causes
from vk_core.devcluster.names import data_key, dns_subdomain, variable_name
from vk_core.devcluster.pathrules import upward_causes
from vk_core.devcluster.statuses import Cause, missing, required, wrong

Object: TypeAlias = dict[str, Any]
Volumes: TypeAlias = Mapping[str, Object]
"""The volumes of the pod, by name."""

_SOURCES = ("fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef", "fileKeyRef")
_OBJECTS = ("configMapRef", "secretRef")
_SEVERAL = "may not have more than one field specified at a time"


def env_causes(path: str, container: Object, volumes: Volumes) -> Iterator[Cause]:
    """Yields what is wrong with `env` and `envFrom` of a container."""
    for index, variable in enumerate(container.get("env", ())):
        yield from _variable_causes(f"{path}.env[{index}]", variable, volumes)
    for index, source in enumerate(container.get("envFrom", ())):
        yield from _env_from_causes(f"{path}.envFrom", index, source)


def _variable_causes(path: str, variable: Object, volumes: Volumes) -> Iterator[Cause]:
    name = variable.get("name", "")
    if not name:
        yield required(f"{path}.name")
    elif problem := variable_name(name):
        yield wrong(f"{path}.name", name, problem)
    if "valueFrom" in variable:
        yield from _source_causes(f"{path}.valueFrom", variable, volumes)


def _source_causes(path: str, variable: Object, volumes: Volumes) -> Iterator[Cause]:
    source = variable["valueFrom"]
    rules: dict[str, Callable[[str, Object], Iterable[Cause]]] = {
        "fieldRef": lambda at, reference: field_ref_causes(at, reference, VARIABLE_FIELDS),
        "resourceFieldRef": lambda at, reference: resource_ref_causes(at, reference, in_volume=False),
        "configMapKeyRef": _key_ref_causes,
        "secretKeyRef": _key_ref_causes,
        "fileKeyRef": lambda at, reference: _file_key_causes(at, reference, volumes),
    }
    given = [kind for kind in _SOURCES if kind in source]
    for kind in given:
        yield from rules[kind](f"{path}.{kind}", source[kind])
    if not given:
        listed = ", ".join(f"`{kind}`" for kind in _SOURCES[:-1])
        yield wrong(path, "", f"must specify one of: {listed} or `{_SOURCES[-1]}`")
    elif variable.get("value"):
        yield wrong(path, "", "may not be specified when `value` is not empty")
    elif len(given) > 1:
        yield wrong(path, "", _SEVERAL)


def _key_ref_causes(path: str, reference: Object) -> Iterator[Cause]:
    name, key = reference.get("name", ""), reference.get("key", "")
    if problem := dns_subdomain(name):
        yield wrong(f"{path}.name", name, problem)
    if not key:
        yield required(f"{path}.key")
    elif problem := data_key(key):
        yield wrong(f"{path}.key", key, problem)


def _file_key_causes(path: str, reference: Object, volumes: Volumes) -> Iterator[Cause]:
    name, file, key = (reference.get(field, "") for field in ("volumeName", "path", "key"))
    if not name:
        yield required(f"{path}.volumeName")
    if not key:
        yield required(f"{path}.key")
    elif problem := variable_name(key):
        yield wrong(f"{path}.key", key, problem)
    if not file:
        yield required(f"{path}.path")
    yield from upward_causes(f"{path}.path", file)
    if name not in volumes:
        yield missing(f"{path}.volumeName", name)
    elif "emptyDir" not in volumes[name]:
        yield wrong(f"{path}.volumeName", name, "referenced volume must be of type emptyDir")


def _env_from_causes(path: str, index: int, source: Object) -> Iterator[Cause]:
    at = f"{path}[{index}]"
    prefix = source.get("prefix")
    if prefix and (problem := variable_name(prefix)):
        yield wrong(f"{at}.prefix", prefix, problem)
    given = [kind for kind in _OBJECTS if kind in source]
    for kind in given:
        name = source[kind].get("name", "")
        if not name:
            yield required(f"{at}.{kind}.name")
        elif problem := dns_subdomain(name):
            yield wrong(f"{at}.{kind}.name", name, problem)
    if not given:
        yield wrong(path, "", "must specify one of: `configMapRef` or `secretRef`")
    elif len(given) > 1:
        yield wrong(path, "", _SEVERAL)
