"""HTTP as probes and hooks need it: one GET on a connection of its own, answered by whatever a container runs.

A general client would cost several times as much for each probe, and would not tell what has gone wrong in the words
that people know from kubelet.
"""

from __future__ import annotations

import asyncio
from typing import NamedTuple, cast

import httptools

from vk_core.engine.probing.dialing import DialError, dial
from vk_core.engine.probing.request import HttpRequest, redirected
from vk_core.engine.probing.words import host_port, quoted, system_problem

MOST_BODY = 10 * 1024
"""Bytes of an answer's body that are read, as kubelet does."""

MOST_HEAD = 1 << 20
"""Bytes that may come before the body."""

MOST_REQUESTS = 10

TIMED_OUT = "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
TIMED_OUT_READING = "context deadline exceeded (Client.Timeout or context cancellation while reading body)"

_INFORMATIONAL = range(100, 200)
_SWITCHING = 101
_LONGEST_SHOWN = 200


class FetchError(Exception):
    """There is no answer; the message says why in kubelet's words."""


class BodyError(FetchError):
    """The answer broke off in its body."""


class Head(NamedTuple):
    """What comes before an answer's body.

    Attributes:
        status: its status code.
        location: where a redirect leads.
    """

    status: int
    location: str = ""


class Answer(NamedTuple):
    """An answer.

    Attributes:
        status: its status code.
        body: at most `MOST_BODY` bytes of it.
    """

    status: int
    body: bytes


async def fetch(request: HttpRequest, timeout_seconds: float | None) -> Answer:
    """Ask, and follow redirects to the same host.

    Args:
        request: what to ask for.
        timeout_seconds: how long that may take altogether; None for as long as it likes.

    Raises:
        FetchError: there is no answer.
        BodyError: it broke off.
    """
    seen = _Progress(request)
    try:
        async with asyncio.timeout(timeout_seconds):
            return await _follow(seen)
    except TimeoutError:
        if seen.in_body:
            raise BodyError(TIMED_OUT_READING) from None
        raise seen.error(TIMED_OUT) from None


class _Progress:
    """How far asking has come, for when time is up."""

    def __init__(self, request: HttpRequest) -> None:
        self.request = request
        self.exchange: _Exchange | None = None
        self.in_body = False

    def error(self, text: str) -> FetchError:
        return FetchError(f"Get {quoted(self.request.url)}: {text}")


async def _follow(seen: _Progress) -> Answer:
    location = ""
    for _ in range(MOST_REQUESTS):
        try:
            exchange = await _ask(seen)
            head = await exchange.head
            location = head.location
            following = redirected(seen.request, *head)
            if following is None:
                seen.in_body = True
                return Answer(head.status, await exchange.body)
        except ValueError as error:
            raise FetchError(str(error)) from None
        finally:
            if seen.exchange is not None:
                seen.exchange.leave()
        seen.request, seen.exchange = following, None
    raise FetchError(f"Get {quoted(location)}: stopped after {MOST_REQUESTS} redirects")


async def _ask(seen: _Progress) -> _Exchange:
    request = seen.request
    if request.problem:
        raise seen.error(request.problem)
    content, tls = request.encode(), request.scheme == "https"
    try:
        seen.exchange = await dial(lambda: _Exchange(content), request.host, request.port, tls=tls)
        await seen.exchange.head
    except (DialError, _Broken) as error:
        raise seen.error(str(error)) from None
    return seen.exchange


class _Broken(Exception):
    """The connection is of no more use."""


class _Exchange(asyncio.Protocol):
    """One request and its answer.

    Attributes:
        head: what comes first.
        body: what comes then.
    """

    def __init__(self, request: bytes) -> None:
        loop = asyncio.get_running_loop()
        self.head: asyncio.Future[Head] = loop.create_future()
        self.body: asyncio.Future[bytes] = loop.create_future()
        self._request = request
        self._transport: asyncio.Transport | None = None
        self._parser = self._new_parser()
        self._first = b""
        self._head_bytes = 0
        self._body = bytearray()
        self._headers: dict[bytes, bytes] = {}

    @property
    def has_head(self) -> bool:
        """Whether only the body is still to come."""
        return self.head.done()

    def leave(self) -> None:
        """Have no more to do with it."""
        for future in (self.head, self.body):
            if not future.cancel() and not future.cancelled():
                future.exception()  # was seen to, if anybody still waited
        if self._transport is not None:
            self._transport.close()

    # What the transport tells.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        if self.body.done():
            return
        if len(self._first) < _LONGEST_SHOWN:
            self._first += data[:_LONGEST_SHOWN]
        if not self.has_head:
            self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._finish()
        except httptools.HttpParserError as error:
            self._fail(self._malformed(error))
        if not self.has_head and self._head_bytes > MOST_HEAD:
            self._fail("net/http: server response headers exceeded their limit")

    def connection_lost(self, exc: Exception | None) -> None:
        if self.body.done():
            return
        if self.has_head and not exc and not self._has_length:
            self._finish()
            return
        if isinstance(exc, OSError):
            self._fail(f"read tcp {self._ends()}: read: {system_problem(exc)}")
        else:
            self._fail("unexpected EOF" if self._first else "EOF")

    # What the parser tells.

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header has come."""
        self._headers.setdefault(name.lower(), value)

    def on_headers_complete(self) -> None:
        """All headers have come."""
        status = self._parser.get_status_code()
        if status not in _INFORMATIONAL or status == _SWITCHING:
            self.head.set_result(Head(status, self._headers.get(b"location", b"").decode("utf-8", "replace")))
            if status == _SWITCHING:
                self._finish()

    def on_body(self, body: bytes) -> None:
        """A piece of the body has come."""
        self._body += body[: MOST_BODY - len(self._body)]
        if len(self._body) == MOST_BODY:
            self._finish()

    def on_message_complete(self) -> None:
        """All has come."""
        if self.has_head:
            self._finish()
        else:
            self._headers.clear()

    # What comes of it.

    @property
    def _has_length(self) -> bool:
        return b"content-length" in self._headers or b"transfer-encoding" in self._headers

    def _new_parser(self) -> httptools.HttpResponseParser:
        parser = httptools.HttpResponseParser(self)
        # What people write in a line of shell is an answer, too.
        parser.set_dangerous_leniencies(lenient_optional_cr_before_lf=True, lenient_data_after_close=True)
        return parser

    def _malformed(self, error: httptools.HttpParserError) -> str:
        if self.has_head:
            return str(error)
        line = self._first.split(b"\n")[0].rstrip(b"\r").decode("utf-8", "replace")
        return f"net/http: HTTP/1.x transport connection broken: malformed HTTP response {quoted(line)}"

    def _ends(self) -> str:
        """Addresses of both ends."""
        if self._transport is None:
            return ""
        ends = (self._transport.get_extra_info(name) or ("", 0) for name in ("sockname", "peername"))
        return "->".join(host_port(*end[:2]) for end in ends)

    def _finish(self) -> None:
        if not self.body.done():
            self.body.set_result(bytes(self._body))

    def _fail(self, text: str) -> None:
        if not self.head.done():
            self.head.set_exception(_Broken(text))
        elif not self.body.done():
            self.body.set_exception(BodyError(text))
