"""What a client is told when a kubelet says no or cannot be reached: the words of a real API server.

For logs it makes a `Status` of the kubelet's answer, by the status code; a refused upgrade is handed on as it is, which
is not done here.
"""

from __future__ import annotations

import errno
import os
import ssl

import aiohttp

from vk_core.devcluster.statuses import StatusError

LONGEST_REFUSAL = 50_000
"""As many bytes of a kubelet's refusal are read."""

_SERVER_ERROR = 500
_GENERIC: dict[int, tuple[str, str]] = {
    401: ("Unauthorized", "the server has asked for the client to provide credentials"),
    404: ("NotFound", "the server could not find the requested resource"),
    405: ("MethodNotAllowed", "the server does not allow this method on the requested resource"),
    409: ("Conflict", "the server reported a conflict"),
    422: ("Invalid", "the server rejected our request due to an error in our request"),
    429: ("TooManyRequests", "the server has received too many requests and has asked us to try again later"),
    503: ("ServiceUnavailable", "the server is currently unable to handle the request"),
    504: (
        "Timeout",
        "the server was unable to return a response in the time allotted, but may still be processing the request",
    ),
}


def log_refusal(code: int, text: str, pod: str) -> StatusError:
    """What a kubelet's refusal to hand out the log of a pod becomes."""
    if code == 500:  # noqa: PLR2004 - the code is its own name
        return internal_error(text)
    if code == 400:  # noqa: PLR2004
        return StatusError(400, text)
    if code == 403:  # noqa: PLR2004
        reason, message = "Forbidden", text
    elif code in _GENERIC:
        reason, message = _GENERIC[code]
    elif code > _SERVER_ERROR:
        reason = "InternalError"
        message = f'an error on the server ("{text}") has prevented the request from succeeding'
    else:
        reason = "Unknown"
        message = f"the server responded with the status code {code} but did not return more information"
    return StatusError(code, f"{message} ( pods/log {pod})", reason=reason, details={"name": pod, "kind": "pods/log"})


def internal_error(text: str) -> StatusError:
    """Something went wrong behind the API server."""
    return StatusError(500, f"Internal error occurred: {text}", details={"causes": [{"message": text}]})


def unreachable(message: str) -> StatusError:
    """A kubelet that does not answer."""
    return StatusError(500, message, reason="Unknown")


def why(error: Exception, address: str) -> str:
    """Why a kubelet could not be reached, in the words of Go's `net` package."""
    if isinstance(error, TimeoutError):
        return f"dial tcp {address}: i/o timeout"
    if isinstance(error, aiohttp.ClientConnectorError):
        error = error.os_error
    if isinstance(error, ssl.SSLError):
        return f"tls: {error.reason or error}"
    if isinstance(error, OSError) and error.errno is not None and error.errno in errno.errorcode:
        return f"dial tcp {address}: connect: {os.strerror(error.errno).lower()}"
    return f"{address}: {str(error) or type(error).__name__}"
