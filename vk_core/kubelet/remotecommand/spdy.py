"""Exec and attach over SPDY, as the API server speaks it for kubectl: one stream each for error, input and outputs.

The order at the end is what clients rely on: outputs end, then the status, then the error stream.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Mapping

from aiohttp import web

from vk_core.kubelet.backend import StreamTimeouts
from vk_core.kubelet.remotecommand.background import in_background
from vk_core.kubelet.remotecommand.outcome import Outcome, status_of
from vk_core.kubelet.remotecommand.request import StreamOptions
from vk_core.kubelet.remotecommand.resizing import Resizes
from vk_core.kubelet.remotecommand.runner import Work, serve
from vk_core.kubelet.spdy.connection import SpdyConnection
from vk_core.kubelet.spdy.stream import SpdyStream
from vk_core.kubelet.spdy.takeover import take_over
from vk_core.kubelet.upgrade import negotiate_spdy
from vk_core.provider.streams import ContainerIO
from vk_core.spdy.errors import SpdyClosed, StreamReset

VERSIONS = {"v4.channel.k8s.io": 4, "v3.channel.k8s.io": 3, "v2.channel.k8s.io": 2, "channel.k8s.io": 1}
"""The protocols by name. There is no v5 here: what it adds, SPDY has."""

RESIZE_VERSION = 3
"""The first version with a stream for the size of the terminal."""

log = logging.getLogger("virtual_kubelet.kubelet")


class SpdySession:
    """A client with the SPDY streams it asked for, by type; see `Session`."""

    def __init__(
        self, gone: asyncio.Event, streams: Mapping[str, SpdyStream], version: int, options: StreamOptions
    ) -> None:
        self.gone = gone
        self._streams = streams
        self._version = version
        self._resizes = Resizes()
        self.io = ContainerIO(
            stdin=_Input(streams["stdin"]) if options.stdin else None,
            stdout=_Output(streams["stdout"]) if options.stdout else None,
            stderr=_Output(streams["stderr"]) if options.stderr else None,
            tty=options.tty,
            resizes=self._resizes,
        )

    async def finish(self, outcome: Outcome) -> None:
        """End the outputs, tell the status, end everything else."""
        # A client that is gone, or does not want to know the status, has nothing to be told.
        with contextlib.suppress(ConnectionError):
            for output in ("stdout", "stderr"):
                if output in self._streams:
                    await self._streams[output].write_eof()
            error = self._streams["error"]
            await error.write(status_of(outcome, self._version))
            await error.write_eof()
            for rest in self._streams.keys() & {"stdin", "resize"}:
                await self._streams[rest].write_eof()

    async def take_sizes(self) -> None:
        """Hand on the terminal's sizes until the session ends."""
        try:
            if "resize" in self._streams:
                with contextlib.suppress(ConnectionError):
                    while data := await self._streams["resize"].read():
                        self._resizes.feed(data)
            # A client that sends no more sizes still has a terminal.
            await self.gone.wait()
        finally:
            self._resizes.end()


class _Input:
    """A ByteReader; a stream that the client resets is at its end."""

    def __init__(self, stream: SpdyStream) -> None:
        self._stream = stream

    async def read(self) -> bytes:
        try:
            return await self._stream.read()
        except StreamReset:
            return b""


class _Output:
    """A ByteWriter; a client that resets an output does not want it."""

    def __init__(self, stream: SpdyStream) -> None:
        self._stream = stream

    async def write(self, data: bytes) -> None:
        with contextlib.suppress(StreamReset):
            await self._stream.write(data)


async def serve_spdy(
    request: web.Request, options: StreamOptions, timeouts: StreamTimeouts, work: Work
) -> web.StreamResponse:
    """Upgrade a request and do the work for its client.

    Raises:
        Refusal: 400 or 403, the request asks for no upgrade that is known.
    """
    protocol = negotiate_spdy(request, tuple(VERSIONS))
    version = VERSIONS[protocol]
    async with take_over(request, protocol=protocol, idle=timeouts.idle) as connection:
        try:
            async with asyncio.timeout(timeouts.creation.total_seconds()):
                streams = await _accept(connection, expected_streams(options, version))
        except SpdyClosed:
            log.debug("a client left before it had opened its streams")
        except TimeoutError:
            log.info("a client did not open the streams it asked for within %s", timeouts.creation)
        else:
            session = SpdySession(connection.closed, streams, version, options)
            async with in_background(sizes=session.take_sizes(), others=_ignore_others(connection)):
                await serve(session, work)
    return connection.response


def expected_streams(options: StreamOptions, version: int) -> frozenset[str]:
    """The types of the streams that a client opens for this request."""
    expected = {
        "error": True,
        "stdin": options.stdin,
        "stdout": options.stdout,
        "stderr": options.stderr,
        "resize": options.tty and version >= RESIZE_VERSION,
    }
    return frozenset(name for name, wanted in expected.items() if wanted)


async def _accept(connection: SpdyConnection, expected: frozenset[str]) -> dict[str, SpdyStream]:
    streams: dict[str, SpdyStream] = {}
    while expected - streams.keys():
        stream = await connection.accept()
        stream.reply()
        kind = stream.headers.get("streamtype", "")
        if kind in expected and kind not in streams:
            streams[kind] = stream
        else:
            stream.discard()
    return streams


async def _ignore_others(connection: SpdyConnection) -> None:
    with contextlib.suppress(SpdyClosed):
        while True:
            stream = await connection.accept()
            stream.reply()
            stream.discard()
