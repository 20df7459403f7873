"""Port forwarding over SPDY: each connection of the client is a pair of streams with one request ID.

Data flow over the data stream both ways; the error stream carries one sentence if something goes wrong. Streams come in
any order, pairs of many connections mixed, and each pair has a task of its own from its first stream to its end.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt

from vk_core.kubelet.portforward.forward import Forward, port_of
from vk_core.kubelet.spdy.connection import SpdyConnection
from vk_core.kubelet.spdy.stream import SpdyStream
from vk_core.spdy.errors import SpdyClosed, StreamEnded

PROTOCOL = "portforward.k8s.io"

DATA = "data"
ERROR = "error"

SPARE_SECONDS = 1.0
"""How long the client may still send when the port has sent everything, before it is told that all went well."""


async def forward_pairs(connection: SpdyConnection, forward: Forward, creation: dt.timedelta) -> None:
    """Serve pairs until the client is gone, or has said that it opens no more and those it has are done.

    Whatever is still under way in the end is cancelled.

    Args:
        connection: of a client that speaks `portforward.k8s.io`.
        forward: what to do with a connection.
        creation: how long the second stream of a pair may take.
    """
    pairs = _Pairs(forward, creation)
    try:
        with contextlib.suppress(SpdyClosed):
            while True:
                pairs.take(await connection.accept())
        await pairs.finish(connection.closed)
    finally:
        await pairs.cancel()


class _Pair:
    """The streams of one connection, as far as they have come, and the task that serves them."""

    def __init__(self, request_id: str, forward: Forward, creation_seconds: float) -> None:
        self.task = asyncio.create_task(self._serve(forward, creation_seconds), name=f"port-forward-{request_id}")
        self._request_id = request_id
        self._streams: dict[str, SpdyStream] = {}
        self._complete = asyncio.Event()
        self._complaint = ""
        self._is_left = False
        self._ending: asyncio.TimerHandle | None = None

    def add(self, kind: str, stream: SpdyStream) -> None:
        """One more stream of this connection."""
        if kind in self._streams:
            self._complaint = f"request {self._request_id} has two {kind} streams"
            stream.reject()
        else:
            stream.reply()
            self._streams[kind] = stream
        if kind == DATA:
            stream.on_reset = self._leave
        if self._complaint or len(self._streams) == len((DATA, ERROR)):
            self._complete.set()

    def let_go(self) -> None:
        """Nobody serves the streams any more: what was not reset ends well, the data before their error stream."""
        if self._ending is not None:
            self._ending.cancel()
        for kind in (DATA, ERROR):
            if kind in self._streams:
                self._streams[kind].on_reset = self._streams[kind].on_end = None
                self._streams[kind].discard()
                self._streams[kind].end()

    def _leave(self) -> None:
        """The client wants no more of this connection, as kubectl does when the other side is done: no error."""
        self._is_left = True
        self.task.cancel()

    async def _serve(self, forward: Forward, creation_seconds: float) -> None:
        # The client may go away at any time, and there is nobody to tell then.
        with contextlib.suppress(ConnectionError):
            text = await self._forwarded(forward, creation_seconds)
            if text and not self._is_left:
                await self._fail(text)

    async def _forwarded(self, forward: Forward, creation_seconds: float) -> str:
        try:
            async with asyncio.timeout(creation_seconds):
                await self._complete.wait()
        except TimeoutError:
            return "timed out waiting for streams"
        if self._complaint:
            return self._complaint
        data, error = self._streams[DATA], self._streams[ERROR]
        error.discard()
        port = port_of(data.headers["port"])
        assert port is not None  # or the stream would have been rejected
        data.on_end = self._end_soon
        return await forward(port, data)

    def _end_soon(self) -> None:
        """The port has sent everything. Clients such as older kubectl close their side only when the error stream ends.

        So that one must not wait for them: it ends soon, whatever the client still sends.
        """
        self._ending = asyncio.get_running_loop().call_later(SPARE_SECONDS, self._streams[ERROR].end)

    async def _fail(self, text: str) -> None:
        if ERROR in self._streams:
            with contextlib.suppress(StreamEnded):  # behind a good end there is nothing to tell
                await self._streams[ERROR].write(text.encode())
        # Not the proper end of the data: what the client got of them may lack the rest.
        for stream in self._streams.values():
            stream.reset()


class _Pairs:
    """All pairs of a client, by request ID."""

    def __init__(self, forward: Forward, creation: dt.timedelta) -> None:
        self._forward = forward
        self._creation_seconds = creation.total_seconds()
        self._pairs: dict[str, _Pair] = {}

    def take(self, stream: SpdyStream) -> None:
        """A stream has been opened; one that says nothing sensible about itself is rejected."""
        kind = stream.headers.get("streamtype", "").lower()
        if kind not in {DATA, ERROR} or port_of(stream.headers.get("port", "")) is None:
            stream.reject()
            return
        request_id = _request_id(stream, kind)
        pair = self._pairs.get(request_id)
        if pair is None:
            pair = self._pairs[request_id] = _Pair(request_id, self._forward, self._creation_seconds)
            pair.task.add_done_callback(lambda _: self._pairs.pop(request_id).let_go())
        pair.add(kind, stream)

    async def finish(self, closed: asyncio.Event) -> None:
        """Wait until all pairs are done, or the client is gone."""
        gone = asyncio.create_task(closed.wait())
        try:
            while self._pairs and not gone.done():
                tasks = (pair.task for pair in self._pairs.values())
                await asyncio.wait({gone, *tasks}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            gone.cancel()

    async def cancel(self) -> None:
        """End the pairs that are left."""
        tasks = tuple(pair.task for pair in self._pairs.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _request_id(stream: SpdyStream, kind: str) -> str:
    """What the two streams of a pair share; clients of long ago had no request IDs and opened error streams first."""
    default = stream.id if kind == ERROR else stream.id - 2
    return stream.headers.get("requestid") or str(default)
