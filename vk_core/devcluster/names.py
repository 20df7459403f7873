"""What things may be called: names of objects, label keys and values, environment variables and keys of config maps.

The rules are those of RFC 1123 and of Kubernetes' object names; a check returns a sentence, or `None` if all is well.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Mapping
from typing import Any

from vk_core.devcluster.resources import CLUSTERTRUSTBUNDLES, EVENTS, NAMESPACES, SERVICES, Resource
from vk_core.devcluster.statuses import Cause, forbidden_field, required, wrong

NameRule = Callable[[str], str | None]

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_QUALIFIED = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")
_LABEL_VALUE = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?")
_VARIABLE = re.compile(r"[ -<>-~]+")
_DATA_KEY = re.compile(r"[-._a-zA-Z0-9]+")
_GENERATED_FROM = "bcdfghjklmnpqrstvwxz2456789"
_LONGEST_BASE = 58
_LABEL_LENGTH, _SUBDOMAIN_LENGTH = 63, 253
_ANNOTATIONS_LENGTH = 256 * 1024


def generated_name(base: str) -> str:
    """Returns a name made of `generateName` and five random characters without vowels."""
    return base[:_LONGEST_BASE] + "".join(secrets.choice(_GENERATED_FROM) for _ in range(5))


def dns_label(name: str) -> str | None:
    """Checks a lowercase RFC 1123 label: containers, volumes, namespaces."""
    if len(name) > _LABEL_LENGTH:
        return f"must be no more than {_LABEL_LENGTH} characters"
    if _LABEL.fullmatch(name):
        return None
    if _SUBDOMAIN.fullmatch(name):
        return "must not contain dots"
    return (
        "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and "
        f"end with an alphanumeric character {like(_LABEL, 'my-name', '123-abc')}"
    )


def dns_subdomain(name: str) -> str | None:
    """Checks a lowercase RFC 1123 subdomain: the name of nearly everything."""
    if len(name) > _SUBDOMAIN_LENGTH:
        return f"must be no more than {_SUBDOMAIN_LENGTH} characters"
    if not _SUBDOMAIN.fullmatch(name):
        return (
            "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', "
            f"and must start and end with an alphanumeric character {like(_SUBDOMAIN, 'example.com')}"
        )
    return None


def path_segment(name: str) -> str | None:
    """Checks that a name can be part of a URL: events, which are named after anything."""
    return (
        "may not be '.' or '..' and may not contain '/' or '%'"
        if name in {".", ".."} or set("/%") & set(name)
        else None
    )


def qualified_name(key: str) -> str | None:
    """Checks a label or annotation key, `[prefix/]name`."""
    prefix, slash, name = key.rpartition("/")
    if slash and (problem := dns_subdomain(prefix)):
        return f"prefix part {problem}"
    if len(name) > _LABEL_LENGTH:
        return f"name part must be no more than {_LABEL_LENGTH} characters"
    if not _QUALIFIED.fullmatch(name):
        return (
            "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an "
            f"alphanumeric character {like(_QUALIFIED, 'MyName', 'my.name', '123-abc')}"
        )
    return None


def label_value(value: str) -> str | None:
    """Checks the value of a label."""
    if len(value) > _LABEL_LENGTH:
        return f"must be no more than {_LABEL_LENGTH} characters"
    if not _LABEL_VALUE.fullmatch(value):
        return (
            "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must "
            f"start and end with an alphanumeric character {like(_LABEL_VALUE, 'MyValue', 'my_value', '12345')}"
        )
    return None


def data_key(key: str) -> str | None:
    """Checks a key of a config map or secret, which may become a file."""
    if len(key) > _SUBDOMAIN_LENGTH:
        return f"must be no more than {_SUBDOMAIN_LENGTH} characters"
    if not _DATA_KEY.fullmatch(key):
        return (
            "a valid config key must consist of alphanumeric characters, '-', '_' or '.' "
            f"{like(_DATA_KEY, 'key.name', 'KEY_NAME', 'key-name')}"
        )
    if key in {".", ".."}:
        return f"must not be '{key}'"
    return "must not start with '..'" if key.startswith("..") else None


def variable_name(name: str) -> str | None:
    """Checks the name of an environment variable, as it is since Kubernetes 1.34 (KEP-4369)."""
    if not _VARIABLE.fullmatch(name):
        return "a valid environment variable name must consist only of printable ASCII characters other than '='"
    return None


_RULES: dict[Resource, NameRule] = {
    CLUSTERTRUSTBUNDLES: lambda _: None,  # depends on the signer: see `trustbundles`
    EVENTS: path_segment,
    NAMESPACES: dns_label,
    SERVICES: dns_label,
}


def name_problem(resource: Resource, name: str) -> str | None:
    """Checks the name of an object of a stored type."""
    return _RULES.get(resource, dns_subdomain)(name)


def metadata_causes(resource: Resource, metadata: Mapping[str, Any]) -> list[Cause]:
    """Returns all that is wrong with the metadata of an object."""
    causes: list[Cause] = []
    name = metadata.get("name") or ""
    if not name:
        causes.append(required("metadata.name", "name or generateName is required"))
    elif problem := name_problem(resource, name):
        causes.append(wrong("metadata.name", name, problem))
    for key, value in metadata.get("labels", {}).items():
        if problem := qualified_name(key):
            causes.append(wrong("metadata.labels", key, problem))
        if problem := label_value(value):
            causes.append(wrong("metadata.labels", value, problem))
    annotations = metadata.get("annotations", {})
    causes.extend(
        wrong("metadata.annotations", key, problem) for key in annotations if (problem := qualified_name(key.lower()))
    )
    if sum(len(key) + len(value) for key, value in annotations.items()) > _ANNOTATIONS_LENGTH:
        causes.append(Cause("metadata.annotations", f"Too long: may not be more than {_ANNOTATIONS_LENGTH} bytes"))
    causes.extend(
        wrong("metadata.finalizers", finalizer, problem)
        for finalizer in metadata.get("finalizers", ())
        if (problem := qualified_name(finalizer))
    )
    causes.extend(_owner_causes(metadata))
    return causes


def _owner_causes(metadata: Mapping[str, Any]) -> list[Cause]:
    causes: list[Cause] = []
    owners = metadata.get("ownerReferences", ())
    for index, owner in enumerate(owners):
        path = f"metadata.ownerReferences[{index}]"
        causes.extend(
            wrong(f"{path}.{field}", "", "must not be empty")
            for field in ("apiVersion", "kind", "name", "uid")
            if not owner.get(field)
        )
    if sum(bool(owner.get("controller")) for owner in owners) > 1:
        causes.append(forbidden_field("metadata.ownerReferences", "only one reference can have controller set to true"))
    return causes


def like(pattern: re.Pattern[str], *examples: str) -> str:
    """Returns how an API server shows what it expects."""
    shown = ", ".join(f"{' or ' if index else ''}'{example}'" for index, example in enumerate(examples))
    return f"(e.g. {shown}, regex used for validation is '{pattern.pattern}')"
