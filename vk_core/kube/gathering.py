"""How long changes gather before they are looked at: they cost less CPU when several wake the process at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import aiohttp

GATHER_SECONDS = 0.02
"""How long changes may gather before they are looked at together."""

GATHER_BYTES = 1 << 14
"""A piece larger than this shows that more is waiting already; nothing is gained by holding it up."""


async def in_batches(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    """The body as it comes, but after each piece what comes within the next moment is left to gather."""
    connection = response.connection
    transport = connection.transport if connection is not None else None
    async for chunk in response.content.iter_any():
        yield chunk
        if len(chunk) < GATHER_BYTES and transport is not None and not transport.is_closing():
            transport.pause_reading()
            await asyncio.sleep(GATHER_SECONDS)
            transport.resume_reading()
