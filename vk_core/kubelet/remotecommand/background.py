"""Tasks that last as long as a session, and whose bugs do not go unseen."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Coroutine
from typing import Any

log = logging.getLogger("virtual_kubelet.kubelet")


@contextlib.asynccontextmanager
async def in_background(**coroutines: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run named coroutines while the context lasts; at its end they are cancelled and awaited, their errors logged."""
    tasks = [asyncio.create_task(coroutine, name=name) for name, coroutine in coroutines.items()]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        for task in tasks:
            error = None if task.cancelled() else task.exception()
            if error is not None:
                log.error("%s failed", task.get_name(), exc_info=error)
