"""The HTTPS server of one node: a port taken early, so that the node can report it, and served once all is ready."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import socket
import ssl
from collections.abc import Callable, Sequence
from typing import Any

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from vk_core.errors import UsageError
from vk_core.kubelet.refusal import answer_refusals

CLOSE_SECONDS = 1.0
"""How long requests may take to end by themselves at a stop; then they are cancelled, streams among them."""

BACKLOG = 1024
KEEP_ALIVE_SECONDS = 300.0

HEAD_BYTES = 1 << 20
"""The longest line or header of a request, as of Go's servers: commands to run come in the query."""

log = logging.getLogger("virtual_kubelet.kubelet")
http_log = logging.getLogger("virtual_kubelet.kubelet.http")


def _is_worth_a_line(record: logging.LogRecord) -> bool:
    """Whoever reaches the port can send what is not HTTP; that is their mistake, and must not fill the log."""
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, HttpProcessingError)


http_log.addFilter(_is_worth_a_line)


def bind(address: str, port: int, flag: str = "--port") -> socket.socket:
    """Take a TCP port of an address; port 0 takes a free one.

    Raises:
        UsageError: it cannot be had; names the flag.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    taken = socket.socket(family, socket.SOCK_STREAM)
    try:
        if os.name == "posix":
            # A port whose last connections are still dying is free.
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            with contextlib.suppress(OSError):  # `::` takes IPv4 as well, where the system can do that
                taken.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        taken.bind((address, port))
        taken.listen(BACKLOG)
        taken.setblocking(False)
    except OSError as error:
        taken.close()
        why = "is used by another process" if error.errno == errno.EADDRINUSE else f"{error.strerror or error}"
        raise UsageError(f"{flag}: expected a free port, {address or '0.0.0.0'}:{port}: {why}") from error
    return taken


class KubeletServer:
    """Serves routes on a port that is taken already.

    Args:
        taken: the listening socket; the server closes it.
        attach: what adds the routes, such as `vk_core.kubelet.routes.attach_kubelet_routes` with its arguments.
        middlewares: what every request passes first, such as `vk_core.kubelet.auth.middleware.gate`.
        tls: with which certificate; None serves plain HTTP.
    """

    def __init__(
        self,
        taken: socket.socket,
        attach: Callable[[web.Application], None],
        *,
        middlewares: Sequence[Any] = (),
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._socket = taken
        self._tls = tls
        self._app = web.Application(middlewares=[*middlewares, answer_refusals])
        attach(self._app)
        self._runner = web.AppRunner(
            self._app,
            access_log=None,
            logger=http_log,
            handle_signals=False,
            keepalive_timeout=KEEP_ALIVE_SECONDS,
            # A client that went away must not leave its command running.
            handler_cancellation=True,
            shutdown_timeout=CLOSE_SECONDS,
            max_line_size=HEAD_BYTES,
            max_field_size=HEAD_BYTES,
        )

    @property
    def port(self) -> int:
        """The TCP port that is really used."""
        port: int = self._socket.getsockname()[1]
        return port

    async def start(self) -> None:
        """Begin to serve."""
        await self._runner.setup()
        await web.SockSite(self._runner, self._socket, ssl_context=self._tls, backlog=BACKLOG).start()

    async def close(self) -> None:
        """Let go of the port and end what is being served."""
        try:
            await self._runner.cleanup()
        finally:
            self._socket.close()

    async def __aenter__(self) -> KubeletServer:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        # Shielded, so that a cancelled node lets go of its port as well.
        await asyncio.shield(self.close())
