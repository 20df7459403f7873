"""How an API server says no: `metav1.Status` with the reasons, codes and wording that clients recognise.

Nothing here decides anything; the rest of the dev cluster raises what these functions make.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vk_core.devcluster.resources import Resource

REASONS = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    405: "MethodNotAllowed",
    406: "NotAcceptable",
    409: "Conflict",
    410: "Expired",
    413: "RequestEntityTooLarge",
    415: "UnsupportedMediaType",
    422: "Invalid",
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
    504: "Timeout",
}
"""The reason that belongs to an HTTP status code, unless a more specific one is given."""


class StatusError(Exception):
    """A request that is refused.

    Attributes:
        code: the HTTP status code.
        status: the body of the answer.
        retry_after: seconds for the `Retry-After` header, if any.
    """

    def __init__(
        self,
        code: int,
        message: str,
        *,
        reason: str | None = None,
        details: Mapping[str, Any] | None = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.retry_after = retry_after
        all_details = dict(details or {})
        if retry_after is not None:
            all_details["retryAfterSeconds"] = retry_after
        self.status: dict[str, Any] = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": message,
            "reason": reason or REASONS.get(code, "Unknown"),
            **({"details": all_details} if all_details or details is not None else {}),
            "code": code,
        }


@dataclass(frozen=True, slots=True)
class Cause:
    """One thing that is wrong with one field; `reason` is a `metav1.CauseType`."""

    field: str
    message: str
    reason: str = "FieldValueInvalid"


def required(field: str, hint: str = "") -> Cause:
    """A field that has to be there."""
    return Cause(field, f"Required value{': ' if hint else ''}{hint}", "FieldValueRequired")


def wrong(field: str, value: Any, hint: str) -> Cause:
    """A value that cannot be."""
    return Cause(field, f"Invalid value: {_shown(value)}: {hint}")


def unsupported(field: str, value: Any, supported: Sequence[str]) -> Cause:
    """A value that is not one of a few."""
    choices = ", ".join(f'"{choice}"' for choice in supported)
    return Cause(field, f"Unsupported value: {_shown(value)}: supported values: {choices}", "FieldValueNotSupported")


def duplicate(field: str, value: Any) -> Cause:
    """A value that may occur once."""
    return Cause(field, f"Duplicate value: {_shown(value)}", "FieldValueDuplicate")


def missing(field: str, value: Any) -> Cause:
    """A value that refers to what is not there."""
    return Cause(field, f"Not found: {_shown(value)}", "FieldValueNotFound")


def too_long(field: str, bytes: int) -> Cause:
    """A value that is longer than some bytes."""
    return Cause(field, f"Too long: may not be more than {bytes} bytes", "FieldValueTooLong")


def forbidden_field(field: str, hint: str) -> Cause:
    """A field that may not be set or changed."""
    return Cause(field, f"Forbidden: {hint}", "FieldValueForbidden")


def success(resource: Resource, name: str, uid: str) -> dict[str, Any]:
    """The answer to a request that has no object to give back."""
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Success",
        "details": {"name": name, **_group(resource), "kind": resource.plural, "uid": uid},
    }


def not_found(resource: Resource, name: str) -> StatusError:
    """There is no such object."""
    return StatusError(
        404,
        f'{resource.qualified} "{name}" not found',
        details={"name": name, **_group(resource), "kind": resource.plural},
    )


class PageNotFound(StatusError):
    """There is nothing of this kind on this server: answered with a line of text, as API servers do."""

    def __init__(self) -> None:
        super().__init__(404, "404 page not found")


def unknown_path() -> StatusError:
    """There is no such type in a group that is there."""
    return StatusError(404, "the server could not find the requested resource", details={})


def method_not_allowed() -> StatusError:
    """The type is there, but not this verb."""
    return StatusError(405, "the server does not allow this method on the requested resource", details={})


def already_exists(resource: Resource, name: str) -> StatusError:
    """An object of that name is there already."""
    return StatusError(
        409,
        f'{resource.qualified} "{name}" already exists',
        reason="AlreadyExists",
        details={"name": name, **_group(resource), "kind": resource.plural},
    )


def conflict(resource: Resource, name: str, why: str | None = None, *, kind: str | None = None) -> StatusError:
    """The object is not, or no longer, what the request takes it for."""
    why = why or "the object has been modified; please apply your changes to the latest version and try again"
    return StatusError(
        409,
        f'Operation cannot be fulfilled on {kind or resource.qualified} "{name}": {why}',
        details={"name": name, **_group(resource), "kind": kind or resource.plural},
    )


def other_uid(resource: Resource, name: str, *, asked: str, actual: str) -> StatusError:
    """The object is another one of the same name."""
    return conflict(resource, name, f"Precondition failed: UID in precondition: {asked}, UID in object meta: {actual}")


def forbidden(resource: Resource, name: str, why: str) -> StatusError:
    """The request is understood and may not be done."""
    return StatusError(
        403,
        f'{resource.qualified} "{name}" is forbidden: {why}',
        details={"name": name, **_group(resource), "kind": resource.plural},
    )


def invalid(resource: Resource, name: str, causes: Sequence[Cause]) -> StatusError:
    """The object is not valid, for one or more reasons."""
    return _invalid(name, resource.kind, resource.group, causes)


def invalid_options(kind: str, causes: Sequence[Cause], *, name: str = "", group: str = "meta.k8s.io") -> StatusError:
    """The options of a request are not valid; `kind` is one such as `ListOptions`."""
    return _invalid(name, kind, group, causes)


class UnreadableError(StatusError):
    """The object does not have the structure of its kind, that of the resource or another; `why` says where."""

    def __init__(self, resource: Resource, why: str, *, kind: str | None = None) -> None:
        kind = kind or resource.kind
        super().__init__(400, f'{kind} in version "{resource.version}" cannot be handled as a {kind}: {why}')
        self.why = why


def unpatchable(why: str) -> StatusError:
    """A patch that makes an object unreadable."""
    cause = Cause("patch", f"Invalid value: {why}")
    listed = {"reason": cause.reason, "message": cause.message, "field": cause.field}
    return StatusError(422, f' "" is invalid: patch: {cause.message}', details={"causes": [listed]})


def bad_request(message: str) -> StatusError:
    """The request makes no sense."""
    return StatusError(400, message)


def expired(message: str) -> StatusError:
    """A resource version or a page that is no longer known."""
    return StatusError(410, message, reason="Expired")


def too_large_version(current: int, asked: int) -> StatusError:
    """A resource version that has not been reached yet."""
    return StatusError(
        504,
        f"Timeout: Too large resource version: {asked}, current: {current}",
        details={
            "causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}],
            "retryAfterSeconds": 1,
        },
    )


def _group(resource: Resource) -> dict[str, str]:
    return {"group": resource.group} if resource.group else {}


def _shown(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _invalid(name: str, kind: str, group: str, causes: Sequence[Cause]) -> StatusError:
    lines = [f"{cause.field}: {cause.message}" for cause in causes]
    listed = lines[0] if len(lines) == 1 else f"[{', '.join(lines)}]"
    return StatusError(
        422,
        f'{kind}{"." + group if group else ""} "{name}" is invalid: {listed}',
        details={
            **({"name": name} if name else {}),
            **({"group": group} if group else {}),
            "kind": kind,
            "causes": [{"reason": cause.reason, "message": cause.message, "field": cause.field} for cause in causes],
        },
    )
