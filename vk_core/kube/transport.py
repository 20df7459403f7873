"""Bytes to and from the API server over HTTP/1.1 and TLS, behind a small interface that another client can fill."""

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
from vk_core.kube.http import HttpPool
from vk_core.kube.request import Request

CONNECTIONS = 64
REQUEST_TIMEOUT_SECONDS = 30.0
CONNECT_TIMEOUT_SECONDS = 10.0
GATHER_SECONDS = 0.02
"""How long changes may gather before they are looked at together."""
GATHER_BYTES = 1 << 14
"""A piece larger than this shows that more is waiting already; nothing is gained by holding it up."""
UNAUTHORIZED = 401

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
    """The transport over HTTP/1.1; renews its credentials when the server no longer takes them.

    Requests go over kept connections of our own, which cost half the CPU; what streams, and everything when there is a
    proxy, goes through aiohttp.
    """

    def __init__(self, source: CredentialSource, credentials: Credentials, user_agent: str) -> None:
        self._source = source
        self._user_agent = user_agent
        self._use(credentials)
        self._renewal = asyncio.Lock()
        self._retired: dict[aiohttp.ClientSession, asyncio.Task[None]] = {}

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
            async with self._session.request(
                request.method,
                self._url(request),
                data=request.body,
                headers=self._headers(request),
                allow_redirects=False,  # credentials go to nobody else
            ) as response:
                return Response(response.status, await response.read(), _retry_after(response))
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise unreachable(self.server, error) from error

    @contextlib.asynccontextmanager
    async def stream(self, request: Request, *, silence_seconds: float) -> AsyncIterator[Stream]:
        """Send a request and read its answer piece by piece."""
        used = self._credentials
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT_SECONDS, sock_read=silence_seconds)
        try:
            async with self._session.get(
                self._url(request), headers=self._headers(request), timeout=timeout, allow_redirects=False
            ) as response:
                success = response.status < 300  # noqa: PLR2004 - 2xx
                body = b"" if success else await response.read()
                if response.status == UNAUTHORIZED:
                    await self._renew(used)
                yield Stream(response.status, body, _in_batches(response), _retry_after(response))
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise unreachable(self.server, error) from error

    async def renew(self) -> None:
        """Load the credentials again before the server no longer takes the old ones."""
        await self._renew(self._credentials)

    async def close(self) -> None:
        """Close all connections."""
        for closing in self._retired.values():
            closing.cancel()
        if self._pool is not None:
            self._pool.close()
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
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=CONNECTIONS, ssl=credentials.tls),
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
            self._use(fresh)
            self._retired[old] = asyncio.create_task(self._retire(old), name="close-old-connections")
            return True

    async def _retire(self, session: aiohttp.ClientSession) -> None:
        """Close old connections once the requests on them have had their time."""
        await asyncio.sleep(REQUEST_TIMEOUT_SECONDS)
        await session.close()
        del self._retired[session]


async def _in_batches(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    """The body as it comes, but after each piece what comes within the next moment is left to gather.

    Changes cost less CPU when they wake the process several at a time instead of one by one.
    """
    connection = response.connection
    transport = connection.transport if connection is not None else None
    async for chunk in response.content.iter_any():
        yield chunk
        if len(chunk) < GATHER_BYTES and transport is not None and not transport.is_closing():
            transport.pause_reading()
            await asyncio.sleep(GATHER_SECONDS)
            transport.resume_reading()


def _retry_after(response: aiohttp.ClientResponse) -> float | None:
    return _seconds(response.headers.get("Retry-After", ""))


def _seconds(value: str) -> float | None:
    return float(value) if value.isdecimal() else None
