"""One answer as its reader sees it: status, headers, and a body that comes in pieces. It knows no frames."""

from __future__ import annotations

import asyncio
from typing import Protocol

WINDOW_BYTES = 1 << 18
"""How much the server may send on a stream that nobody has read yet (SETTINGS_INITIAL_WINDOW_SIZE)."""


class Refused(ConnectionError):
    """The server has not begun to answer, and the same request may succeed on another connection."""


class Carrier(Protocol):
    """The connection that a stream is on."""

    def widen(self, number: int, size: int) -> None:
        """Let the server send more on a stream, in bytes."""
        ...

    def cancel(self, number: int) -> None:
        """Tell the server that nobody reads a stream any more."""
        ...


class AnswerStream:
    """An answer; iterate over it to get its body.

    What nobody has read yet is held, up to the window; then the server has to wait. All methods but `close`, and the
    iteration, belong to the connection and the pool.

    Args:
        number: its number on the connection.
        carrier: the connection.
        silence_seconds: how long a reader waits for anything to come.
    """

    __slots__ = (
        "_buffer",
        "_carrier",
        "_ended",
        "_failure",
        "_loop",
        "_silence_seconds",
        "_timer",
        "_unacknowledged",
        "_waiter",
        "_waiting_since",
        "headers",
        "number",
        "status",
    )

    def __init__(self, number: int, carrier: Carrier, *, silence_seconds: float) -> None:
        self.number = number
        self.status = 0
        self.headers: dict[bytes, bytes] = {}
        self._carrier = carrier
        self._silence_seconds = silence_seconds
        self._loop = asyncio.get_running_loop()
        self._buffer = bytearray()
        self._unacknowledged = 0
        self._ended = False
        self._failure: OSError | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._waiting_since = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def __aiter__(self) -> AnswerStream:
        """Itself."""
        return self

    async def __anext__(self) -> bytes:
        """The next piece: all that has come.

        Raises:
            OSError: the answer broke off, or nothing came for too long (TimeoutError).
        """
        while not self._buffer:
            if self._ended:
                raise StopAsyncIteration
            await self._wait()
        piece = bytes(self._buffer)
        self._buffer.clear()
        self._acknowledge(len(piece))
        return piece

    async def answered(self) -> None:
        """Wait for status and headers.

        Raises:
            OSError: there is no answer; Refused if asking again may help.
        """
        while not self.status:
            await self._wait()

    def close(self) -> None:
        """Read no more; a server that has not ended the answer stops sending it."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._ended:
            self._ended = True
            self._carrier.cancel(self.number)

    # What the connection tells.

    def begin(self, status: int, headers: dict[bytes, bytes]) -> None:
        """Status and headers have come."""
        self.status, self.headers = status, headers
        self._wake()

    def receive(self, data: bytes, padding: int) -> None:
        """A piece of the body has come, and bytes that mean nothing but count."""
        if data:
            self._buffer += data
            self._wake()
        if padding:
            self._acknowledge(padding)

    def end(self) -> None:
        """The body is complete."""
        self._ended = True
        self._wake()

    def fail(self, error: OSError) -> None:
        """Nothing more will come."""
        if not self._ended:
            self._failure = error
            self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def _wait(self) -> None:
        if self._failure is not None:
            raise self._failure
        self._waiting_since = self._loop.time()
        self._waiter = self._loop.create_future()
        if self._timer is None:
            self._timer = self._loop.call_later(self._silence_seconds, self._check)
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _check(self) -> None:
        """One timer serves many waits: arming one for each would cost more than the rest of them."""
        self._timer = None
        if self._waiter is None:
            return
        left = self._waiting_since + self._silence_seconds - self._loop.time()
        if left > 0:
            self._timer = self._loop.call_later(left, self._check)
        else:
            self.fail(TimeoutError(f"nothing came for {self._silence_seconds:g} s"))

    def _acknowledge(self, size: int) -> None:
        """Now and then, because each time is a frame."""
        self._unacknowledged += size
        if self._unacknowledged >= WINDOW_BYTES // 2 and not self._ended:
            self._carrier.widen(self.number, self._unacknowledged)
            self._unacknowledged = 0
