"""How the provider is, asked every ten seconds; one that hangs counts as not answering, never as well."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from vk_core.node.conditions import HEALTHY, Health, failing, silent
from vk_core.provider.capabilities import Pingable
from vk_core.provider.protocol import Provider

PING_SECONDS = 10.0
PING_TIMEOUT_SECONDS = 5.0

log = logging.getLogger("virtual_kubelet.node")


async def ping(provider: Provider, timeout_seconds: float = PING_TIMEOUT_SECONDS) -> Health:
    """Ask once."""
    if not isinstance(provider, Pingable):
        return HEALTHY
    try:
        async with asyncio.timeout(timeout_seconds):
            await provider.ping()
    except TimeoutError:
        return silent(timeout_seconds)
    except Exception as error:  # whatever it is, the provider is not well
        return failing(error)
    return HEALTHY


async def follow(provider: Provider, changed: Callable[[Health], None]) -> None:
    """Ask again and again and report every change, until cancelled."""
    loop = asyncio.get_running_loop()
    due = loop.time()
    last: Health | None = None
    while True:
        health = await ping(provider)
        if health != last:
            if last is not None or health.status != "True":
                log.warning("node %s: %s", "Ready" if health.status == "True" else "not Ready", health.message)
            changed(health)
        last = health
        due = max(due + PING_SECONDS, loop.time())
        await asyncio.sleep(due - loop.time())
