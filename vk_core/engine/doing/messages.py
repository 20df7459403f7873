"""Reads what containers say at their end: the file at their termination message path, or the end of their log."""

from __future__ import annotations

import asyncio
import contextlib
import os
from pathlib import Path

from vk_core.api.podstatus import PodStatus
from vk_core.engine import identity
from vk_core.engine.deciding.memory import PodMemory
from vk_core.engine.doing.starts import termination_log
from vk_core.engine.doing.tools import Tools
from vk_core.engine.observed import ObservedPod, restart_count
from vk_core.engine.runtime import ContainerPhase, RuntimeContainer
from vk_core.errors import ProviderError
from vk_core.provider.streams import LogOptions
from vk_core.provider.termination import LONGEST_MESSAGE, fit_message, termination_message

TAIL_LINES = 80
TAIL_BYTES = 2048


async def read_messages(tools: Tools, observed: ObservedPod, memory: PodMemory, known: PodStatus) -> None:
    """Note the messages of all containers that have ended and were not looked at yet.

    Args:
        tools: what everything is done with.
        observed: the containers.
        memory: takes the messages.
        known: the status from before a restart of virtual-kubelet, which may be all that is left of them.
    """
    told = _told_messages(known)
    count = len(observed.containers)
    for name, instances in observed.containers.items():
        for instance in instances:
            if instance.phase is ContainerPhase.EXITED and instance.id not in memory.messages:
                message = told.get(instance.id)
                if message is None:
                    message = await _message(tools, observed.uid, name, instance)
                else:  # the status says what the runtime has said as well
                    message = message.removeprefix(instance.message).removeprefix(": ")
                memory.messages[instance.id] = fit_message(message, count)


def _told_messages(known: PodStatus) -> dict[str, str]:
    """The messages in a status, by container ID."""
    statuses = (*known.container_statuses, *known.init_container_statuses, *known.ephemeral_container_statuses)
    ends = [ended for one in statuses for ended in (one.state.terminated, one.last_state.terminated) if ended]
    return {ended.container_id.rpartition("://")[2]: ended.message for ended in ends if ended.container_id}


async def _message(tools: Tools, uid: str, name: str, instance: RuntimeContainer) -> str:
    policy = instance.annotations.get(identity.TERMINATION_MESSAGE_POLICY, "")
    exit_code = instance.exit_code or 0
    folder = await tools.volumes.container_path(uid, name)
    written = await asyncio.to_thread(_end_of, termination_log(folder, restart_count(instance)))
    tail = b""
    if not written and policy == "FallbackToLogsOnError" and exit_code:
        tail = await _log_tail(tools, instance)
    return termination_message(policy, file=written, log_tail=tail, exit_code=exit_code)


def _end_of(path: Path) -> bytes | None:
    """The last bytes of a regular file; the container may have put anything in its place."""
    with contextlib.suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with open(descriptor, "rb") as file:  # noqa: PTH123 - the descriptor is what was checked
            size = os.fstat(descriptor).st_size
            file.seek(max(size - LONGEST_MESSAGE, 0))
            return file.read(LONGEST_MESSAGE)
    return None


async def _log_tail(tools: Tools, instance: RuntimeContainer) -> bytes:
    tail = b""
    with contextlib.suppress(ProviderError):
        log = await tools.runtime.logs(instance, LogOptions(tail_lines=TAIL_LINES))
        async for chunk in log.chunks:
            tail = (tail + chunk)[-TAIL_BYTES:]
    return tail
