"""One watch connection: from bytes to typed changes. Reconnecting is the informer's business."""

from __future__ import annotations

import contextlib
import logging
import random
import re
import time
from collections.abc import AsyncIterator
from typing import Generic, TypeVar

import msgspec

from vk_core.api.decoding import ObjectDecoder
from vk_core.api.meta import PartialObjectMetadata, Status
from vk_core.api.struct import Struct
from vk_core.kube.errors import ApiUnavailable, error_from
from vk_core.kube.request import Request, build, watch_query
from vk_core.kube.resources import Resource
from vk_core.kube.transport import Stream, Transport
from vk_core.telemetry.metrics import API_REQUESTS, NO_ANSWER

Object = TypeVar("Object")

SILENCE_SECONDS = 150.0
"""Bookmarks come about once a minute; a watch silent for longer than this has lost its connection."""

_TYPE = re.compile(rb'\s*\{\s*"type"\s*:\s*"([A-Z]+)"')
_CHANGES = frozenset({b"ADDED", b"MODIFIED", b"DELETED"})

log = logging.getLogger("virtual_kubelet.kube")


class WatchEvent(Struct, Generic[Object]):
    """A change: ADDED, MODIFIED or DELETED with the object."""

    type: str
    object: Object


class _Envelope(Struct):
    type: str
    object: PartialObjectMetadata


class _NamedMetadata(Struct):
    name: str


class _NamedObject(Struct):
    metadata: _NamedMetadata


class _Named(Struct):
    object: _NamedObject


class _Failure(Struct):
    object: Status


class Bookmark(Struct):
    """Everything up to this version has been seen."""

    resource_version: str


class Watch(Generic[Object]):
    """Decodes the changes of one resource.

    Args:
        transport: the way to the server.
        resource: what to watch.
        namespace: the only one to look into; empty for all.
        field_selector: which objects, by fields.
        label_selector: which objects, by labels.
        busy: whether changes come so often that a connection of its own pays off.
    """

    def __init__(
        self,
        transport: Transport,
        resource: Resource[Object],
        *,
        namespace: str = "",
        field_selector: str = "",
        label_selector: str = "",
        busy: bool = False,
    ) -> None:
        self._transport = transport
        self._resource = resource
        self._namespace = namespace
        self._busy = busy
        self._selectors = {"field_selector": field_selector, "label_selector": label_selector}
        self._decode = ObjectDecoder(WatchEvent[resource.type]).decode  # type: ignore[name-defined]

    async def changes(self, resource_version: str) -> AsyncIterator[WatchEvent[Object] | Bookmark]:
        """Changes behind a version until the server ends the watch, which it does every few minutes.

        Raises:
            ResourceExpired: the version is too old; list again.
            ApiError: the server refused or the connection broke.
        """
        timeout_seconds = random.randint(300, 600)  # spread, so that watches do not all end together
        query = watch_query(resource_version=resource_version, timeout_seconds=timeout_seconds, **self._selectors)
        request = build("watch", self._resource, namespace=self._namespace, query=query)._replace(busy=self._busy)
        async with self._counted(request) as stream:
            if stream.status >= 300:  # noqa: PLR2004 - not 2xx
                raise error_from(
                    stream.status,
                    stream.body,
                    what=request.what,
                    grant=request.grant,
                    retry_after_seconds=stream.retry_after_seconds,
                )
            async for line in lines(stream.chunks):
                event = self.decode(line, what=request.what, grant=request.grant)
                if event is not None:
                    yield event

    @contextlib.asynccontextmanager
    async def _counted(self, request: Request) -> AsyncIterator[Stream]:
        """The connection; counted is how it begins, which for a watch says more than how long it lasts."""
        began = time.perf_counter()
        code: int | str = NO_ANSWER
        try:
            async with self._transport.stream(request, silence_seconds=SILENCE_SECONDS) as stream:
                code = stream.status
                API_REQUESTS.of(request.verb, request.resource, code).observe(time.perf_counter() - began)
                yield stream
        finally:
            if code == NO_ANSWER:
                API_REQUESTS.of(request.verb, request.resource, code).observe(time.perf_counter() - began)

    def decode(self, line: bytes, *, what: str = "watch", grant: str = "") -> WatchEvent[Object] | Bookmark | None:
        """One line of a watch; None for an object that does not fit its type, which is logged.

        Raises:
            ApiError: the line is an ERROR.
        """
        found = _TYPE.match(line)
        kind = found[1] if found else b""
        try:
            if kind in _CHANGES:
                event: WatchEvent[Object] = self._decode(line)
                return event
            if kind == b"BOOKMARK":
                return Bookmark(
                    resource_version=msgspec.json.decode(line, type=_Envelope).object.metadata.resource_version
                )
            if kind == b"ERROR":
                status = msgspec.json.decode(line, type=_Failure).object
                raise error_from(status.code or 500, msgspec.json.encode(status), what=what, grant=grant)
        except msgspec.ValidationError as error:
            log.warning(
                "%s: cannot understand %s %s, it is left out: %s", what, self._resource.kind, _name(line), error
            )
            return None
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ApiUnavailable(f"{what}: not JSON: {error}", code=0) from error
        # What it is instead is not shown: it may be the inside of a secret.
        raise ApiUnavailable(f"{what}: not a watch event ({len(line)} bytes)", code=0)


def _name(line: bytes) -> str:
    try:
        return msgspec.json.decode(line, type=_Named).object.metadata.name
    except msgspec.ValidationError:
        return "without a name"


async def lines(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Complete lines out of pieces of any size; a line may be as long as an object may be."""
    rest: list[bytes] = []
    async for chunk in chunks:
        if b"\n" not in chunk:
            rest.append(chunk)
            continue
        first, *others = chunk.split(b"\n")
        rest.append(first)
        yield b"".join(rest)
        for line in others[:-1]:
            yield line
        rest = [others[-1]]
    # What is left has no end: the connection broke inside a line, which the next watch sends again.
