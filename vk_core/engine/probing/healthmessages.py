"""The gRPC health checking protocol (`grpc.health.v1.Health/Check`): its two messages, and how gRPC frames them. Pure.

Two messages with one field each are no reason for everybody who uses core to have a gRPC library.
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import unquote

PATH = "/grpc.health.v1.Health/Check"

SERVING = "SERVING"
OK = 0
DEADLINE_EXCEEDED = 4
INTERNAL = 13
UNAVAILABLE = 14
UNIMPLEMENTED = 12
UNKNOWN = 2
UNAUTHENTICATED = 16
PERMISSION_DENIED = 7

_STATUSES = ("UNKNOWN", SERVING, "NOT_SERVING", "SERVICE_UNKNOWN")
_CODES = (
    "OK",
    "Canceled",
    "Unknown",
    "InvalidArgument",
    "DeadlineExceeded",
    "NotFound",
    "AlreadyExists",
    "PermissionDenied",
    "ResourceExhausted",
    "FailedPrecondition",
    "Aborted",
    "OutOfRange",
    "Unimplemented",
    "Internal",
    "Unavailable",
    "DataLoss",
    "Unauthenticated",
)

_BY_HTTP_STATUS = {400: INTERNAL, 401: UNAUTHENTICATED, 403: PERMISSION_DENIED, 404: UNIMPLEMENTED} | dict.fromkeys(
    (429, 502, 503, 504), UNAVAILABLE
)
"""What an answer without a gRPC status means (gRPC, "HTTP to gRPC Status Code Mapping")."""

_HALF = 1 << 31
_HEAD_BYTES = 5
_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5
_LONGEST_VARINT = 10


def code_name(code: int) -> str:
    """A status code as Go writes it: `NotFound`."""
    return _CODES[code] if 0 <= code < len(_CODES) else f"Code({code})"


def code_of_http_status(status: int) -> int:
    """The status code of an answer that has none of its own."""
    return _BY_HTTP_STATUS.get(status, UNKNOWN)


def status_message(raw: str) -> str:
    """The text of the header `grpc-message`, which stands there in percent signs."""
    return unquote(raw, errors="replace")


def check_request(service: str) -> bytes:
    """A framed `HealthCheckRequest`."""
    name = service.encode()
    message = b"\x0a" + _varint(len(name)) + name if name else b""
    return b"\x00" + len(message).to_bytes(4, "big") + message


def serving_status(frame: bytes) -> str:
    """The status that a framed `HealthCheckResponse` tells.

    Raises:
        ValueError: it is none.
    """
    if len(frame) < _HEAD_BYTES:
        raise ValueError("the message is not complete")
    if frame[0]:
        raise ValueError("the message is compressed, which nobody has asked for")
    message = frame[_HEAD_BYTES:]
    if len(message) != int.from_bytes(frame[1:_HEAD_BYTES], "big"):
        raise ValueError("the message is not complete")
    status = 0
    for number, value in _fields(message):
        if number == 1 and value is not None:
            status = (value + _HALF) % (2 * _HALF) - _HALF
    return _STATUSES[status] if 0 <= status < len(_STATUSES) else str(status)


def _varint(number: int) -> bytes:
    written = bytearray()
    while number > 0x7F:  # noqa: PLR2004 - seven bits in each byte
        written.append(number & 0x7F | 0x80)
        number >>= 7
    written.append(number)
    return bytes(written)


def _fields(message: bytes) -> Iterator[tuple[int, int | None]]:
    """Numbers and values of fields; None for values that are no numbers."""
    at = 0
    while at < len(message):
        key, at = _read_varint(message, at)
        number, kind = key >> 3, key & 7
        if kind == _VARINT:
            value, at = _read_varint(message, at)
            yield number, value
            continue
        if kind == _LENGTH:
            size, at = _read_varint(message, at)
        elif kind in {_FIXED64, _FIXED32}:
            size = 8 if kind == _FIXED64 else 4
        else:
            raise ValueError(f"the message has a field of type {kind}")
        at += size
        if at > len(message):
            raise ValueError("the message is not complete")
        yield number, None


def _read_varint(message: bytes, at: int) -> tuple[int, int]:
    number = 0
    for place, byte in enumerate(message[at : at + _LONGEST_VARINT]):
        number |= (byte & 0x7F) << 7 * place
        if byte < 0x80:  # noqa: PLR2004 - the last byte of a number
            return number, at + place + 1
    raise ValueError("the message is not complete")
