"""Asks a runtime for a connection of each kind, and has it joined with the client."""

from __future__ import annotations

from collections.abc import Sequence

from vk_core.provider import ContainerIO, PortStream
from vk_cri import methods
from vk_cri.api import runtime_pb2 as pb
from vk_cri.runtimeapi import RuntimeApi
from vk_cri.streaming import ports
from vk_cri.streaming.endings import CommandEnding
from vk_cri.streaming.sessions import run_session, wants_stderr, wants_stdout


class Streams:
    """The streaming calls of a runtime. All methods raise RpcError."""

    def __init__(self, api: RuntimeApi) -> None:
        self._api = api
        self._ending = CommandEnding(api)

    async def exec(self, container_id: str, command: Sequence[str], io: ContainerIO) -> int:
        """Run a command; it is ended when the call is cancelled."""
        request = pb.ExecRequest(
            container_id=container_id,
            cmd=command,
            tty=io.tty,
            stdin=io.stdin is not None,
            stdout=wants_stdout(io),
            stderr=wants_stderr(io),
        )
        url = (await self._api.runtime(methods.EXEC, request)).url
        async with self._ending.of(container_id, command):
            return await run_session(url, io)

    async def attach(self, container_id: str, io: ContainerIO, *, tty: bool) -> None:
        """Connect to the main process; it goes on when the call is cancelled."""
        request = pb.AttachRequest(
            container_id=container_id,
            stdin=io.stdin is not None,
            tty=tty,
            stdout=wants_stdout(io),
            stderr=wants_stderr(io),
        )
        url = (await self._api.runtime(methods.ATTACH, request)).url
        await run_session(url, io)

    async def port_forward(self, sandbox_id: str, port: int, stream: PortStream) -> None:
        """Join a connection with one to a port."""
        request = pb.PortForwardRequest(pod_sandbox_id=sandbox_id, port=[port])
        url = (await self._api.runtime(methods.PORT_FORWARD, request)).url
        await ports.forward(url, port, stream)
