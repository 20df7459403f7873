"""Looks at the logs of all running containers from time to time, and rotates those that have become too large."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from vk_core.api.quantity import parse_quantity
from vk_core.errors import ProviderError
from vk_cri import methods
from vk_cri.api import runtime_pb2 as pb
from vk_cri.failures import RpcError
from vk_cri.lists import Lists
from vk_cri.logs.rotation import rotate_if_large
from vk_cri.runtimeapi import RuntimeApi
from vk_cri.settings import Logs

log = logging.getLogger("virtual_kubelet.cri")


class LogKeeper:
    """Keeps the logs of one runtime."""

    def __init__(self, api: RuntimeApi, lists: Lists, settings: Logs) -> None:
        self._api = api
        self._lists = lists
        self._seconds = settings.interval.total_seconds()
        self._max_bytes = int(parse_quantity(settings.max_size))
        self._max_files = settings.max_files
        self._paths: dict[str, Path] = {}

    async def run(self) -> None:
        """Look again and again; a runtime that is away, or a log that cannot be rotated, is tried at the next turn."""
        while True:
            await asyncio.sleep(self._seconds)
            try:
                await self.look()
            except (RpcError, ProviderError) as error:
                log.debug("the sizes of logs were not looked at: %s", error)

    async def look(self) -> None:
        """Look once at every running container.

        Raises:
            RpcError: the runtime refuses to say what runs.
        """
        running = await self._lists.running()
        self._paths = {one: path for one, path in self._paths.items() if one in set(running)}
        for container_id in running:
            try:
                await self._look_at(container_id)
            except (RpcError, ProviderError, OSError) as error:
                log.warning("the log of container %s could not be rotated: %s", container_id, error)

    async def _look_at(self, container_id: str) -> None:
        if container_id not in self._paths:
            self._paths[container_id] = Path((await self._lists.status(container_id)).log_path)
        path = self._paths[container_id]
        if not path.is_absolute():
            return

        async def reopen() -> None:
            await self._api.runtime(methods.REOPEN_LOG, pb.ReopenContainerLogRequest(container_id=container_id))

        if await rotate_if_large(path, reopen, max_bytes=self._max_bytes, max_files=self._max_files):
            log.debug("the log %s was rotated", path)
