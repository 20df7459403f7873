"""What containers use: as the runtime says, and as their cgroups say where it does not."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Sequence
from dataclasses import replace

import grpc

from vk_core.engine import identity
from vk_core.engine.runtime import ContainerUsage
from vk_cri import cgroups, methods
from vk_cri.api import runtime_pb2 as pb
from vk_cri.failures import RpcError
from vk_cri.lists import Lists
from vk_cri.mainprocess import main_process
from vk_cri.runtimeapi import RuntimeApi
from vk_cri.translation.answers import moment


class Usage:
    """Asks a runtime what its containers use. Raises RpcError."""

    def __init__(self, api: RuntimeApi, lists: Lists) -> None:
        self._api = api
        self._lists = lists

    async def all(self) -> Sequence[ContainerUsage]:
        """What all containers of engines use that run."""
        told = {usage.container_id: usage for usage in await self._told()}
        running = await self._lists.running()
        missing = [one for one in running if one not in told or _lacks_something(told[one])]
        looked_up = await asyncio.gather(*(self._look(one, told.get(one)) for one in missing))
        told.update({usage.container_id: usage for usage in looked_up if usage is not None})
        return [told[one] for one in running if one in told]

    async def _told(self) -> Sequence[ContainerUsage]:
        try:
            answer = await self._api.runtime(methods.CONTAINER_STATS, pb.ListContainerStatsRequest())
        except RpcError as error:
            if error.code is grpc.StatusCode.UNIMPLEMENTED:
                return ()
            raise
        return [_usage(stats) for stats in answer.stats if identity.OWNER in stats.attributes.labels]

    async def _look(self, container_id: str, told: ContainerUsage | None) -> ContainerUsage | None:
        """The same from the cgroup of the container's main process; None if that cannot be seen."""
        try:
            request = pb.ContainerStatusRequest(container_id=container_id, verbose=True)
            answer = await self._api.runtime(methods.CONTAINER_STATUS, request)
        except RpcError:
            return told
        pid = main_process(answer.info)
        seen = None if pid is None else await asyncio.to_thread(cgroups.read_usage, pid)
        if seen is None:
            return told
        base = told or ContainerUsage(container_id=container_id, at=dt.datetime.now(dt.UTC))
        return replace(
            base,
            cpu_nanoseconds=seen.cpu_nanoseconds if base.cpu_nanoseconds is None else base.cpu_nanoseconds,
            memory_working_set_bytes=seen.working_set_bytes
            if base.memory_working_set_bytes is None
            else base.memory_working_set_bytes,
            memory_rss_bytes=seen.rss_bytes if base.memory_rss_bytes is None else base.memory_rss_bytes,
        )


def _lacks_something(usage: ContainerUsage) -> bool:
    return None in {usage.cpu_nanoseconds, usage.memory_working_set_bytes}


def _usage(stats: pb.ContainerStats) -> ContainerUsage:
    return ContainerUsage(
        container_id=stats.attributes.id,
        at=moment(stats.cpu.timestamp) if stats.cpu.timestamp else dt.datetime.now(dt.UTC),
        cpu_nanoseconds=_value(stats.cpu, "usage_core_nano_seconds"),
        memory_working_set_bytes=_value(stats.memory, "working_set_bytes"),
        memory_rss_bytes=_value(stats.memory, "rss_bytes"),
        writable_layer_bytes=_value(stats.writable_layer, "used_bytes"),
    )


def _value(message: pb.CpuUsage | pb.MemoryUsage | pb.FilesystemUsage, field: str) -> int | None:
    if not message.HasField(field):
        return None
    value: pb.UInt64Value = getattr(message, field)
    return value.value
