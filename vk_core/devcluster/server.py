"""HTTP: lets in who has the token, finds out what is asked for, and writes answers and watch streams."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Mapping
from contextlib import aclosing

import msgspec
from aiohttp import StreamReader, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http import RawRequestMessage
from aiohttp.web_protocol import RequestHandler

from vk_core.devcluster import openapi
from vk_core.devcluster.authentication import Authenticator
from vk_core.devcluster.discovery import discover, version
from vk_core.devcluster.faults import Faults
from vk_core.devcluster.handlers import Call, Handlers
from vk_core.devcluster.kubelets.proxy import KubeletProxy
from vk_core.devcluster.requests import parse_list_options, parse_path, verb_of
from vk_core.devcluster.resources import MEASURED
from vk_core.devcluster.statuses import PageNotFound, StatusError
from vk_core.devcluster.store import Object
from vk_core.devcluster.usage.reports import Usage
from vk_core.devcluster.views import view_of
from vk_core.devcluster.watches import Watch

_LOG = logging.getLogger(__name__)
_LARGEST_BODY = 3 * 1024 * 1024
_HEALTH = ("/healthz", "/livez", "/readyz")
_JSON = "application/json"


class Server:
    """The HTTP side of a dev cluster.

    Attributes:
        faults: what shall go wrong on purpose.
        requests: how many requests there were, by verb and type: `("patch", "pods/status")`.
        address: host and port, as discovery tells them.
    """

    def __init__(self, handlers: Handlers, kubelets: KubeletProxy, usage: Usage, authenticator: Authenticator) -> None:
        self.faults = Faults()
        self.requests: Counter[tuple[str, str]] = Counter()
        self.address = ""
        self._handlers = handlers
        self._kubelets = kubelets
        self._usage = usage
        self._authenticator = authenticator
        self._watches: set[Watch] = set()

    @property
    def open_watches(self) -> int:
        """How many watch streams there are."""
        return len(self._watches)

    def disconnect_watches(self) -> None:
        """Ends all watch streams."""
        for watch in list(self._watches):
            watch.close()

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answers one request."""
        try:
            user = self._authenticator.user(request.headers.get("Authorization", ""))
            document = self._document(request)
            return document if document is not None else await self._resource(request, user)
        except StatusError as error:
            return _refusal(error)
        except (ConnectionError, TimeoutError):
            raise
        except Exception as error:
            _LOG.exception("%s %s failed", request.method, request.path_qs)
            return _refusal(StatusError(500, f"Internal error occurred: {error!r}"))

    def _document(self, request: web.BaseRequest) -> web.Response | None:
        """Answers what is not about objects."""
        path = request.path
        if path in _HEALTH:
            return web.Response(text="ok")
        if path == "/version":
            return _answer(200, msgspec.json.encode(version()))
        if path.startswith("/openapi"):
            return _openapi(path)
        found = self._authenticator.document(path, self.address)
        found = found or discover(path, request.headers.get("Accept", ""), self.address)
        if found is None:
            return None
        return web.Response(body=msgspec.json.encode(found[0]), headers={"Content-Type": found[1]})

    async def _resource(self, request: web.BaseRequest, user: Object) -> web.StreamResponse:
        target = parse_path(request.path)
        query: Mapping[str, str] = request.query
        verb = verb_of(request.method, target, query)
        self.requests[verb, target.label] += 1
        self.faults.raise_next(verb, target.label)
        if target.subresource is not None and target.subresource.connects:
            return await self._kubelets.handle(request, target)
        view = view_of(target, request.headers.get("Accept", ""), query.get("includeObject", ""))
        if target.resource in MEASURED:
            return _answer(200, await self._usage.handle(target, view, query))
        if verb == "watch":
            options = parse_list_options(target, query)
            return await self._watch(request, Watch(self._handlers.store, self._handlers.lister, target, options, view))
        body = b""
        if request.body_exists:
            try:
                body = await request.read()
            except web.HTTPRequestEntityTooLarge:
                raise StatusError(413, f"Request entity too large: limit is {_LARGEST_BODY}") from None
        call = Call(
            target,
            view,
            query,
            body,
            request.headers.get("Content-Type", ""),
            request.headers.get("User-Agent", ""),
            user,
        )
        code, answer = self._handlers.handle(verb, call)
        return _answer(code, answer)

    async def _watch(self, request: web.BaseRequest, watch: Watch) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": _JSON})
        self._watches.add(watch)
        try:
            await response.prepare(request)
            async with aclosing(watch.chunks()) as chunks:
                async for chunk in chunks:
                    await response.write(chunk)
            await response.write_eof()
        except ConnectionError:
            _LOG.debug("the client of a watch of %s went away", request.path)
        finally:
            self._watches.discard(watch)
        return response


def _openapi(path: str) -> web.Response:
    if path == "/openapi/v2":
        return web.Response(body=openapi.version_2(), headers={"Content-Type": openapi.V2_PROTOBUF})
    if path == "/openapi/v3":
        return _answer(200, msgspec.json.encode(openapi.group_versions()))
    document = openapi.document(path.removeprefix("/openapi/v3/"))
    if document is None:
        raise PageNotFound
    return _answer(200, document)


def _answer(code: int, body: bytes) -> web.Response:
    return web.Response(status=code, body=body, headers={"Content-Type": _JSON})


def _refusal(error: StatusError) -> web.Response:
    if isinstance(error, PageNotFound):
        return web.Response(status=error.code, text=f"{error}\n")
    response = _answer(error.code, msgspec.json.encode(error.status))
    if error.retry_after is not None:
        response.headers["Retry-After"] = str(error.retry_after)
    return response


def make_server(server: Server) -> web.Server:
    """Makes the aiohttp server."""

    def request(
        message: RawRequestMessage,
        payload: StreamReader,
        protocol: RequestHandler,
        writer: AbstractStreamWriter,
        task: asyncio.Task[None],
    ) -> web.BaseRequest:
        loop = asyncio.get_running_loop()
        return web.BaseRequest(message, payload, protocol, writer, task, loop, client_max_size=_LARGEST_BODY)

    # Without cancellation a watch would not notice that its client has gone until something happens.
    return web.Server(server.handle, request_factory=request, access_log=None, handler_cancellation=True)
