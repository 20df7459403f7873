"""What only the kernel knows of a connection: whether the other end is there, and how much it has not taken yet.

Where a system does not tell, the answer is the harmless one.
"""

from __future__ import annotations

import asyncio
import fcntl
import select
import socket
import sys
import termios

KEEPALIVE_SECONDS = 15
"""When and how often the kernel asks a silent client's machine whether it is still there."""


def keep_alive(transport: asyncio.Transport) -> None:
    """Let the kernel notice that the machine at the other end has vanished without a word."""
    sock = _socket_of(transport)
    if sock is None or sock.family not in {socket.AF_INET, socket.AF_INET6}:
        return
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name in ("TCP_KEEPIDLE", "TCP_KEEPINTVL"):
        if hasattr(socket, name):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), KEEPALIVE_SECONDS)


def hung_up(transport: asyncio.Transport) -> bool:
    """Whether the other end has closed, whatever of it waits to be read."""
    sock = _socket_of(transport)
    if sock is None or not hasattr(select, "poll"):
        return False
    poll = select.poll()
    poll.register(sock.fileno(), getattr(select, "POLLRDHUP", 0))
    return bool(poll.poll(0))


def buffered(transport: asyncio.Transport) -> int:
    """Bytes that were written and that the kernel has not taken; a transport that is closing looks after its own."""
    # asyncio's TLS transport fails here once it was closed.
    return 0 if transport.is_closing() else transport.get_write_buffer_size()


def unsent(transport: asyncio.Transport) -> int:
    """Bytes that the machine at the other end has not confirmed; those in the kernel are counted where it tells."""
    sock = _socket_of(transport)
    if sock is None or not sys.platform.startswith("linux"):
        return buffered(transport)
    in_kernel = int.from_bytes(fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, bytes(4)), sys.byteorder)
    return buffered(transport) + in_kernel


def _socket_of(transport: asyncio.Transport) -> socket.socket | None:
    if transport.is_closing():
        return None
    sock: socket.socket | None = transport.get_extra_info("socket")
    return sock if sock is not None and sock.fileno() >= 0 else None
