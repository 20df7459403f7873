"""`GET /containerLogs/{namespace}/{pod}/{container}`: kubectl logs.

What goes wrong before the first byte is an answer of its own. Afterwards the status cannot be changed any more and
text would be taken for a part of the log, so the connection is broken off: a log that was cut must not look whole.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging

from aiohttp import web

from vk_core.api.podkey import PodKey
from vk_core.errors import VirtualKubeletError
from vk_core.kubelet.backend import KubeletBackend, container_of
from vk_core.kubelet.logs.gathering import Gathering, gathered
from vk_core.kubelet.logs.instance import options_of_instance
from vk_core.kubelet.logs.options import parse
from vk_core.kubelet.logs.reading import read_log
from vk_core.kubelet.refusal import Handler
from vk_core.kubelet.sockets import keep_alive
from vk_core.provider.capabilities import HasContainerLogs
from vk_core.provider.streams import LogOptions, LogStream
from vk_core.telemetry import metrics

WRITE_BYTES = 1 << 18
"""Larger pieces are written in parts, each when the one before is on its way."""

HEADER_SECONDS = 0.5
"""A log that is followed begins without its first byte after this time: its container may have nothing to say."""

LOOK_SECONDS = 5.0
"""While nothing comes: how often to look whether the client is still there, for servers that do not cancel handlers."""

log = logging.getLogger("virtual_kubelet.kubelet")


def container_logs_handler(backend: KubeletBackend) -> Handler:
    """The handler; the route names `namespace`, `pod` and `container`."""

    async def handle(request: web.Request) -> web.StreamResponse:
        options = parse(request.query, _now)
        names = request.match_info
        pod = backend.pod(names["namespace"], names["pod"])
        name = container_of(pod, names["container"]).name
        provider = backend.provider
        if not isinstance(provider, HasContainerLogs):
            raise backend.unsupported("show the logs of containers")
        options = options_of_instance(pod, name, options)
        key = PodKey.of(pod)

        async def open_log(wanted: LogOptions) -> LogStream:
            return await provider.get_container_logs(key, name, wanted)

        if options.follow and request.transport is not None:
            keep_alive(request.transport)
        with metrics.stream_open("containerLogs"):
            async with gathered(read_log(open_log, options)) as pieces:
                return await _Answer(request, pieces, f"{key} {name}").send(follow=options.follow)

    return handle


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


class _BrokenOffError(Exception):
    """The log could not be read further."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


class _Answer:
    """One log on its way to a client; `title` is for messages."""

    def __init__(self, request: web.Request, pieces: Gathering, title: str) -> None:
        self._request = request
        self._pieces = pieces
        self._title = title
        self._response = web.StreamResponse(headers={"Content-Type": "text/plain"})

    async def send(self, *, follow: bool) -> web.StreamResponse:
        data = await self._take(HEADER_SECONDS if follow else None)
        try:
            await self._response.prepare(self._request)
            if data is None:
                data = await self._next()
            while data:
                await self._write(data)
                data = await self._next()
            await self._response.write_eof()
        except _BrokenOffError as broken:
            self._break_off(broken.error)
        except ConnectionError:
            log.debug("%s: the reader of the log went away", self._title)
        return self._response

    async def _take(self, seconds: float | None) -> bytes | None:
        """What there is, or None when nothing comes in time."""
        try:
            async with asyncio.timeout(seconds) as deadline:
                return await self._pieces.take()
        except TimeoutError:
            if not deadline.expired():
                raise
            return None

    async def _next(self) -> bytes:
        while True:
            try:
                data = await self._take(LOOK_SECONDS)
            except Exception as error:
                raise _BrokenOffError(error) from error
            if data is not None:
                return data
            transport = self._request.transport
            if transport is None or transport.is_closing():
                raise ConnectionResetError

    async def _write(self, data: bytes) -> None:
        if len(data) <= WRITE_BYTES:
            await self._response.write(data)
            return
        view = memoryview(data)
        for start in range(0, len(data), WRITE_BYTES):
            await self._response.write(view[start : start + WRITE_BYTES])

    def _break_off(self, error: Exception) -> None:
        """Close without the last chunk; what was written before still goes out."""
        bug = not isinstance(error, VirtualKubeletError)
        log.warning(
            "%s: the log broke off: %s", self._title, repr(error) if bug else error, exc_info=error if bug else None
        )
        if self._request.transport is not None:
            self._request.transport.close()
