"""The two services of a runtime, each on its endpoint, with the time that calls may take."""

from __future__ import annotations

from collections.abc import AsyncIterator

from vk_cri.channel import CriChannel
from vk_cri.methods import Answer, Method, Request
from vk_cri.settings import CriSettings


class RuntimeApi:
    """Calls of a runtime and of its image service; the connections are made with the first calls."""

    def __init__(self, settings: CriSettings) -> None:
        self.pull_seconds = settings.pulls.time_out.total_seconds()
        self._seconds = settings.request_time_out.total_seconds()
        self._runtime = CriChannel(settings.runtime_endpoint)
        is_one = settings.image_endpoint in {None, settings.runtime_endpoint}
        self._image = self._runtime if is_one else CriChannel(settings.image_endpoint or "")

    async def runtime(self, method: Method[Request, Answer], request: Request, *, waiting_seconds: float = 0) -> Answer:
        """A call of the runtime service.

        Args:
            method: what.
            request: with what.
            waiting_seconds: how long the runtime is asked to wait for something; added to the time that it has.

        Raises:
            RpcError: the runtime refuses.
            Unavailable: it does not answer.
        """
        return await self._runtime.call(method, request, seconds=self._seconds + waiting_seconds)

    async def image(self, method: Method[Request, Answer], request: Request, *, seconds: float | None = None) -> Answer:
        """A call of the image service; raises the same."""
        return await self._image.call(method, request, seconds=seconds or self._seconds)

    def stream(self, method: Method[Request, Answer], request: Request) -> AsyncIterator[Answer]:
        """A call of the runtime service that is answered again and again."""
        return self._runtime.stream(method, request)

    async def close(self) -> None:
        """Let go of the connections."""
        await self._runtime.close()
        await self._image.close()
