"""A SPDY connection as a server sees it, whatever carries its bytes: it is fed, and it writes to a `Wire`.

SPDY as Kubernetes speaks it has no windows: the only way to slow down a client is to stop reading from the network. So
a stream that nobody reads holds up all others, as it does on a real kubelet, and holds a bounded number of bytes. The
client's frames are answered at once; the data that we send wait for the client.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
from collections import deque
from typing import Protocol

from vk_core.kubelet.idle import IdleTimer
from vk_core.kubelet.spdy.stream import SpdyStream
from vk_core.spdy import frames
from vk_core.spdy.errors import ProtocolError, SpdyClosed
from vk_core.spdy.frames import ResetStatus
from vk_core.spdy.headers import HeaderCompressor, HeaderDecompressor

STREAM_HIGH = 256 * 1024
"""A stream that holds so many unread bytes stops the reading of the whole connection, until it holds a quarter."""

TOTAL_HIGH = 4 * 1024 * 1024
"""The same for all streams of a connection together."""

CLOGGED = 1024 * 1024
"""So many bytes of answers that the client does not take stop the reading too: pings must not fill memory."""

MAX_STREAMS = 8192
"""Streams open at a time; more are refused one by one."""

log = logging.getLogger("virtual_kubelet.kubelet.spdy")


class Wire(Protocol):
    """What carries the bytes to the client, and can be stopped from bringing more of them."""

    def write(self, data: bytes) -> None:
        """Send all of it, some time."""
        ...

    def pending(self) -> int:
        """Bytes that were written and have not left yet."""
        ...

    def pause_reading(self) -> None:
        """Feed the connection no more for now."""
        ...

    def resume_reading(self) -> None:
        """Feed it again."""
        ...

    def close(self) -> None:
        """Send what was written, then end the connection."""
        ...


class SpdyConnection:
    """The streams of one client.

    Attributes:
        closed: the client is gone, the protocol was broken, or nothing has passed for too long.
    """

    def __init__(self, wire: Wire, *, idle: dt.timedelta) -> None:
        self.closed = asyncio.Event()
        self._wire = wire
        self._reader = frames.FrameReader()
        self._decompressor = HeaderDecompressor()
        self._compressor = HeaderCompressor()
        self._streams: dict[int, SpdyStream] = {}
        self._arrived: deque[SpdyStream] = deque()
        self._acceptor: asyncio.Future[None] | None = None
        self._last_id = -1
        self._heard = False
        self._no_more = False
        self._held = 0
        self._full: set[int] = set()
        self._clogged = False
        self._paused = False
        self._writing = asyncio.Lock()
        self._writable = asyncio.Event()
        self._writable.set()
        self._idle = IdleTimer(idle, self._expire)

    async def accept(self) -> SpdyStream:
        """The next stream that the client has opened and not reset since, neither accepted nor rejected yet.

        Raises:
            SpdyClosed: there will be no more.
        """
        while True:
            while self._arrived:
                stream = self._arrived.popleft()
                if not stream.was_reset:
                    return stream
            if self._no_more:
                raise SpdyClosed("the client opens no more streams")
            self._acceptor = asyncio.get_running_loop().create_future()
            await self._acceptor

    def discard(self) -> None:
        """Throw away what arrives on any stream, and take no more of them: only the end is waited for."""
        self._no_more = True
        self._arrived.clear()
        for stream in tuple(self._streams.values()):
            stream.discard()

    def goaway(self) -> None:
        """Tell the client that we are done; nothing is said to a client that has not said anything."""
        if self._heard and not self.closed.is_set():
            self.send(frames.encode_goaway(max(self._last_id, 0), 0))

    # What the wire tells.

    def feed(self, data: bytes) -> None:
        """Bytes of the client have arrived; after a violation of the protocol the connection is closed."""
        if self.closed.is_set():
            return
        self._idle.touch()
        self._heard = True
        try:
            for frame in self._reader.feed(data):
                self._handle(frame)
        except ProtocolError as error:
            log.info("a client broke the SPDY protocol: %s", error)
            self.send(frames.encode_goaway(max(self._last_id, 0), int(ResetStatus.PROTOCOL_ERROR)))
            self._wire.close()
            self.lose()
        else:
            self._control_reading()

    def pause_writing(self) -> None:
        """The client does not keep up."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """It does again."""
        self._writable.set()
        self._clogged = False
        self._control_reading()

    def lose(self) -> None:
        """The client is gone."""
        if self.closed.is_set():
            return
        self.closed.set()
        self._idle.cancel()
        self._writable.set()
        for stream in tuple(self._streams.values()):
            stream.lose()
        self._streams.clear()
        self._end_accepting()
        self._arrived.clear()

    # What streams ask for.

    def send_reply(self, stream_id: int) -> None:
        """Accept a stream towards the client."""
        self.send(frames.encode_syn_reply(stream_id, self._compressor.compress({})))

    def send(self, frame: bytes) -> None:
        """Write a frame at once; the wire must not be given parts of one, for clients want header blocks whole."""
        if self.closed.is_set():
            return
        self._idle.touch()
        self._wire.write(frame)
        if not self._writable.is_set() and self._wire.pending() > CLOGGED:
            self._clogged = True
            self._control_reading()

    async def send_data(self, stream: SpdyStream, piece: memoryview) -> None:
        """Write a data frame as soon as the client keeps up; streams that wait for this take turns."""
        async with self._writing:
            await self._writable.wait()
            stream.check_writable()
            self.send(frames.encode_data(stream.id, piece))

    def taken(self, stream: SpdyStream, count: int) -> None:
        """Somebody has read so many bytes."""
        self._held -= count
        if stream.held <= STREAM_HIGH // 4:
            self._full.discard(stream.id)
        self._control_reading()

    def forget(self, stream: SpdyStream) -> None:
        """A stream is over; what it holds can still be read."""
        self._streams.pop(stream.id, None)

    def _control_reading(self) -> None:
        if self.closed.is_set():
            return
        if not self._paused and (self._full or self._clogged or self._held >= TOTAL_HIGH):
            self._paused = True
            self._wire.pause_reading()
        elif self._paused and not (self._full or self._clogged or self._held > TOTAL_HIGH // 2):
            self._paused = False
            self._wire.resume_reading()

    # What the client's frames mean.

    def _handle(self, frame: frames.Frame) -> None:
        match frame:
            case frames.Data():
                self._data(frame.stream_id, frame.piece, fin=frame.fin)
            case frames.SynStream():
                self._open(frame)
            case frames.Headers():
                self._decompressor.decompress(frame.block)
                if frame.fin:
                    self._data(frame.stream_id, memoryview(b""), fin=True)
            case frames.RstStream():
                if frame.stream_id in self._streams:
                    self._streams[frame.stream_id].reset_by_client()
            case frames.Ping():
                # An even number would be the answer to a ping of ours, and we send none.
                if frame.ping_id % 2:
                    self.send(frames.encode_ping(frame.ping_id))
            case frames.GoAway():
                self._end_accepting()

    def _open(self, frame: frames.SynStream) -> None:
        headers = self._decompressor.decompress(frame.block)
        if not self._last_id + 2 <= frame.stream_id <= frames.MAX_STREAM_ID or frame.stream_id % 2 == 0:
            self.send(frames.encode_rst_stream(frame.stream_id, ResetStatus.PROTOCOL_ERROR))
            return
        self._last_id = frame.stream_id
        if self._no_more or max(len(self._streams), len(self._arrived)) >= MAX_STREAMS:
            self.send(frames.encode_rst_stream(frame.stream_id, ResetStatus.REFUSED_STREAM))
            return
        stream = SpdyStream(self, frame.stream_id, headers, fin=frame.fin, unidirectional=frame.unidirectional)
        self._streams[stream.id] = stream
        self._arrived.append(stream)
        self._wake_acceptor()

    def _data(self, stream_id: int, piece: memoryview, *, fin: bool) -> None:
        stream = self._streams.get(stream_id)
        if stream is None:
            return
        count = stream.arrived(piece, fin=fin)
        if count:
            self._held += count
            if stream.held >= STREAM_HIGH:
                self._full.add(stream_id)

    def _end_accepting(self) -> None:
        self._no_more = True
        self._wake_acceptor()

    def _wake_acceptor(self) -> None:
        if self._acceptor is not None and not self._acceptor.done():
            self._acceptor.set_result(None)

    def _expire(self) -> None:
        log.info("a streaming connection is closed: nothing has passed over it for too long")
        self.goaway()
        self._wire.close()
        self.lose()
