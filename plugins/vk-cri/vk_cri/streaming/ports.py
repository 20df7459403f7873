"""One connection of a client, joined with one to a port of a pod."""

from __future__ import annotations

import asyncio

from vk_core.errors import Unavailable
from vk_core.provider import PortStream
from vk_cri.streaming.connection import connect
from vk_cri.streaming.stream import SpdyStream

PROTOCOL = "portforward.k8s.io"
_LARGEST_ERROR = 16 * 1024


async def forward(url: str, port: int, stream: PortStream) -> None:
    """Join them until both directions have ended.

    Args:
        url: as the runtime gave it; a connection of its own, so that a slow client holds up nobody else.
        port: of the pod.
        stream: the client's connection.

    Raises:
        Unavailable: nothing listens there, or the connection broke.
    """
    async with connect(url, PROTOCOL) as client:
        headers = {"port": str(port), "requestID": "0"}
        errors = client.open({"streamType": "error", **headers})
        errors.end()
        data = client.open({"streamType": "data", **headers})
        failed = asyncio.create_task(errors.read_all(_LARGEST_ERROR))
        joined = asyncio.create_task(_join(data, stream))
        try:
            await asyncio.wait({failed, joined}, return_when=asyncio.FIRST_COMPLETED)
            if failed.done() and not failed.exception() and failed.result():
                raise Unavailable(failed.result().decode(errors="replace").strip())
            await joined
        except ConnectionError as error:
            raise Unavailable(f"the connection to port {port} broke: {error}") from error
        finally:
            for task in (failed, joined):
                task.cancel()
            await asyncio.gather(failed, joined, return_exceptions=True)


async def _join(data: SpdyStream, stream: PortStream) -> None:
    both = [asyncio.create_task(_to_pod(data, stream)), asyncio.create_task(_to_client(data, stream))]
    try:
        await asyncio.gather(*both)
    finally:
        for task in both:
            task.cancel()
        await asyncio.gather(*both, return_exceptions=True)


async def _to_pod(data: SpdyStream, stream: PortStream) -> None:
    while piece := await stream.read():
        await data.write(piece)
    data.end()


async def _to_client(data: SpdyStream, stream: PortStream) -> None:
    while piece := await data.read():
        await stream.write(piece)
    await stream.write_eof()
