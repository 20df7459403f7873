"""People at a container that does not exist: attached to its process, or to one of its ports. Both echo."""

from __future__ import annotations

import asyncio
import contextlib

from vk_core.api.container import Container
from vk_core.provider import ContainerIO, PortStream
from vk_mock.logs import MockLog


async def attach(log: MockLog, container: Container, io: ContainerIO) -> None:
    """Show what the container writes from now on, and give back what is typed if it takes input."""
    echoing = asyncio.create_task(_echo(container, io), name=f"echo of {container.name}")
    try:
        async with contextlib.aclosing(log.lines(log.written(), stamped=False, follow=True)) as lines:
            async for line in lines:
                if io.stdout:
                    await io.stdout.write(line)
    finally:
        echoing.cancel()
        await asyncio.wait([echoing])


async def _echo(container: Container, io: ContainerIO) -> None:
    while io.stdin and (data := await io.stdin.read()):
        if container.stdin and io.stdout:
            await io.stdout.write(data)


async def echo(stream: PortStream) -> None:
    """Send back what comes, to its end."""
    while data := await stream.read():
        await stream.write(data)
    await stream.write_eof()
