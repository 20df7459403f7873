"""Connections to the runtime: one call at a time or a stream, with a deadline, and errors that say what to do.

Not a pool: HTTP/2 carries all calls of an endpoint over one connection, which comes back by itself.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import grpc
import grpc.aio

from vk_core.errors import Unavailable
from vk_cri.endpoint import diagnosis, socket_path
from vk_cri.failures import RpcError, of_grpc, too_old
from vk_cri.methods import Answer, Method, Request

LARGEST_ANSWER = 16 * 1024 * 1024
"""Bytes, as with kubelet: a command's output may be that long."""

_OPTIONS = (
    ("grpc.max_receive_message_length", LARGEST_ANSWER),
    ("grpc.max_send_message_length", LARGEST_ANSWER),
    # The path of a socket is no host name, and strict servers refuse it as such.
    ("grpc.default_authority", "localhost"),
    ("grpc.enable_http_proxy", 0),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
)


class CriChannel:
    """Calls of one endpoint; the connection is made with the first one."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self._channel: grpc.aio.Channel | None = None
        self._calls: dict[str, grpc.aio.UnaryUnaryMultiCallable[Any, Any]] = {}

    async def call(self, method: Method[Request, Answer], request: Request, *, seconds: float | None) -> Answer:
        """Ask, and wait for the answer.

        Args:
            method: what.
            request: with what.
            seconds: how long it may take; None for as long as it does.

        Raises:
            RpcError: the runtime refuses.
            Unavailable: it does not answer.
            InvalidInput: it does not know CRI v1.
        """
        try:
            answer = await self._callable(method)(request, timeout=seconds)
        except grpc.aio.AioRpcError as error:
            raise self._explained(of_grpc(error), method.name) from None
        if not isinstance(answer, method.answer):
            raise TypeError(f"{method.name} answers with {type(answer).__name__}")
        return answer

    async def stream(self, method: Method[Request, Answer], request: Request) -> AsyncIterator[Answer]:
        """Ask, and take answers as they come, until the connection breaks.

        Raises:
            RpcError: the runtime refuses, or does not know the call.
            Unavailable: it does not answer any more.
        """
        start = self._open().unary_stream(
            method.path,
            request_serializer=method.request.SerializeToString,
            response_deserializer=method.answer.FromString,
        )
        call = start(request)
        try:
            async for answer in call:
                yield answer
        except grpc.aio.AioRpcError as error:
            raise self._explained(of_grpc(error), method.name) from None
        finally:
            call.cancel()

    async def close(self) -> None:
        """Let go of the connection; calls that run are given up."""
        if self._channel is not None:
            await self._channel.close()
            self._channel = None
            self._calls.clear()

    def _callable(self, method: Method[Request, Answer]) -> grpc.aio.UnaryUnaryMultiCallable[Any, Any]:
        known = self._calls.get(method.path)
        if known is None:
            known = self._calls[method.path] = self._open().unary_unary(
                method.path,
                request_serializer=method.request.SerializeToString,
                response_deserializer=method.answer.FromString,
            )
        return known

    def _open(self) -> grpc.aio.Channel:
        # Not before it is needed: a channel belongs to the event loop in which it is made.
        if self._channel is None:
            self._channel = grpc.aio.insecure_channel(f"unix:{socket_path(self.endpoint)}", options=_OPTIONS)
        return self._channel

    def _explained(self, error: RpcError, name: str) -> Exception:
        if error.code is grpc.StatusCode.UNIMPLEMENTED and "unknown service" in error.words:
            return too_old(self.endpoint)
        if error.code is grpc.StatusCode.UNAVAILABLE:
            return Unavailable(f"the runtime does not answer: {diagnosis(self.endpoint)}")
        if error.code is grpc.StatusCode.DEADLINE_EXCEEDED and error.words == "Deadline Exceeded":
            return Unavailable(f"the runtime at {self.endpoint} has not answered {name} in time")
        return error
