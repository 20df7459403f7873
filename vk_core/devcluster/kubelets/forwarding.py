"""Plain requests handed on to kubelets: container logs, and whatever is asked for below `nodes/NAME/proxy/`.

Answers stream: what the kubelet writes is written to the client at once, and a kubelet that breaks off breaks off the
answer, so that a log that is cut short never looks complete.
"""

from __future__ import annotations

import ssl

import aiohttp
from aiohttp import web
from yarl import URL

from vk_core.devcluster.kubelets.location import Address
from vk_core.devcluster.kubelets.wording import LONGEST_REFUSAL, log_refusal, unreachable, why
from vk_core.devcluster.statuses import StatusError

DIAL_SECONDS = 30.0
METRICS_SECONDS = 10.0
"""As long as metrics-server waits for a node."""

_OK, _PARTIAL = 200, 206
_HOP_BY_HOP = frozenset(
    {
        "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer", "transfer-encoding",
        "upgrade",
    }
)  # fmt: skip
_NOT_SENT = _HOP_BY_HOP | {"authorization", "host", "content-length", "x-forwarded-for"}
_NOT_RETURNED = _HOP_BY_HOP | {"date", "server"}


class Forwarder:
    """An HTTP client of kubelets.

    Args:
        context: TLS, with the client certificate that kubelets know.
    """

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        self._made: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Ends all connections."""
        if self._made is not None:
            await self._made.close()

    @property
    def _session(self) -> aiohttp.ClientSession:
        """Made when it is needed: that takes an event loop."""
        if self._made is None:
            self._made = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=self._context, limit=0),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=DIAL_SECONDS),
                auto_decompress=False,
                skip_auto_headers=("Accept", "Accept-Encoding", "User-Agent", "Content-Type"),
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._made

    async def log(self, request: web.BaseRequest, address: Address, path: str, pod: str) -> web.StreamResponse:
        """Streams the log of a container.

        Raises:
            StatusError: the kubelet cannot be reached, or refuses.
        """
        url = address.url(path)
        try:
            answer = await self._session.get(URL(url, encoded=True), allow_redirects=False)
        except (aiohttp.ClientError, OSError) as error:
            raise unreachable(f'Get "{url}": {why(error, str(address))}') from None
        async with answer:
            if not _OK <= answer.status <= _PARTIAL:
                text = (await answer.content.read(LONGEST_REFUSAL)).decode(errors="replace")
                raise log_refusal(answer.status, text, pod)
            return await _stream(request, answer, web.StreamResponse(headers={"Content-Type": "text/plain"}))

    async def forward(self, request: web.BaseRequest, address: Address, path: str) -> web.StreamResponse:
        """Hands on a request and its answer, whatever it is.

        Raises:
            StatusError: 503 if the kubelet cannot be reached.
        """
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _NOT_SENT}
        headers["X-Forwarded-For"] = request.remote or ""
        try:
            answer = await self._session.request(
                request.method,
                URL(address.url(path), encoded=True),
                headers=headers,
                data=request.content if request.body_exists else None,
                allow_redirects=False,
            )
        except (aiohttp.ClientError, OSError) as error:
            raise StatusError(503, f"error trying to reach service: {why(error, str(address))}") from None
        async with answer:
            response = web.StreamResponse(status=answer.status, reason=answer.reason)
            for name, value in answer.headers.items():
                if name.lower() not in _NOT_RETURNED:
                    response.headers.add(name, value)
            return await _stream(request, answer, response)

    async def metrics(self, address: Address) -> str:
        """Returns what a kubelet says at `/metrics/resource`.

        Raises:
            aiohttp.ClientError: it cannot be reached, or refuses.
            TimeoutError: it does not answer.
            OSError: the connection broke.
        """
        url = URL(address.url("/metrics/resource"))
        timeout = aiohttp.ClientTimeout(total=METRICS_SECONDS)
        async with self._session.get(url, timeout=timeout, allow_redirects=False, raise_for_status=True) as answer:
            return await answer.text()


async def _stream(
    request: web.BaseRequest, answer: aiohttp.ClientResponse, response: web.StreamResponse
) -> web.StreamResponse:
    await response.prepare(request)
    try:
        async for chunk in answer.content.iter_any():
            await response.write(chunk)
    except aiohttp.ClientError:
        # The head is out already: all that is left to tell the client of it is an answer without an end.
        raise ConnectionResetError("the kubelet broke off") from None
    await response.write_eof()
    return response
