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
    sock = _tcp_socket(transport)
    if sock is None:
        return
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name in ("TCP_KEEPIDLE", "TCP_KEEPINTVL"):
        if hasattr(socket, name):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), KEEPALIVE_SECONDS)


def hung_up(transport: asyncio.Transport) -> bool:
    """Whether the other end has closed, whatever of it waits to be read."""
    sock = transport.get_extra_info("socket")
    if sock is None or sock.fileno() < 0 or not hasattr(select, "poll"):
        return False
    poll = select.poll()
    poll.register(sock.fileno(), getattr(select, "POLLRDHUP", 0))
    return bool(poll.poll(0))


def unsent(transport: asyncio.Transport) -> int:
    """Bytes that the machine at the other end has not confirmed; those in the kernel are counted where it tells."""
    sock = transport.get_extra_info("socket")
    if sock is None or sock.fileno() < 0 or not sys.platform.startswith("linux"):
        return transport.get_write_buffer_size()
    in_kernel = int.from_bytes(fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, bytes(4)), sys.byteorder)
    return transport.get_write_buffer_size() + in_kernel


def _tcp_socket(transport: asyncio.Transport) -> socket.socket | None:
    sock: socket.socket | None = transport.get_extra_info("socket")
    return sock if sock is not None and sock.family in {socket.AF_INET, socket.AF_INET6} else None
