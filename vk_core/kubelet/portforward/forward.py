"""One forwarded connection: ask the provider to join it with a port, and put into words what goes wrong.

It knows no wire. What goes wrong with one connection is told to its client and never ends another one.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from vk_core.aio.tasks import first_error
from vk_core.api.podkey import PodKey
from vk_core.errors import ProviderError
from vk_core.provider.capabilities import ForwardsPorts
from vk_core.provider.streams import PortStream
from vk_core.spdy.errors import SpdyClosed, StreamReset

PORTS = range(1, 65536)
MAX_DIGITS = 5

Forward = Callable[[int, PortStream], Awaitable[str]]
"""Joins a connection with a port; gives a sentence for the client, empty if all went well."""

log = logging.getLogger("virtual_kubelet.kubelet.portforward")


def forward_to(provider: ForwardsPorts, key: PodKey) -> Forward:
    """What joins connections with ports of this pod."""

    async def forward(port: int, stream: PortStream) -> str:
        try:
            await provider.port_forward(key, port, stream)
        except Exception as error:
            reason = _reason(
                first_error(error) if isinstance(error, ExceptionGroup) else error, f"port {port} of {key}"
            )
            return f"error forwarding port {port} to pod {key.name}, uid {key.uid}: {reason}"
        return ""

    return forward


def _reason(error: BaseException, what: str) -> str:
    if isinstance(error, (SpdyClosed, StreamReset)):
        log.debug("%s: %s", what, error)
        return str(error)
    if isinstance(error, (ProviderError, OSError)):
        log.info("%s: %s", what, error)
        return str(error) or type(error).__name__
    log.error("forwarding %s failed", what, exc_info=error)
    return f"internal error: {type(error).__name__}"


def port_of(text: str) -> int | None:
    """The number of a port, if it is one."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS and int(text) in PORTS else None
