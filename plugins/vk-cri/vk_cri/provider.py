"""The provider: core's pod engine on a CRI runtime, and what a node says of the machine that it runs on."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Mapping
from pathlib import Path

from vk_core.engine.configuration.host import PodSettings
from vk_core.engine.engine import EngineContext, EngineSettings, PodEngine
from vk_core.provider import ProviderContext
from vk_cri.runtime import CriRuntime
from vk_cri.settings import CriSettings


class CriProvider(PodEngine):
    """Runs pods on a container runtime of this machine."""

    def __init__(self, context: ProviderContext[CriSettings]) -> None:
        settings = context.settings
        self._cri = CriRuntime(settings)
        self._cri_settings = settings
        self._maintaining: asyncio.Task[None] | None = None
        super().__init__(self._cri, engine_context(context), engine_settings(settings))

    async def start(self) -> None:
        """Get to know the runtime and the machine, and keep an eye on the sizes of logs (`Startable`)."""
        await super().start()
        self._maintaining = asyncio.create_task(self._cri.maintain(), name="cri-logs")

    async def ping(self) -> None:
        """Look whether the runtime is well (`Pingable`)."""
        if self._maintaining is not None and self._maintaining.done():
            self._maintaining.result()
        await super().ping()

    async def close(self) -> None:
        """Let go of everything; pods go on (`Closable`)."""
        if self._maintaining is not None:
            self._maintaining.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._maintaining
        await super().close()
        await self._cri.close()

    async def capacity(self) -> Mapping[str, str]:
        """What the machine has (`HasCapacity`)."""
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        disk = os.statvfs("/")
        return {
            "cpu": str(os.cpu_count() or 1),
            "memory": f"{memory // 1024}Ki",
            "ephemeral-storage": f"{disk.f_blocks * disk.f_frsize // 1024}Ki",
            "pods": "110",
        }


def engine_context(context: ProviderContext[CriSettings]) -> EngineContext:
    """What the engine takes of a provider's context."""
    return EngineContext(
        owner=context.owner,
        internal_ip=context.internal_ip,
        materials=context.materials,
        events=context.events,
        log=context.log,
    )


def engine_settings(settings: CriSettings) -> EngineSettings:
    """What the engine takes of the settings."""
    pods = PodSettings(
        log_root=Path(settings.log_root),
        cgroup_parent=settings.cgroup_parent,
        cgroup_driver=settings.cgroup_driver,
    )
    return EngineSettings(
        pods=pods,
        volume_root=Path(settings.volume_root),
        parallel_pulls=settings.pulls.parallel,
        pull_timeout_seconds=settings.pulls.time_out.total_seconds(),
    )
