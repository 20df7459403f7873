"""People at a container: commands beside its process (`kubectl exec`), and the process itself (`kubectl attach`)."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Protocol

from vk_core.api.container import Container
from vk_core.provider import ByteReader, ByteWriter, ContainerIO
from vk_process.descriptors import Input
from vk_process.instances import Instance
from vk_process.processes import Processes
from vk_process.streams import Streams


class _Source(Protocol):
    async def read(self) -> bytes: ...


async def run_command(instance: Instance, command: Sequence[str], io: ContainerIO, processes: Processes) -> int:
    """Run a command beside the process of a container; gives its exit code.

    Raises:
        InvalidInput: it cannot be started.
        Unavailable: nothing can be started now.
    """
    streams = Streams.open(tty=io.tty, stdin=io.stdin is not None)
    environment, directory = instance.prepared.environment, instance.prepared.directory
    if io.tty:
        environment = {"TERM": "xterm", **environment}
    with contextlib.closing(streams):
        process = processes.spawn(command, streams, environment=environment, directory=directory)
        instance.sessions.add(process)
        try:
            with _first_error():
                async with _inwards(io, streams, end=True) as tasks:
                    outwards = _outwards(tasks, streams.outputs, io)
                    code = await process.wait()
                    streams.end()
                    await asyncio.wait(outwards)
        finally:
            process.signal(signal.SIGKILL)
            instance.sessions.discard(process)
            instance.spent_seconds += process.cpu_seconds
    return code


async def attach(instance: Instance, container: Container, io: ContainerIO) -> None:
    """Connect a client to the process of a container until that ends."""
    streams = instance.streams
    with contextlib.ExitStack() as stack:
        listeners = [stack.enter_context(tap.listen()) for tap in instance.taps]
        try:
            with _first_error():
                async with _inwards(io, streams, end=container.stdin_once) as tasks:
                    await asyncio.wait(_outwards(tasks, listeners, io))
        finally:
            if container.stdin_once and io.stdin is not None and streams.stdin is not None:
                streams.stdin.end()


@contextlib.asynccontextmanager
async def _inwards(io: ContainerIO, streams: Streams, *, end: bool) -> AsyncIterator[asyncio.TaskGroup]:
    """Hand on what the client sends for as long as the context is open; with `end` the end of its input, too."""
    async with asyncio.TaskGroup() as tasks:
        feeding = tasks.create_task(_feed(io.stdin, streams.stdin, end=end), name="stdin")
        resizing = tasks.create_task(_resize(io, streams), name="resize")
        yield tasks
        feeding.cancel()
        resizing.cancel()


def _outwards(tasks: asyncio.TaskGroup, sources: Sequence[_Source], io: ContainerIO) -> list[asyncio.Task[None]]:
    """Hand on what the process writes."""
    return [
        tasks.create_task(_copy(source, writer), name=name)
        for source, writer, name in zip(sources, (io.stdout, io.stderr), ("stdout", "stderr"), strict=False)
    ]


async def _copy(source: _Source, writer: ByteWriter | None) -> None:
    """Hand on all that comes; what nobody wants is thrown away."""
    while piece := await source.read():
        if writer is not None:
            await writer.write(piece)


async def _feed(reader: ByteReader | None, stdin: Input | None, *, end: bool) -> None:
    """Give a process what a client sends; what it does not want to read is thrown away."""
    if reader is None:
        return
    while data := await reader.read():
        if stdin is not None:
            try:
                await stdin.write(data)
            except BrokenPipeError:
                stdin = None
    if stdin is not None and end:
        stdin.end()


async def _resize(io: ContainerIO, streams: Streams) -> None:
    if io.tty:
        async for size in io.resizes:
            streams.resize(size)


@contextlib.contextmanager
def _first_error() -> Iterator[None]:
    """What went wrong first, in place of a group of errors."""
    try:
        yield
    except BaseExceptionGroup as group:
        raise group.exceptions[0] from group
