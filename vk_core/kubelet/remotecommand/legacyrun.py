"""`/run`: a command without a terminal or input, answered with what it wrote; kubelet has it for debugging."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable

from aiohttp import web

from vk_core.kubelet.backend import KubeletBackend, StreamTimeouts
from vk_core.kubelet.refusal import Handler, Refusal
from vk_core.kubelet.remotecommand.outcome import exited
from vk_core.kubelet.remotecommand.request import run_command, running_target
from vk_core.provider.capabilities import RunsInContainer
from vk_core.provider.streams import ContainerIO, TerminalSize
from vk_core.telemetry.metrics import stream_open

MAX_OUTPUT = 16 * 1024 * 1024
"""The most that container runtimes hand over for such a command."""


def run_handler(backend: KubeletBackend, timeouts: StreamTimeouts) -> Handler:
    """POST `/run/{namespace}/{pod}[/{uid}]/{container}?cmd=`; 500 with the output if the command fails, as kubelet.

    The command ends when the handler is cancelled: serve it with aiohttp's `handler_cancellation`.
    """

    async def handle(request: web.Request) -> web.StreamResponse:
        target = running_target(backend, request.match_info)
        provider = backend.provider
        if not isinstance(provider, RunsInContainer):
            raise backend.unsupported("run commands in containers")
        command, output = run_command(request.query), _Output()
        io = ContainerIO(stdin=None, stdout=output, stderr=output, tty=False, resizes=_no_sizes())
        call = provider.run_in_container(target.pod, target.container, command, io)
        with stream_open("run"):
            code = await _result_of(call, output, timeouts)
        if exited(code).exit_code:
            text = output.data.decode(errors="replace")
            raise Refusal(500, f"command '{' '.join(command)}' exited with {code}: {text}")
        return web.Response(body=bytes(output.data), content_type="text/plain")

    return handle


async def _result_of(call: Awaitable[int], output: _Output, timeouts: StreamTimeouts) -> int:
    deadline = asyncio.timeout(timeouts.idle.total_seconds())
    try:
        async with deadline:
            return await call
    except Exception as error:
        # A provider may have wrapped what it got from the output or the deadline.
        if output.overflowed:
            raise Refusal(500, f"the command wrote more than {MAX_OUTPUT // 1024**2} MiB") from error
        if deadline.expired():
            raise Refusal(500, f"the command did not end within {timeouts.idle}") from error
        raise


class _Output:
    """Keeps what a command writes."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.overflowed = False

    async def write(self, data: bytes) -> None:
        if len(self.data) + len(data) > MAX_OUTPUT:
            self.overflowed = True
            raise BrokenPipeError("the command writes more than its client can be given")
        self.data += data


async def _no_sizes() -> AsyncIterator[TerminalSize]:
    await asyncio.Event().wait()
    yield TerminalSize(1, 1)
