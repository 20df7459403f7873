"""What the API server answers when it refuses, and what it means when it does not answer at all."""

from __future__ import annotations

import http

import msgspec

from vk_core.api.meta import Status
from vk_core.errors import VirtualKubeletError


class ApiError(VirtualKubeletError):
    """The API server refused a request.

    Attributes:
        code: HTTP status.
        reason: machine-readable reason such as `AlreadyExists`.
        retry_after_seconds: how long the server asks to wait, if it does.
    """

    def __init__(self, message: str, *, code: int, reason: str = "", retry_after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.retry_after_seconds = retry_after_seconds


class ObjectNotFound(ApiError):
    """404: there is no such object (or no such resource)."""


class ObjectConflict(ApiError):
    """409: the object exists already, has changed meanwhile, or is another one of the same name (a patch: 422)."""


class ResourceExpired(ApiError):
    """410: the version to continue from is too old; list again."""


class AccessForbidden(ApiError):
    """403: the credentials are known but not allowed to do this; the message has the RBAC rule that would allow it."""


class NotAuthenticated(ApiError):
    """401: the credentials are not accepted."""


class TooManyRequests(ApiError):
    """429: the server asks to come back later."""


class ApiUnavailable(ApiError):
    """The server cannot be reached or failed by itself (5xx); worth trying again."""


BY_CODE: dict[int, type[ApiError]] = {
    http.HTTPStatus.UNAUTHORIZED: NotAuthenticated,
    http.HTTPStatus.FORBIDDEN: AccessForbidden,
    http.HTTPStatus.NOT_FOUND: ObjectNotFound,
    http.HTTPStatus.CONFLICT: ObjectConflict,
    http.HTTPStatus.GONE: ResourceExpired,
    http.HTTPStatus.TOO_MANY_REQUESTS: TooManyRequests,
}

_decode_status = msgspec.json.Decoder(Status).decode


def error_from(code: int, body: bytes, *, what: str, grant: str, retry_after_seconds: float | None = None) -> ApiError:
    """The error for an answer that is not a success.

    Args:
        code: HTTP status.
        body: the body, usually a `metav1.Status`.
        what: what was asked for, such as `patch pods/status default/web`.
        grant: the RBAC rule that allows it, shown when access is forbidden.
        retry_after_seconds: from the header of the same name.
    """
    try:
        status = _decode_status(body)
    except ValueError:  # not JSON, not a Status, or not even text
        status = Status(message=body[:200].decode(errors="replace").strip())
    message = f"{what}: {status.message or _phrase(code)}"
    if code == http.HTTPStatus.FORBIDDEN and status.reason == "Forbidden":
        message = f"{message}; grant it with the rule {grant}"
    if retry_after_seconds is None and status.details and status.details.retry_after_seconds:
        retry_after_seconds = float(status.details.retry_after_seconds)
    kind = BY_CODE.get(code, ApiUnavailable if code >= http.HTTPStatus.INTERNAL_SERVER_ERROR else ApiError)
    if code == http.HTTPStatus.UNPROCESSABLE_ENTITY and _is_about_another_object(status):
        kind = ObjectConflict
    return kind(message, code=code, reason=status.reason, retry_after_seconds=retry_after_seconds)


def _is_about_another_object(status: Status) -> bool:
    """Whether a patch met another object of the same name: to the server a UID is a field that cannot be changed."""
    return status.details is not None and any(cause.field == "metadata.uid" for cause in status.details.causes)


def _phrase(code: int) -> str:
    try:
        return http.HTTPStatus(code).phrase
    except ValueError:  # proxies have codes of their own
        return f"HTTP status {code}"


def unreachable(server: str, error: Exception) -> ApiUnavailable:
    """The error for a request that got no answer."""
    return ApiUnavailable(f"cannot reach the API server {server}: {error or type(error).__name__}", code=0)
