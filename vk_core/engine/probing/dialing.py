"""TCP connections to containers, and what the `tcpSocket` probe is: whether there can be one."""

from __future__ import annotations

import asyncio
import errno
import functools
import ssl
from collections.abc import Callable
from typing import TypeVar

from vk_core.engine.probing.outcomes import Outcome, failed, succeeded
from vk_core.engine.probing.words import connect_problem, host_port, system_problem

Spoken = TypeVar("Spoken", bound=asyncio.Protocol)

SPEAKS_PLAIN_HTTP = "http: server gave HTTP response to HTTPS client"

_NO_TLS = frozenset({"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG"})


class DialError(Exception):
    """There is no connection; the message says why in kubelet's words."""


async def dial(protocol: Callable[[], Spoken], host: str, port: int, *, tls: bool = False) -> Spoken:
    """Connect, and have somebody speak on the connection.

    Args:
        protocol: makes who speaks.
        host: a name or an address.
        port: TCP port.
        tls: whether to speak TLS; the server's certificate may be any.

    Raises:
        DialError: that cannot be.
    """
    if not host:
        raise DialError("dial tcp: the pod has no address")
    loop = asyncio.get_running_loop()
    try:
        if tls:
            _, speaker = await loop.create_connection(protocol, host, port, ssl=_any_server(), server_hostname=host)
        else:
            _, speaker = await loop.create_connection(protocol, host, port)
    except ssl.SSLError as error:
        raise DialError(_tls_problem(error)) from None
    except OSError as error:
        raise DialError(_problem(error, host, port)) from None
    except UnicodeError:
        raise DialError(f"dial tcp: lookup {host}: no such host") from None
    return speaker


async def probe_tcp(host: str, port: int, timeout_seconds: int) -> Outcome:
    """Whether something listens."""
    try:
        async with asyncio.timeout(timeout_seconds):
            await dial(_Silent, host, port)
    except TimeoutError:
        return failed(f"dial tcp {host_port(host, port)}: i/o timeout")
    except DialError as error:
        return failed(str(error))
    return succeeded()


class _Silent(asyncio.Protocol):
    """Says nothing and leaves."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.close()


@functools.cache
def _any_server() -> ssl.SSLContext:
    """Containers have certificates that nobody has signed, or keys that are too short: probes trust all, as kubelet."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    return context


def _problem(error: OSError, host: str, port: int) -> str:
    # Connections that were made already end like this when the server wants no TLS.
    if error.errno == errno.ECONNRESET:
        return f"read tcp {host_port(host, port)}: read: {system_problem(error)}"
    if isinstance(error, ConnectionError) and not error.errno:
        return "EOF"
    return connect_problem(error, host, port)


def _tls_problem(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLEOFError):
        return "EOF"
    if error.reason in _NO_TLS:
        return SPEAKS_PLAIN_HTTP
    return f"remote error: tls: {(error.reason or str(error)).replace('_', ' ').lower()}"
