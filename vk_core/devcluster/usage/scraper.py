"""Asks kubelets what they have measured, but only while somebody wants to know."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeAlias

import aiohttp

from vk_core.devcluster.statuses import StatusError
from vk_core.devcluster.usage.samples import Scrape, parse_scrape

Span: TypeAlias = tuple[Scrape, Scrape]
"""An older and a newer answer of the same kubelet."""

INTERVAL_SECONDS = 15.0
INTEREST_SECONDS = 180.0
"""After this long without a question nothing is asked of the kubelets any more."""

FRESH_SECONDS = 2.0
"""Older answers do not do for somebody who asks now: a pod that has just started would be missing."""

QUICK_SECONDS = 1.0
_QUICK_TRIES = 3

_LOG = logging.getLogger(__name__)


class Scraper:
    """Keeps two answers of every kubelet.

    Args:
        nodes: names of the nodes there are.
        fetch: returns the text that a node's kubelet has at `/metrics/resource`.
    """

    def __init__(self, nodes: Callable[[], Sequence[str]], fetch: Callable[[str], Awaitable[str]]) -> None:
        self._nodes = nodes
        self._fetch = fetch
        self._answers: dict[str, tuple[Scrape | None, Scrape]] = {}
        self._failing: set[str] = set()
        self._lock = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self._asked = 0.0
        self._scraped = 0.0

    async def spans(self) -> Mapping[str, Span]:
        """Returns the answers by node; the first time, and after a pause, that takes a second or two."""
        loop = asyncio.get_running_loop()
        self._asked = loop.time()
        async with self._lock:
            if self._task is None or self._task.done():
                self._answers.clear()
                self._task = loop.create_task(self._keep_asking(), name="devcluster-metrics")
                await self._scrape()
            elif loop.time() - self._scraped >= FRESH_SECONDS:
                await self._scrape()
            for _ in range(_QUICK_TRIES):
                if not self._incomplete():
                    break
                await asyncio.sleep(QUICK_SECONDS)
                await self._scrape()
        return {node: (old, new) for node, (old, new) in self._answers.items() if old is not None}

    async def close(self) -> None:
        """Asks no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _keep_asking(self) -> None:
        loop = asyncio.get_running_loop()
        while loop.time() - self._asked < INTEREST_SECONDS:
            await asyncio.sleep(INTERVAL_SECONDS)
            async with self._lock:
                await self._scrape()

    def _incomplete(self) -> bool:
        """Whether there is a node, of those that answer, of which two answers are not known yet."""
        answering = (node for node in self._nodes() if node not in self._failing)
        return any(self._answers.get(node, (None,))[0] is None for node in answering)

    async def _scrape(self) -> None:
        self._scraped = asyncio.get_running_loop().time()
        nodes = self._nodes()
        for gone in set(self._answers) - set(nodes):
            del self._answers[gone]
        await asyncio.gather(*(self._ask(node) for node in nodes))

    async def _ask(self, node: str) -> None:
        try:
            text = await self._fetch(node)
            # A node may have thousands of pods.
            answer = await asyncio.to_thread(parse_scrape, text, time.time())
        except (aiohttp.ClientError, OSError, StatusError, ValueError) as error:
            if node not in self._failing:
                _LOG.warning("node %s does not tell what it uses: %s", node, str(error) or type(error).__name__)
            self._failing.add(node)
            self._answers.pop(node, None)
            return
        self._failing.discard(node)
        _, before = self._answers.get(node, (None, None))
        if before is None or answer.node.time > before.node.time:
            self._answers[node] = (before, answer)
