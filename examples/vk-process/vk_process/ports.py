"""Joins a client's connection with one to a port of this machine, where all pods are."""

from __future__ import annotations

import asyncio
import contextlib
import os

from vk_core.errors import Unavailable
from vk_core.provider import PortStream

_LOCAL = ("127.0.0.1", "::1")
_PIECE = 65536


async def forward(port: int, stream: PortStream) -> None:
    """Copy both ways until both have ended.

    Raises:
        Unavailable: nothing listens there, or the connection broke.
    """
    reader, writer = await _connect(port)
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_copy_in(stream, writer), name=f"to port {port}")
            tasks.create_task(_copy_out(reader, stream), name=f"from port {port}")
    except* OSError as errors:
        raise Unavailable(f"the connection to port {port} broke: {errors.exceptions[0]}") from errors
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def _connect(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    refusals = []
    for address in _LOCAL:
        try:
            return await asyncio.open_connection(address, port)
        except OSError as error:
            # Event loops have words of their own for this, which name the address or do not.
            refusals.append(f"{address}: {os.strerror(error.errno) if error.errno else error}")
    raise Unavailable(f"nothing listens on port {port}: {'; '.join(refusals)}")


async def _copy_in(stream: PortStream, writer: asyncio.StreamWriter) -> None:
    while data := await stream.read():
        writer.write(data)
        await writer.drain()
    writer.write_eof()


async def _copy_out(reader: asyncio.StreamReader, stream: PortStream) -> None:
    while data := await reader.read(_PIECE):
        await stream.write(data)
    await stream.write_eof()
