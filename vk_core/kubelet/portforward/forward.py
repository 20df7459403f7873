"""One forwarded connection: ask the provider to join it with a port, and put into words what goes wrong.

It knows no wire. What goes wrong with one connection is told to its client and never ends another one.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from vk_core.api.podkey import PodKey
from vk_core.errors import ProviderError
from vk_core.provider.capabilities import ForwardsPorts
from vk_core.provider.streams import PortStream

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
        except (ProviderError, OSError, TimeoutError) as error:
            reason = str(error) or type(error).__name__
            log.info("port %d of pod %s: %s", port, key, reason)
        except Exception as error:
            log.exception("forwarding port %d of pod %s failed", port, key)
            reason = f"internal error: {type(error).__name__}"
        else:
            return ""
        return f"error forwarding port {port} to pod {key.name}, uid {key.uid}: {reason}"

    return forward


def port_of(text: str) -> int | None:
    """The number of a port, if it is one."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS and int(text) in PORTS else None
