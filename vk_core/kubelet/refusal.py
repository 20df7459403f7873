"""Requests that are not served, as kubelet words them: a status code and a line of plain text."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web

from vk_core.errors import InvalidInput, NotFound, ProviderError, VirtualKubeletError

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

log = logging.getLogger("virtual_kubelet.kubelet")


class Refusal(VirtualKubeletError):
    """A request that cannot be served.

    Attributes:
        status: HTTP status code.
        headers: further headers of the answer; a multidict if one of them occurs several times.
    """

    def __init__(self, status: int, text: str, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(text)
        self.status = status
        self.headers = headers or {}

    def response(self) -> web.Response:
        """The answer; its text has no line break at the end, as the API server makes it a status' message as it is."""
        return web.Response(status=self.status, text=str(self), headers=self.headers)


def refusal_of(error: ProviderError) -> Refusal:
    """What a provider's error means to the client.

    The API server hands the text of 400 and 500 on to kubectl, that of most other codes it replaces by its own.
    """
    if isinstance(error, NotFound):
        return Refusal(404, str(error))
    return Refusal(400 if isinstance(error, InvalidInput) else 500, str(error))


@web.middleware
async def answer_refusals(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn refusals and provider errors into answers; a bug is logged with its traceback and answered with 500."""
    try:
        return await handler(request)
    except Refusal as refusal:
        return refusal.response()
    except ProviderError as error:
        return refusal_of(error).response()
    except web.HTTPException:
        raise
    except Exception as error:
        log.exception("%s %s failed", request.method, request.path)
        return Refusal(500, f"internal error: {type(error).__name__}").response()
