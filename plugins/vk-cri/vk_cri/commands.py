"""Commands that are run to their end without anybody who watches: probes and hooks."""

from __future__ import annotations

import math
from collections.abc import Sequence

import grpc

from vk_core.engine.runtime import Finished
from vk_cri import methods
from vk_cri.api import runtime_pb2 as pb
from vk_cri.failures import RpcError
from vk_cri.runtimeapi import RuntimeApi

MOST_OUTPUT = 16 * 1024
"""Bytes of each output that are kept."""


async def run_command(api: RuntimeApi, container_id: str, command: Sequence[str], timeout_seconds: float) -> Finished:
    """Run a command in a container; if nobody waits any more, the runtime ends it.

    Raises:
        TimeoutError: it took too long, and was ended.
        RpcError: it cannot be started.
    """
    # Runtimes count in whole seconds, and take 0 for no limit.
    seconds = max(1, math.ceil(timeout_seconds))
    request = pb.ExecSyncRequest(container_id=container_id, cmd=command, timeout=seconds)
    try:
        answer = await api.runtime(methods.EXEC_SYNC, request, waiting_seconds=seconds)
    except RpcError as error:
        if error.code is grpc.StatusCode.DEADLINE_EXCEEDED:
            raise TimeoutError(f"command {' '.join(command)!r} timed out after {seconds} s") from None
        raise
    return Finished(exit_code=answer.exit_code, stdout=answer.stdout[:MOST_OUTPUT], stderr=answer.stderr[:MOST_OUTPUT])
