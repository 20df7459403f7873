"""Free TCP ports on loopback for servers that cannot be told to take any port and say which.

They are taken from below the range that the kernel gives to outgoing connections, so that a server which is down for a
while finds its port free again.
"""

from __future__ import annotations

import random
import socket

LOWEST, HIGHEST = 16000, 32000


def free_ports(count: int) -> list[int]:
    """`count` different ports on which nothing listens now."""
    candidates = random.sample(range(LOWEST, HIGHEST), HIGHEST - LOWEST)
    found = [port for port, _ in zip(filter(_is_free, candidates), range(count), strict=False)]
    if len(found) < count:
        raise RuntimeError(f"no {count} free ports between {LOWEST} and {HIGHEST}")
    return found


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
