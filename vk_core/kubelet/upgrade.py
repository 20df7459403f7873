"""What clients ask for when they want more than HTTP on a connection: SPDY or a WebSocket, and which protocol inside.

Pure: requests are looked at, nothing is answered.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from aiohttp import hdrs, web
from multidict import CIMultiDict

from vk_core.kubelet.refusal import Refusal

SPDY = "SPDY/3.1"
PROTOCOL_HEADER = "X-Stream-Protocol-Version"
ACCEPTED_HEADER = "X-Accepted-Stream-Protocol-Versions"

WEBSOCKET_VERSION = "13"
_KEY = re.compile(r"[A-Za-z0-9+/]{22}==\Z")


def is_spdy(request: web.Request) -> bool:
    """Whether the connection is to go on in SPDY."""
    return _wants_upgrade(request) and SPDY.lower() in request.headers.get(hdrs.UPGRADE, "").lower()


def is_websocket(request: web.Request) -> bool:
    """Whether the connection is to become a WebSocket."""
    return _wants_upgrade(request) and request.headers.get(hdrs.UPGRADE, "").strip().lower() == "websocket"


def check_websocket(request: web.Request) -> None:
    """See that a request for a WebSocket is one as in RFC 6455, section 4.2.1.

    Raises:
        Refusal: 400, or 405 for another method than GET.
    """
    if request.method != hdrs.METH_GET:
        raise Refusal(405, "unable to upgrade: expected GET for a WebSocket", headers={hdrs.ALLOW: hdrs.METH_GET})
    version = request.headers.get(hdrs.SEC_WEBSOCKET_VERSION, "")
    if version != WEBSOCKET_VERSION:
        expected = f"{hdrs.SEC_WEBSOCKET_VERSION}: {WEBSOCKET_VERSION}"
        text = f'unable to upgrade: expected the header {expected}, got "{version}"'
        raise Refusal(400, text, headers={hdrs.SEC_WEBSOCKET_VERSION: WEBSOCKET_VERSION})
    if not _KEY.match(request.headers.get(hdrs.SEC_WEBSOCKET_KEY, "")):
        raise Refusal(400, f"unable to upgrade: expected 16 bytes in base64 as the header {hdrs.SEC_WEBSOCKET_KEY}")


def negotiate_spdy(request: web.Request, supported: Sequence[str]) -> str:
    """The first of the client's protocols (`X-Stream-Protocol-Version`, all of them) that is supported.

    Raises:
        Refusal: 400, the request does not ask for SPDY or names no protocol, or has a body, which SPDY would be taken
            for; 403, none of them is supported, with headers that tell which are.
    """
    if not is_spdy(request):
        raise Refusal(400, f"unable to upgrade: expected the headers Connection: Upgrade and Upgrade: {SPDY}")
    if request.can_read_body:
        raise Refusal(400, "unable to upgrade: expected a request without a body")
    offered = tuple(_listed(request.headers.getall(PROTOCOL_HEADER, ())))
    if not offered:
        raise Refusal(400, f"unable to upgrade: expected the header {PROTOCOL_HEADER}")
    for protocol in offered:
        if protocol in supported:
            return protocol
    text = f"unable to upgrade: the client speaks {', '.join(offered)}, the server {', '.join(supported)}"
    raise Refusal(403, text, headers=CIMultiDict((ACCEPTED_HEADER, protocol) for protocol in supported))


def _wants_upgrade(request: web.Request) -> bool:
    return any("upgrade" in value.lower() for value in request.headers.getall(hdrs.CONNECTION, ()))


def _listed(values: Iterable[str]) -> Iterable[str]:
    return (word for value in values for word in map(str.strip, value.split(",")) if word)
