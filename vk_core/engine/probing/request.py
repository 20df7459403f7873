"""What an `httpGet` probe or hook asks for, and where a redirect leads. Pure: nothing is sent here."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple
from urllib.parse import urljoin, urlsplit

from vk_core.api.container import Container, HTTPGetAction, HTTPHeader
from vk_core.engine.probing.ports import port_number
from vk_core.engine.probing.words import VERSION, host_port, quoted

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_ALLOWED_IN_PATH = re.compile(r"[A-Za-z0-9\-_.~$&+,/:;=@!'()*\[\]%]*")
_KEPT_IN_PATH = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~$&+,/:;=@")
_ORIGIN = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.\-]*:)?//[^/]*")
_COLON_IN_FIRST_SEGMENT = re.compile(r"[^/]*:")
_CONTROL_BUT_TAB = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_HOST = re.compile(r"[A-Za-z0-9!$%&'()*+,\-.:;=@\[\]_~]*")
_WRITTEN_OTHERWISE = frozenset({"Content-Length", "Trailer", "Transfer-Encoding", "User-Agent"})
_WORD = re.compile(r"[A-Za-z0-9!#$%&'*+\-.^_`|~]+")


class HttpRequest(NamedTuple):
    """A GET.

    Attributes:
        scheme: `http` or `https`.
        host: where to connect to.
        port: the same.
        target: path and query, as they stand in the request.
        headers: in their order; a name may occur more than once.
        host_header: what to call the server; empty for its address.
    """

    scheme: str
    host: str
    port: int
    target: str
    headers: tuple[tuple[str, str], ...]
    host_header: str = ""

    @property
    def url(self) -> str:
        """The whole address, as it is shown."""
        return f"{self.scheme}://{host_port(self.host, self.port)}{self.target}"

    @property
    def problem(self) -> str:
        """Why it cannot be sent, which only its headers can be the cause of; empty if it can."""
        for name, value in (("Host", self.host_header), *self.headers):
            if not _WORD.fullmatch(name):
                return f"net/http: invalid header field name {quoted(name)}"
            if _CONTROL_BUT_TAB.search(value):
                return f"net/http: invalid header field value for {quoted(name)}"
        return ""

    def encode(self) -> bytes:
        """As it is sent; it must have no problem."""
        agent = next(value for name, value in self.headers if name == "User-Agent")
        host = self.host_header or host_port(self.host, self.port)
        # An invalid name is left out, as Go does: the server is to answer, not to be fooled.
        lines = [f"GET {self.target} HTTP/1.1", f"Host: {host if _HOST.fullmatch(host) else ''}"]
        lines += [f"User-Agent: {agent}"] if agent else []
        lines += [f"{name}: {value}" for name, value in self.headers if name not in _WRITTEN_OTHERWISE]
        lines.append("Connection: close")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8", "surrogateescape")


def http_request(action: HTTPGetAction, container: Container, *, pod_ip: str, purpose: str) -> HttpRequest:
    """The request of a probe or a hook.

    Args:
        action: as it is specified.
        container: whose ports it may name.
        pod_ip: where to ask if it names no host.
        purpose: as whom to ask: `probe` or `lifecycle`.

    Raises:
        ValueError: its port is none.
    """
    headers = _headers(action.http_headers)
    headers.setdefault("User-Agent", [f"kube-{purpose}/{VERSION}"])
    accept = headers.setdefault("Accept", ["*/*"])
    if not accept[0]:
        del headers["Accept"]
    hosts = headers.pop("Host", [""])
    return HttpRequest(
        scheme=action.scheme.lower() or "http",
        host=action.host or pod_ip,
        port=port_number(action.port, container),
        target=request_target(action.path),
        headers=tuple((name, value) for name in sorted(headers) for value in headers[name]),
        host_header=hosts[0],
    )


def request_target(path: str) -> str:
    """What a request asks for: the path with its query, with whatever must not stand there in percent signs.

    Only the path and the query of a whole address count. What is no address at all is asked for to the letter.
    """
    address = path.partition("#")[0]
    address = _ORIGIN.sub("", address, count=1) if _ORIGIN.match(address) else address
    file, mark, query = address.partition("?")
    if _CONTROL.search(address) or _BAD_ESCAPE.search(file) or _COLON_IN_FIRST_SEGMENT.match(file):
        file, mark, query = _escaped(path), "", ""
    elif not _ALLOWED_IN_PATH.fullmatch(file):
        file = _escaped(_decoded(file))
    if not file.startswith("/"):
        file = f"/{file}"
    return f"{file}{mark}{query}"


def redirected(request: HttpRequest, status: int, location: str) -> HttpRequest | None:
    """The request that a redirect leads to; None if the answer stands as it is.

    An answer without a location stands, and one that leads to another host: a container must not make the node ask
    others for it.

    Raises:
        ValueError: the location is no address that can be asked, in the words of a Go client.
    """
    if status not in REDIRECTS or not location:
        return None
    try:
        target = urlsplit(urljoin(request.url, location))
        host, port = target.hostname or "", target.port
    except ValueError as error:
        problem = f"failed to parse Location header {quoted(location)}: {error}"
        raise ValueError(f"Get {quoted(request.url)}: {problem}") from None
    if host != request.host.lower():
        return None
    if target.scheme not in PORTS:
        raise ValueError(f"Get {quoted(location)}: unsupported protocol scheme {quoted(target.scheme)}")
    answer = request._replace(
        scheme=target.scheme,
        port=port or PORTS[target.scheme],
        target=request_target(f"{target.path or '/'}{f'?{target.query}' if target.query else ''}"),
        host_header=request.host_header if not urlsplit(location).scheme else "",
    )
    if request.scheme == "https" and answer.scheme == "http":
        return answer
    headers = [pair for pair in request.headers if pair[0] != "Referer"]
    return answer._replace(headers=tuple(sorted([*headers, ("Referer", request.url)], key=lambda pair: pair[0])))


REDIRECTS = frozenset({301, 302, 303, 307, 308})
PORTS: Mapping[str, int] = {"http": 80, "https": 443}


def _headers(specified: Sequence[HTTPHeader]) -> dict[str, list[str]]:
    """Values by name, each name written as it usually is: `x-one` is `X-One`."""
    headers: dict[str, list[str]] = {}
    for header in specified:
        name = header.name
        if _WORD.fullmatch(name):
            name = "-".join(part[:1].upper() + part[1:].lower() for part in name.split("-"))
        headers.setdefault(name, []).append(header.value.strip(" \t"))
    return headers


def _decoded(text: str) -> bytes:
    return re.sub(
        rb"%([0-9A-Fa-f]{2})",
        lambda found: bytes([int(found[1], 16)]),
        text.encode("utf-8", "surrogateescape"),
    )


def _escaped(path: str | bytes) -> str:
    raw = path.encode("utf-8", "surrogateescape") if isinstance(path, str) else path
    return "".join(chr(byte) if byte in _KEPT_IN_PATH else f"%{byte:02X}" for byte in raw)
