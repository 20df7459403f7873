"""Bytes to and from the API server over HTTP and TLS, behind a small interface that another client can fill."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from collections.abc import AsyncIterator
from typing import NamedTuple, Protocol

import aiohttp
import yarl

from vk_core.errors import UsageError
from vk_core.kube.credentials import Credentials, CredentialSource
from vk_core.kube.errors import unreachable
from vk_core.kube.gathering import in_batches
from vk_core.kube.http import HttpPool
from vk_core.kube.http2 import AnswerStream, NotSpoken, StreamPool
from vk_core.kube.request import Request

CONNECTIONS = 64
REQUEST_TIMEOUT_SECONDS = 30.0
CONNECT_TIMEOUT_SECONDS = 10.0
UNAUTHORIZED = 401
FIRST_FAILURE = 300
MOST_OF_REFUSAL_BYTES = 1 << 20

log = logging.getLogger("virtual_kubelet.kube")


class Response(NamedTuple):
    """An answer as it came."""

    status: int
    body: bytes
    retry_after_seconds: float | None


class Stream(NamedTuple):
    """An answer whose body comes in pieces; `body` holds it whole when the status is not a success."""

    status: int
    body: bytes
    chunks: AsyncIterator[bytes]
    retry_after_seconds: float | None


class Transport(Protocol):
    """What the client needs of HTTP; raises ApiUnavailable when there is no answer."""

    async def send(self, request: Request) -> Response:
        """Send a request and read the whole answer."""
        ...

    def stream(self, request: Request, *, silence_seconds: float) -> contextlib.AbstractAsyncContextManager[Stream]:
        """Send a request and read its answer piece by piece; a silence that is too long is an error."""
        ...

    async def close(self) -> None:
        """Close all connections."""
        ...


class HttpTransport:
    """The transport over HTTP; renews its credentials when the server no longer takes them.

    Requests go over kept connections of our own, which cost half the CPU; what streams goes over HTTP/2, many on one
    connection. Through aiohttp goes what is busy, for which HTTP/2 costs half as much CPU again, what streams from a
    server without HTTP/2, and everything when there is a proxy.
    """

    def __init__(self, source: CredentialSource, credentials: Credentials, user_agent: str) -> None:
        self._source = source
        self._user_agent = user_agent
        self._use(credentials)
        self._renewal = asyncio.Lock()
        self._slots = asyncio.Semaphore(CONNECTIONS)
        self._retired: dict[aiohttp.ClientSession, asyncio.Task[None]] = {}
        self._retired_streams: list[StreamPool] = []

    @property
    def server(self) -> str:
        """URL of the API server."""
        return self._credentials.server

    async def send(self, request: Request) -> Response:
        """Send a request and read the whole answer."""
        used = self._credentials
        response = await self._send_once(request)
        if response.status == UNAUTHORIZED and await self._renew(used):
            response = await self._send_once(request)
        return response

    async def _send_once(self, request: Request) -> Response:
        if self._pool is None:
            return await self._send_by_aiohttp(request)
        try:
            body = request.body or b""
            answer = await self._pool.request(request.method, self._head(request, len(body)), body)
        except OSError as error:
            raise unreachable(self.server, error) from error
        return Response(answer.status, answer.body, _seconds(answer.headers.get(b"retry-after", b"").decode("latin-1")))

    async def _send_by_aiohttp(self, request: Request) -> Response:
        try:
            async with (
                self._slots,
                self._session.request(
                    request.method,
                    self._url(request),
                    data=request.body,
                    headers=self._headers(request),
                    allow_redirects=False,  # credentials go to nobody else
                ) as response,
            ):
                return Response(response.status, await response.read(), _retry_after(response))
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise unreachable(self.server, error) from error

    @contextlib.asynccontextmanager
    async def stream(self, request: Request, *, silence_seconds: float) -> AsyncIterator[Stream]:
        """Send a request and read its answer piece by piece."""
        used = self._credentials
        try:
            async with contextlib.AsyncExitStack() as answer:
                stream = await self._begin(request, silence_seconds, answer)
                if stream.status == UNAUTHORIZED:
                    await self._renew(used)
                yield stream
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise unreachable(self.server, error) from error

    async def _begin(self, request: Request, silence_seconds: float, answer: contextlib.AsyncExitStack) -> Stream:
        """Wait for the beginning of an answer, which is let go by what is put on `answer`."""
        if self._streams is not None and self._streams.spoken and not request.busy:
            with contextlib.suppress(NotSpoken):
                found = await self._streams.open(self._pseudo_headed(request), silence_seconds=silence_seconds)
                answer.callback(found.close)
                body = b"" if found.status < FIRST_FAILURE else await _whole(found)
                retry_after = found.headers.get(b"retry-after", b"").decode("latin-1")
                return Stream(found.status, body, found, _seconds(retry_after))
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT_SECONDS, sock_read=silence_seconds)
        response = await answer.enter_async_context(
            self._session.get(
                self._url(request), headers=self._headers(request), timeout=timeout, allow_redirects=False
            )
        )
        body = b"" if response.status < FIRST_FAILURE else await response.read()
        return Stream(response.status, body, in_batches(response), _retry_after(response))

    async def renew(self) -> None:
        """Load the credentials again before the server no longer takes the old ones."""
        await self._renew(self._credentials)

    async def close(self) -> None:
        """Close all connections."""
        for closing in self._retired.values():
            closing.cancel()
        if self._pool is not None:
            self._pool.close()
        for streams in (self._streams, *self._retired_streams):
            if streams is not None:
                streams.close()
        for session in (self._session, *self._retired):
            await session.close()

    def _use(self, credentials: Credentials) -> None:
        self._credentials = credentials
        self._base = yarl.URL(credentials.server)
        self._prefix = self._base.raw_path.rstrip("/")
        self._sent_headers: dict[tuple[str, str], dict[str, str]] = {}
        self._heads: dict[tuple[str, str], str] = {}
        self._session = self._open(credentials)
        self._pool = self._open_pool(credentials)
        self._streams = self._open_streams(credentials)

    def _open_pool(self, credentials: Credentials) -> HttpPool | None:
        if credentials.proxy:
            return None
        tls = credentials.tls if isinstance(credentials.tls, ssl.SSLContext) else None
        return HttpPool(
            self._base.host or "",
            self._base.port or 0,
            tls,
            limit=CONNECTIONS,
            connect_seconds=CONNECT_TIMEOUT_SECONDS,
            answer_seconds=REQUEST_TIMEOUT_SECONDS,
        )

    def _open_streams(self, credentials: Credentials) -> StreamPool | None:
        if credentials.proxy or not isinstance(credentials.streams_tls, ssl.SSLContext):
            return None
        return StreamPool(
            self._base.host or "",
            self._base.port or 0,
            credentials.streams_tls,
            connect_seconds=CONNECT_TIMEOUT_SECONDS,
        )

    def _head(self, request: Request, length: int) -> bytes:
        """Request line and headers."""
        kind = (request.accept, request.content_type)
        rest = self._heads.get(kind)
        if rest is None:
            headers = {"Host": self._base.authority, **self._common_headers(), **self._headers(request)}
            lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
            rest = self._heads[kind] = f" HTTP/1.1\r\n{lines}Content-Length: "
        return f"{request.method} {self._prefix}{request.target}{rest}{length}\r\n\r\n".encode()

    def _common_headers(self) -> dict[str, str]:
        # Compressed answers cost more CPU on both sides than they save on a cluster's network.
        return {"User-Agent": self._user_agent, "Accept-Encoding": "identity"}

    def _pseudo_headed(self, request: Request) -> list[tuple[bytes, bytes]]:
        """The headers of a GET over HTTP/2."""
        headers = {
            ":method": request.method,
            ":scheme": self._base.scheme,
            ":authority": self._base.authority,
            ":path": self._prefix + request.target,
            **self._common_headers(),
            **self._headers(request),
        }
        return [(name.lower().encode(), value.encode()) for name, value in headers.items()]

    def _url(self, request: Request) -> yarl.URL:
        path, _, query = request.target.partition("?")
        url = self._base.with_path(self._prefix + path, encoded=True)
        return yarl.URL(f"{url}?{query}", encoded=True) if query else url

    def _headers(self, request: Request) -> dict[str, str]:
        """The same for every request of a kind, so they are made once."""
        kind = (request.accept, request.content_type)
        headers = self._sent_headers.get(kind)
        if headers is None:
            headers = {"Accept": request.accept, "Content-Type": request.content_type}
            if self._credentials.authorization:
                headers["Authorization"] = self._credentials.authorization
            self._sent_headers[kind] = headers
        return headers

    def _open(self, credentials: Credentials) -> aiohttp.ClientSession:
        # Without a limit, beyond which another watch would wait until one of the others ends.
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=credentials.tls),
            headers=self._common_headers(),
            timeout=aiohttp.ClientTimeout(total=REQUEST_TIMEOUT_SECONDS, sock_connect=CONNECT_TIMEOUT_SECONDS),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            proxy=credentials.proxy,
            read_bufsize=1 << 18,
        )

    async def _renew(self, used: Credentials) -> bool:
        """Load the credentials again, once for all requests that failed with the same ones."""
        async with self._renewal:
            if self._credentials is not used:
                return True
            try:
                fresh = await self._source.load()
            except UsageError as error:  # such as a file that is being written at this moment
                log.warning("the API server no longer takes our credentials, and there are no others: %s", error)
                return False
            if fresh.same_as(used):
                return False
            old = self._session
            if self._pool is not None:
                self._pool.close()
            if self._streams is not None:
                self._streams.retire()
                self._retired_streams = [pool for pool in (*self._retired_streams, self._streams) if pool.alive]
            self._use(fresh)
            self._retired[old] = asyncio.create_task(self._retire(old), name="close-old-connections")
            return True

    async def _retire(self, session: aiohttp.ClientSession) -> None:
        """Close old connections once the requests on them have had their time."""
        await asyncio.sleep(REQUEST_TIMEOUT_SECONDS)
        await session.close()
        del self._retired[session]


async def _whole(stream: AnswerStream) -> bytes:
    """The body of a refusal, which is short; no more of it than anybody would read."""
    body = b""
    async for piece in stream:
        body += piece
        if len(body) > MOST_OF_REFUSAL_BYTES:
            break
    return body


def _retry_after(response: aiohttp.ClientResponse) -> float | None:
    return _seconds(response.headers.get("Retry-After", ""))


def _seconds(value: str) -> float | None:
    return float(value) if value.isdecimal() else None
