"""Reads the protobuf bodies that kubectl sends: it creates namespaces, secrets and a few more in no other way.

Only those kinds are known here, with the field numbers that `k8s.io/api` publishes; answers are always JSON, which
every client accepts beside protobuf. Other kinds are refused with 415, and the client has to send JSON.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any, TypeAlias

from vk_core.devcluster.statuses import StatusError, bad_request

PROTOBUF = "application/vnd.kubernetes.protobuf"
Object: TypeAlias = dict[str, Any]

_MAGIC = b"k8s\x00"
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_LONGEST_VARINT = 10
_SIGN, _MODULUS = 1 << 63, 1 << 64

_MESSAGES: dict[str, dict[int, tuple[str, str]]] = {
    "ObjectMeta": {
        1: ("name", "string"), 2: ("generateName", "string"), 3: ("namespace", "string"), 5: ("uid", "string"),
        6: ("resourceVersion", "string"), 11: ("labels", "map string"), 12: ("annotations", "map string"),
        13: ("ownerReferences", "list OwnerReference"), 14: ("finalizers", "list string"),
    },
    "OwnerReference": {
        1: ("kind", "string"), 3: ("name", "string"), 4: ("uid", "string"), 5: ("apiVersion", "string"),
        6: ("controller", "bool"), 7: ("blockOwnerDeletion", "bool"),
    },
    "DeleteOptions": {
        1: ("gracePeriodSeconds", "int"), 2: ("preconditions", "Preconditions"), 3: ("orphanDependents", "bool"),
        4: ("propagationPolicy", "string"), 5: ("dryRun", "list string"),
    },
    "Preconditions": {1: ("uid", "string"), 2: ("resourceVersion", "string")},
    "Namespace": {1: ("metadata", "ObjectMeta"), 2: ("spec", "NamespaceSpec")},
    "NamespaceSpec": {1: ("finalizers", "list string")},
    "ConfigMap": {
        1: ("metadata", "ObjectMeta"), 2: ("data", "map string"), 3: ("binaryData", "map bytes"),
        4: ("immutable", "bool"),
    },
    "Secret": {
        1: ("metadata", "ObjectMeta"), 2: ("data", "map bytes"), 3: ("type", "string"),
        4: ("stringData", "map string"), 5: ("immutable", "bool"),
    },
    "ServiceAccount": {
        1: ("metadata", "ObjectMeta"), 2: ("secrets", "list ObjectReference"),
        3: ("imagePullSecrets", "list LocalObjectReference"), 4: ("automountServiceAccountToken", "bool"),
    },
    "Service": {1: ("metadata", "ObjectMeta"), 2: ("spec", "ServiceSpec")},
    "ServiceSpec": {
        1: ("ports", "list ServicePort"), 2: ("selector", "map string"), 3: ("clusterIP", "string"),
        4: ("type", "string"), 5: ("externalIPs", "list string"), 7: ("sessionAffinity", "string"),
        8: ("loadBalancerIP", "string"), 10: ("externalName", "string"), 11: ("externalTrafficPolicy", "string"),
        17: ("ipFamilyPolicy", "string"), 18: ("clusterIPs", "list string"), 19: ("ipFamilies", "list string"),
        22: ("internalTrafficPolicy", "string"),
    },
    "ServicePort": {
        1: ("name", "string"), 2: ("protocol", "string"), 3: ("port", "int"), 4: ("targetPort", "IntOrString"),
        5: ("nodePort", "nonzero"), 6: ("appProtocol", "string"),
    },
    "IntOrString": {1: ("type", "int"), 2: ("intVal", "int"), 3: ("strVal", "string")},
    "ObjectReference": {
        1: ("kind", "string"), 2: ("namespace", "string"), 3: ("name", "string"), 4: ("uid", "string"),
        5: ("apiVersion", "string"), 6: ("resourceVersion", "string"), 7: ("fieldPath", "string"),
    },
    "LocalObjectReference": {1: ("name", "string")},
    "Binding": {1: ("metadata", "ObjectMeta"), 2: ("target", "ObjectReference")},
    "Eviction": {1: ("metadata", "ObjectMeta"), 2: ("deleteOptions", "DeleteOptions")},
    "TokenRequest": {1: ("metadata", "ObjectMeta"), 2: ("spec", "TokenRequestSpec")},
    "TokenRequestSpec": {
        1: ("audiences", "list string"), 3: ("boundObjectRef", "BoundObjectReference"), 4: ("expirationSeconds", "int"),
    },
    "BoundObjectReference": {
        1: ("kind", "string"), 2: ("apiVersion", "string"), 3: ("name", "string"), 4: ("uid", "string"),
    },
    "SelfSubjectReview": {1: ("metadata", "ObjectMeta")},
    "SelfSubjectAccessReview": {1: ("metadata", "ObjectMeta"), 2: ("spec", "SelfSubjectAccessReviewSpec")},
    "SelfSubjectAccessReviewSpec": {
        1: ("resourceAttributes", "ResourceAttributes"), 2: ("nonResourceAttributes", "NonResourceAttributes"),
    },
    "ResourceAttributes": {
        1: ("namespace", "string"), 2: ("verb", "string"), 3: ("group", "string"), 4: ("version", "string"),
        5: ("resource", "string"), 6: ("subresource", "string"), 7: ("name", "string"),
    },
    "NonResourceAttributes": {1: ("path", "string"), 2: ("verb", "string")},
    "SelfSubjectRulesReview": {1: ("metadata", "ObjectMeta"), 2: ("spec", "SelfSubjectRulesReviewSpec")},
    "SelfSubjectRulesReviewSpec": {1: ("namespace", "string")},
    "CertificateSigningRequest": {
        1: ("metadata", "ObjectMeta"), 2: ("spec", "CertificateSigningRequestSpec"),
        3: ("status", "CertificateSigningRequestStatus"),
    },
    "CertificateSigningRequestSpec": {
        1: ("request", "bytes"), 5: ("usages", "list string"), 7: ("signerName", "string"),
        8: ("expirationSeconds", "int"),
    },
    "CertificateSigningRequestStatus": {
        1: ("conditions", "list CertificateSigningRequestCondition"), 2: ("certificate", "bytes"),
    },
    "CertificateSigningRequestCondition": {
        1: ("type", "string"), 2: ("reason", "string"), 3: ("message", "string"), 6: ("status", "string"),
    },
    "Unknown": {1: ("typeMeta", "TypeMeta"), 2: ("raw", "raw")},
    "TypeMeta": {1: ("apiVersion", "string"), 2: ("kind", "string")},
}  # fmt: skip
_TOP_LEVEL = frozenset(
    {
        "Binding", "CertificateSigningRequest", "ConfigMap", "DeleteOptions", "Eviction", "Namespace", "Secret",
        "SelfSubjectAccessReview", "SelfSubjectReview", "SelfSubjectRulesReview", "Service", "ServiceAccount",
        "TokenRequest",
    }
)  # fmt: skip


def decode_object(body: bytes) -> Object:
    """Reads one object in Kubernetes' protobuf envelope and returns it as JSON.

    Raises:
        StatusError: 400 if it cannot be read, 415 for a kind that is not known here.
    """
    if not body.startswith(_MAGIC):
        raise bad_request("the body of the request is not a Kubernetes object in protobuf")
    try:
        envelope = _message("Unknown", body[len(_MAGIC) :])
        types = envelope.get("typeMeta", {})
        kind = types.get("kind", "")
        if kind not in _TOP_LEVEL:
            raise StatusError(415, f"this server does not read {kind or 'untyped objects'} as protobuf: send JSON")
        return {"kind": kind, "apiVersion": types.get("apiVersion", ""), **_message(kind, envelope.get("raw", b""))}
    except (ValueError, IndexError) as error:
        raise bad_request(f"the body of the request is not readable protobuf: {error}") from None


def _message(name: str, data: bytes) -> Any:
    fields = _MESSAGES[name]
    result: Object = {}
    for number, value in _fields(data):
        if number in fields:
            field, kind = fields[number]
            _put(result, field, kind, value)
    if name == "IntOrString":
        return result.get("strVal", "") if result.get("type") else result.get("intVal", 0)
    return result


def _put(result: Object, field: str, kind: str, value: int | bytes) -> None:
    shape, _, inner = kind.partition(" ")
    if shape == "list":
        result.setdefault(field, []).append(_value(inner, value))
    elif shape == "map":
        entry = dict(_fields(_expect_bytes(value)))
        key = _expect_bytes(entry.get(1, b"")).decode()
        result.setdefault(field, {})[key] = _value(inner, entry.get(2, b""))
    else:
        plain = _value(kind, value)
        # Go writes empty strings where JSON leaves the field out.
        if plain != "" and not (kind == "nonzero" and not plain):
            result[field] = plain


def _value(kind: str, value: int | bytes) -> Any:
    if kind in {"int", "nonzero", "bool"}:
        if not isinstance(value, int):
            raise ValueError(f"expected a number for {kind}")
        return bool(value) if kind == "bool" else (value - _MODULUS if value >= _SIGN else value)
    data = _expect_bytes(value)
    if kind == "string":
        return data.decode()
    if kind == "bytes":
        return base64.b64encode(data).decode()
    return data if kind == "raw" else _message(kind, data)


def _expect_bytes(value: int | bytes) -> bytes:
    if isinstance(value, int):
        raise ValueError("expected bytes, found a number")  # noqa: TRY004 - the data is wrong, not the program
    return value


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        wire = tag & 7
        if wire == _VARINT:
            value, at = _varint(data, at)
            yield tag >> 3, value
            continue
        size, at = _varint(data, at) if wire == _BYTES else ({_FIXED64: 8, _FIXED32: 4}.get(wire, -1), at)
        if size < 0 or at + size > len(data):
            raise ValueError(f"field {tag >> 3} is cut off or of an unknown type")
        if wire == _BYTES:
            yield tag >> 3, data[at : at + size]
        at += size


def _varint(data: bytes, at: int) -> tuple[int, int]:
    result = 0
    for shift in range(_LONGEST_VARINT):
        byte = data[at + shift]
        result |= (byte & 0x7F) << (7 * shift)
        if byte < 0x80:  # noqa: PLR2004 - the bit that says that more follows
            return result % _MODULUS, at + shift + 1
    raise ValueError("a number is too long")
