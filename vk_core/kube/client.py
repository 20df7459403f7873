"""The Kubernetes API by verb, typed; waits where the server asks to wait, and raises for everything else."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Any, TypeVar

import msgspec

from vk_core.api.decoding import ObjectDecoder
from vk_core.api.meta import ListMeta, ObjectList, PartialObjectMetadata
from vk_core.kube.errors import ApiUnavailable, TooManyRequests, error_from
from vk_core.kube.request import (
    METADATA_ONLY,
    PATCH_TYPES,
    PatchType,
    Request,
    build,
    delete_options,
    list_query,
)
from vk_core.kube.resources import Resource
from vk_core.kube.transport import Response, Transport
from vk_core.telemetry.metrics import API_REQUESTS, NO_ANSWER

Object = TypeVar("Object")
Decoded = TypeVar("Decoded")

PAGE = 500
"""Objects per page of a list, as kubectl and the controllers of Kubernetes ask for."""

MOST_WAITS = 8
"""How often a request is put off at the server's wish before it fails."""

log = logging.getLogger("virtual_kubelet.kube")


class KubeClient:
    """Requests to one API server; every method raises `ApiError` when it refuses."""

    def __init__(self, transport: Transport) -> None:
        self.transport = transport
        self._decoders: dict[Any, Any] = {}

    async def close(self) -> None:
        """Close all connections."""
        await self.transport.close()

    async def get(self, resource: Resource[Object], name: str, *, namespace: str = "") -> Object:
        """Read one object."""
        request = build("get", resource, namespace=namespace, name=name)
        return self._decode(resource.type, await self._send(request), request)

    async def pages(
        self, resource: Resource[Object], *, namespace: str = "", field_selector: str = "", label_selector: str = ""
    ) -> AsyncIterator[tuple[ListMeta, tuple[Object, ...]]]:
        """List objects page by page; the last page's version is the one to watch from."""
        more = ""
        while True:
            query = list_query(field_selector=field_selector, label_selector=label_selector, limit=PAGE, more=more)
            request = build("list", resource, namespace=namespace, query=query)
            metadata, items = self._decode_page(resource, await self._send(request), request)
            yield metadata, items
            more = metadata.continue_
            if not more:
                return

    async def create(
        self, resource: Resource[Object], body: Any, *, namespace: str = "", name: str = "", subresource: str = ""
    ) -> Object:
        """Create an object; `body` needs no apiVersion and kind, they come from the resource.

        With `name` and `subresource` it is created at an object, as tokens are at service accounts.
        """
        content = {"apiVersion": resource.api_version, "kind": resource.kind, **msgspec.to_builtins(body)}
        request = build("create", resource, namespace=namespace, name=name, subresource=subresource, body=content)
        return self._decode(resource.type, await self._send(request), request)

    async def create_unread(self, resource: Resource[Any], body: dict[str, Any], *, namespace: str = "") -> None:
        """Create an object whose final form nobody needs to see, which is cheaper on both sides."""
        content = {"apiVersion": resource.api_version, "kind": resource.kind, **body}
        await self._send(build("create", resource, namespace=namespace, body=content, accept=METADATA_ONLY))

    async def patch(
        self,
        resource: Resource[Any],
        name: str,
        body: Any,
        *,
        namespace: str = "",
        subresource: str = "",
        patch_type: PatchType = "strategic",
    ) -> PartialObjectMetadata:
        """Change parts of an object and return its new metadata.

        `metadata.uid` or `metadata.resourceVersion` in the body make the server refuse (409) another object of the
        same name, or another version.
        """
        request = build(
            "patch",
            resource,
            namespace=namespace,
            name=name,
            subresource=subresource,
            body=body,
            content_type=PATCH_TYPES[patch_type],
            accept=METADATA_ONLY,
        )
        return self._decode(PartialObjectMetadata, await self._send(request), request)

    async def delete(
        self,
        resource: Resource[Any],
        name: str,
        *,
        namespace: str = "",
        uid: str = "",
        grace_period_seconds: int | None = None,
    ) -> None:
        """Delete an object; with a UID only the very object that was meant."""
        options = delete_options(grace_period_seconds=grace_period_seconds, uid=uid)
        await self._send(build("delete", resource, namespace=namespace, name=name, body=options, accept=METADATA_ONLY))

    async def _send(self, request: Request) -> Response:
        for waits in range(MOST_WAITS + 1):
            response = await self._counted(request)
            if response.status < 300:  # noqa: PLR2004 - 2xx
                return response
            error = error_from(
                response.status,
                response.body,
                what=request.what,
                grant=request.grant,
                retry_after_seconds=response.retry_after_seconds,
            )
            if not isinstance(error, TooManyRequests) or waits == MOST_WAITS:
                raise error
            delay = error.retry_after_seconds or 1.0
            log.debug("%s: the API server asks to wait %.0f s", request.what, delay)
            await asyncio.sleep(delay)
        raise AssertionError("unreachable")

    async def _counted(self, request: Request) -> Response:
        began = time.perf_counter()
        code: int | str = NO_ANSWER
        try:
            response = await self.transport.send(request)
            code = response.status
        finally:
            API_REQUESTS.of(request.verb, request.resource, code).observe(time.perf_counter() - began)
        return response

    def _decode_page(
        self, resource: Resource[Object], response: Response, request: Request
    ) -> tuple[ListMeta, tuple[Object, ...]]:
        try:
            page: ObjectList[Object] = self._decoder(
                ObjectList[resource.type]  # type: ignore[name-defined]
            ).decode(response.body)
        except msgspec.ValidationError:
            # One object that does not fit must not hide all others.
            raw = self._decode(ObjectList[msgspec.Raw], response, request)
            return raw.metadata, tuple(self._fitting(resource, raw.items, request))
        except ValueError as error:
            raise _senseless(request, error) from error
        return page.metadata, page.items

    def _fitting(self, resource: Resource[Object], items: Iterable[msgspec.Raw], request: Request) -> Iterator[Object]:
        for item in items:
            try:
                yield self._decoder(resource.type).decode(item)
            except ValueError as error:
                log.warning("%s: cannot understand a %s, it is left out: %s", request.what, resource.kind, error)

    def _decode(self, kind: type[Decoded], response: Response, request: Request) -> Decoded:
        try:
            return self._decoder(kind).decode(response.body)
        except ValueError as error:  # not JSON, not what was asked for, or not even text
            raise _senseless(request, error) from error

    def _decoder(self, kind: type[Decoded]) -> ObjectDecoder[Decoded]:
        decoder = self._decoders.get(kind)
        if decoder is None:
            decoder = self._decoders[kind] = ObjectDecoder(kind)
        return decoder


def _senseless(request: Request, error: Exception) -> ApiUnavailable:
    return ApiUnavailable(f"{request.what}: cannot understand the answer: {error}", code=0)
