"""One stream of a SPDY connection: bytes both ways, each with its own end.

A stream is accepted or rejected by whoever takes it from the connection, read and written by one task each, and
forgotten by the connection once both ways have ended or one end has reset it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from vk_core.kubelet.bytequeue import ByteQueue
from vk_core.spdy import frames
from vk_core.spdy.errors import SpdyClosed, StreamEnded, StreamReset
from vk_core.spdy.frames import ResetStatus


class StreamOwner(Protocol):
    """What a stream needs of its connection."""

    def send_reply(self, stream_id: int) -> None:
        """Send SYN_REPLY."""
        ...

    def send(self, frame: bytes) -> None:
        """Send a small frame at once."""
        ...

    async def send_data(self, stream: SpdyStream, piece: memoryview) -> None:
        """Send a data frame when the client keeps up."""
        ...

    def taken(self, stream: SpdyStream, count: int) -> None:
        """So many bytes less are held for the stream."""
        ...

    def forget(self, stream: SpdyStream) -> None:
        """The stream is over."""
        ...


class SpdyStream:
    """A stream that the client opened.

    Attributes:
        id: odd, ascending in a connection.
        headers: what the client said about it, with names in lower case.
        on_reset: called when the client resets the stream, for whoever does not happen to read or write.
        on_end: called when we have sent everything.
    """

    def __init__(
        self, owner: StreamOwner, stream_id: int, headers: Mapping[str, str], *, fin: bool, unidirectional: bool
    ) -> None:
        self.id = stream_id
        self.headers = headers
        self.on_reset: Callable[[], object] | None = None
        self.on_end: Callable[[], object] | None = None
        self._owner = owner
        self._queue = ByteQueue()
        self._remote_ended = fin
        self._local_ended = unidirectional
        self._discarding = False
        self._error: ConnectionError | None = None
        if fin:
            self._queue.end()

    @property
    def held(self) -> int:
        """Bytes that have arrived and that nobody has read yet."""
        return self._queue.held

    @property
    def was_reset(self) -> bool:
        """Whether either end has reset the stream."""
        return isinstance(self._error, StreamReset)

    def reply(self) -> None:
        """Accept the stream; must be called before anything is sent on it."""
        if self._error is None:
            self._owner.send_reply(self.id)

    def reject(self) -> None:
        """Refuse the stream instead of accepting it."""
        self.reset()

    async def read(self) -> bytes:
        """What the client sends, at most 64 KiB; `b""` when it will send no more.

        Raises:
            StreamReset: either end has reset the stream.
            SpdyClosed: the connection is gone, and everything before that was read.
        """
        data = await self._queue.read()
        if data:
            self._owner.taken(self, len(data))
        return data

    def discard(self) -> None:
        """Throw away what has arrived and what will: nobody is going to read it, or sees its end if they do."""
        self._discarding = True
        held = self._queue.clear()
        self._queue.end()
        if held:
            self._owner.taken(self, held)

    async def write(self, data: bytes) -> None:
        """Send bytes; waits while the client does not keep up.

        Raises:
            StreamReset: either end has reset the stream.
            StreamEnded: behind `write_eof`.
            SpdyClosed: the connection is gone.
        """
        view = memoryview(data)
        for start in range(0, len(view), frames.MAX_DATA):
            await self._owner.send_data(self, view[start : start + frames.MAX_DATA])

    async def write_eof(self) -> None:
        """Send no more; the client may still send. Does nothing the second time, or on a stream that is over."""
        self.end()

    def end(self) -> None:
        """The same as `write_eof`, for those who cannot wait: FIN is sent at once."""
        if not self._local_ended and self._error is None:
            self._local_ended = True
            self._owner.send(frames.encode_data(self.id, b"", fin=True))
            self._forget_if_over()
            if self.on_end is not None:
                self.on_end()

    def reset(self) -> None:
        """End the stream both ways at once; does nothing if it is over."""
        if self._error is None and not (self._local_ended and self._remote_ended):
            self._owner.send(frames.encode_rst_stream(self.id, ResetStatus.CANCEL))
            self._break(StreamReset(f"stream {self.id} was reset"))

    def check_writable(self) -> None:
        """Raise what `write` raises when nothing can be sent."""
        if self._error is not None:
            raise self._error
        if self._local_ended:
            raise StreamEnded(f"stream {self.id} was ended")

    def arrived(self, piece: memoryview, *, fin: bool) -> int:
        """A piece of data for this stream; gives how many bytes are held of it."""
        if self._remote_ended:
            return 0
        count = 0
        if piece and not self._discarding:
            self._queue.push(piece)
            count = len(piece)
        if fin:
            self._remote_ended = True
            self._queue.end()
            self._forget_if_over()
        return count

    def reset_by_client(self) -> None:
        """The client has reset the stream: what it has not read, and what we have not, is void."""
        if self._error is None:
            self._break(StreamReset(f"the client has reset stream {self.id}"))
            if self.on_reset is not None:
                self.on_reset()

    def lose(self) -> None:
        """The connection is gone."""
        if self._error is None:
            self._error = SpdyClosed("the client has closed the connection")
            self._queue.fail(self._error)

    def _break(self, error: StreamReset) -> None:
        self._error = error
        self._owner.taken(self, self._queue.abandon(error))
        self._owner.forget(self)

    def _forget_if_over(self) -> None:
        if self._local_ended and self._remote_ended:
            self._owner.forget(self)
