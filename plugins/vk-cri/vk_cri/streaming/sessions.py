"""A command in a container, or its main process, joined with what a client connects to it."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Coroutine
from typing import Any

from vk_core.errors import InvalidInput, Unavailable
from vk_core.provider import ByteReader, ByteWriter, ContainerIO
from vk_cri.streaming.connection import SpdyClient, connect
from vk_cri.streaming.stream import SpdyStream

PROTOCOL = "v4.channel.k8s.io"
"""The one with exit codes in JSON, which every runtime speaks."""

_LARGEST_STATUS = 64 * 1024
_NON_ZERO = "NonZeroExitCode"


async def run_session(url: str, io: ContainerIO) -> int:
    """Join a client with the streams behind a URL until the process has ended and all its output is handed on.

    Args:
        url: as the runtime gave it for what `io` has.
        io: what the client connects.

    Returns:
        The exit code; 0 for an attachment.

    Raises:
        InvalidInput: the command cannot be started.
        Unavailable: the connection broke.
    """
    async with connect(url, PROTOCOL) as client:
        session = _Session(client, io)
        try:
            return await session.run()
        except ConnectionError as error:
            raise Unavailable(f"the connection to the container broke: {error}") from error


class _Session:
    """The streams of one session, opened in the order in which clients do it."""

    def __init__(self, client: SpdyClient, io: ContainerIO) -> None:
        def opened(kind: str) -> SpdyStream:
            return client.open({"streamType": kind})

        self._io = io
        self._status = opened("error")
        self._stdin = opened("stdin") if io.stdin is not None else None
        self._stdout = opened("stdout") if wants_stdout(io) else None
        self._stderr = opened("stderr") if wants_stderr(io) else None
        self._resize = opened("resize") if io.tty else None

    async def run(self) -> int:
        io = self._io
        self._status.end()
        inputs: list[Coroutine[Any, Any, None]] = []
        if self._stdin is not None and io.stdin is not None:
            inputs.append(_send(io.stdin, self._stdin))
        if self._resize is not None:
            inputs.append(_send_sizes(io, self._resize))
        outputs = [
            self._receive(stream, writer)
            for stream, writer in ((self._stdout, io.stdout), (self._stderr, io.stderr))
            if stream is not None
        ]
        tasks = [asyncio.create_task(work) for work in inputs]
        try:
            tasks += [asyncio.create_task(work) for work in outputs]
            status = await self._status_behind(tasks[len(inputs) :])
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return exit_code(status)

    async def _receive(self, stream: SpdyStream, writer: ByteWriter | None) -> None:
        try:
            while data := await stream.read():
                if writer is not None:
                    await writer.write(data)
        except ConnectionError:
            # Runtimes say what came of it when all output is sent, and then just close the connection.
            if not self._status.has_spoken:
                raise

    async def _status_behind(self, outputs: list[asyncio.Task[None]]) -> bytes:
        """What the session ends with, once all output is handed on."""
        await asyncio.gather(*outputs)
        return await self._status.read_all(_LARGEST_STATUS)


def wants_stdout(io: ContainerIO) -> bool:
    """Whether output is asked for; runtimes want to be asked for something."""
    return io.stdout is not None or (io.stdin is None and io.stderr is None)


def wants_stderr(io: ContainerIO) -> bool:
    """Whether error output is asked for; with a terminal it is in the output."""
    return io.stderr is not None and not io.tty


def exit_code(status: bytes) -> int:
    """The exit code in the status (`metav1.Status`) that ends a session.

    Raises:
        InvalidInput: the command could not be started; with the runtime's words.
    """
    if not status:
        return 0
    try:
        document = json.loads(status)
        if document.get("status") == "Success":
            return 0
        if document.get("reason") == _NON_ZERO:
            causes = document.get("details", {}).get("causes", [])
            return next(int(cause["message"]) for cause in causes if cause.get("reason") == "ExitCode")
        message = str(document.get("message", ""))
    except (ValueError, AttributeError, TypeError, KeyError, StopIteration):
        message = status.decode(errors="replace")
    raise InvalidInput(message or "the runtime does not say what came of the command")


async def _send(source: ByteReader, stream: SpdyStream) -> None:
    # A process that has closed its input is no reason to end the session: its output goes on.
    with contextlib.suppress(ConnectionError):
        while data := await source.read():
            await stream.write(data)
        stream.end()


async def _send_sizes(io: ContainerIO, stream: SpdyStream) -> None:
    with contextlib.suppress(ConnectionError):
        async for size in io.resizes:
            await stream.write(json.dumps({"Width": size.width, "Height": size.height}).encode() + b"\n")
