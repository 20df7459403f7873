"""The head of an HTTP answer: status line and headers, as far as a proxy of upgraded connections has to know them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

LONGEST_HEAD = 64 * 1024
_STATUS_LINE = re.compile(rb"HTTP/1\.[01] (\d{3})(?: [^\r\n]*)?", re.ASCII)
_HEADER = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([^\r\n]*?)[ \t]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Head:
    """Status and headers.

    Attributes:
        status: the status code.
        headers: by name in lower case; of several with one name, the last.
        raw: the bytes, with the empty line.
    """

    status: int
    headers: dict[str, str]
    raw: bytes


def parse_head(raw: bytes) -> Head:
    """Reads the head of an answer, up to and with the empty line.

    Raises:
        ValueError: this is no HTTP.
    """
    first, *lines = raw.removesuffix(b"\r\n\r\n").split(b"\r\n")
    status = _STATUS_LINE.fullmatch(first)
    if status is None:
        raise ValueError(f"malformed HTTP response {first[:64]!r}")
    headers: dict[str, str] = {}
    for line in lines:
        header = _HEADER.fullmatch(line)
        if header is None:
            raise ValueError(f"malformed HTTP header {line[:64]!r}")
        headers[header[1].decode("ascii").lower()] = header[2].decode("latin-1")
    return Head(int(status[1]), headers, raw)


def make_request(method: str, path: str, headers: Iterable[tuple[str, str]]) -> bytes:
    """Returns the head of a request; none of its parts may contain a line break, which those of a request never do."""
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers)]
    text = "\r\n".join(lines)
    if text.count("\n") != len(lines) - 1 or text.count("\r") != len(lines) - 1:
        raise ValueError("a line break in a header")
    return f"{text}\r\n\r\n".encode("utf-8", "surrogateescape")
