"""Config maps and secrets: their keys, their size, what the types of secrets ask for, and what is immutable."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable
from typing import Any, TypeAlias

import msgspec

from vk_core.devcluster.names import data_key
from vk_core.devcluster.resources import Resource
from vk_core.devcluster.statuses import Cause, UnreadableError, forbidden_field, required, too_long, wrong

Object: TypeAlias = dict[str, Any]

_LARGEST_DATA = 1024 * 1024
_NOT_BASE64 = re.compile(r"[^A-Za-z0-9+/=]")
_QUANTUM = 4
_REDACTED = "<secret contents redacted>"
_REQUIRED_KEYS = {
    "kubernetes.io/dockercfg": (".dockercfg",),
    "kubernetes.io/dockerconfigjson": (".dockerconfigjson",),
    "kubernetes.io/ssh-auth": ("ssh-privatekey",),
    "kubernetes.io/tls": ("tls.crt", "tls.key"),
}
_JSON_KEYS = (".dockercfg", ".dockerconfigjson")
_BASIC, _BASIC_KEYS = "kubernetes.io/basic-auth", ("username", "password")
_ACCOUNT_TOKEN, _ACCOUNT = "kubernetes.io/service-account-token", "kubernetes.io/service-account.name"


def canonical_base64(resource: Resource, data: dict[str, str]) -> dict[str, str]:
    """Returns values as an API server writes the base64 that it has read; line breaks in it are allowed.

    Raises:
        StatusError: 400 if one is no base64.
    """
    return {key: _canonical(resource, value) for key, value in data.items()}


def config_map_causes(object: Object) -> list[Cause]:
    """Returns all that is wrong with a config map."""
    data, binary = object.get("data", {}), object.get("binaryData", {})
    causes = [
        *_key_causes("data", data),
        *(wrong(f"data[{key}]", key, "duplicate of key present in binaryData") for key in data if key in binary),
        *_key_causes("binaryData", binary),
    ]
    size = sum(len(value.encode()) for value in data.values()) + _decoded_size(binary)
    # An API server names no field here; brackets is how its empty path comes out.
    return [*causes, too_long("[]", _LARGEST_DATA)] if size > _LARGEST_DATA else causes


def secret_causes(object: Object) -> list[Cause]:
    """Returns all that is wrong with a secret; no value is part of it."""
    data = object.get("data", {})
    causes = _key_causes("data", data)
    if _decoded_size(data) > _LARGEST_DATA:
        causes.append(too_long("data", _LARGEST_DATA))
    return causes + _type_causes(object, data)


def data_change_causes(object: Object, old: Object) -> list[Cause]:
    """Returns what may not change: the type of a secret, and everything but metadata once it is immutable."""
    causes: list[Cause] = []
    if "type" in old and object.get("type") != old["type"]:
        causes.append(wrong("type", object.get("type"), "field is immutable"))
    if old.get("immutable"):
        changed = [field for field in ("data", "binaryData") if object.get(field, {}) != old.get(field, {})]
        unset = [] if object.get("immutable") else ["immutable"]
        why = "field is immutable when `immutable` is set"
        causes.extend(forbidden_field(field, why) for field in (*unset, *changed))
    return causes


def _canonical(resource: Resource, value: str) -> str:
    text = value.replace("\n", "").replace("\r", "")
    try:
        return base64.b64encode(base64.b64decode(text, validate=True)).decode()
    except (binascii.Error, ValueError):
        found = _NOT_BASE64.search(text)
        at = found.start() if found else len(text) // _QUANTUM * _QUANTUM
        raise UnreadableError(resource, f"illegal base64 data at input byte {at}") from None


def _key_causes(field: str, data: Iterable[str]) -> list[Cause]:
    return [wrong(f"{field}[{key}]", key, problem) for key in data if (problem := data_key(key))]


def _decoded_size(data: dict[str, str]) -> int:
    return sum(len(value) // _QUANTUM * 3 - value[-2:].count("=") for value in data.values())


def _type_causes(object: Object, data: dict[str, str]) -> list[Cause]:
    kind = object.get("type", "")
    keys = _REQUIRED_KEYS.get(kind, ())
    if kind == _BASIC and not any(key in data for key in _BASIC_KEYS):
        keys = _BASIC_KEYS
    causes = [required(f"data[{key}]") for key in keys if key not in data]
    for key in keys:
        if key in _JSON_KEYS and key in data and not _is_json(data[key]):
            causes.append(wrong(f"data[{key}]", _REDACTED, "it is not JSON"))
    if kind == _ACCOUNT_TOKEN and not object["metadata"].get("annotations", {}).get(_ACCOUNT):
        causes.append(required(f"metadata.annotations[{_ACCOUNT}]"))
    return causes


def _is_json(value: str) -> bool:
    try:
        msgspec.json.decode(base64.b64decode(value))
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    return True
