"""Shows pods as they change: a live table on a terminal, a line per change in a pipe."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from vk_core.aio.tasks import run_together
from vk_core.api.pod import Pod
from vk_core.devcluster.podtable import pod_cells
from vk_core.devcluster.tables import age
from vk_core.kube.client import KubeClient
from vk_core.kube.informer import Informer
from vk_core.kube.resources import PODS

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

REFRESH_SECONDS = 0.25
AGE_SECONDS = 1.0
"""How often the table is drawn anew when nothing but ages changes."""

COLUMNS = ("NAMESPACE", "NAME", "READY", "STATUS", "RESTARTS", "AGE", "NODE")
_LINES_BESIDE_PODS = 6


def cells(pod: Pod) -> tuple[str, ...]:
    """A pod as `kubectl get pods` shows it, in the order of `COLUMNS`."""
    plain = msgspec.to_builtins(pod)
    ready, status, restarts, _ = pod_cells(plain, age)
    since = age(plain["metadata"].get("creationTimestamp"))
    return pod.metadata.namespace, pod.metadata.name, ready, status, restarts, since, pod.spec.node_name or "-"


class PodLines:
    """Prints a line whenever what `kubectl get pods` would say about a pod has changed."""

    def __init__(self, show: Callable[[str], None]) -> None:
        self._show = show
        self._shown: dict[str, str] = {}

    def changed(self, old: Pod | None, new: Pod | None) -> None:
        """Takes a change of a pod."""
        pod = new or old
        if pod is None:
            return
        name = f"{pod.metadata.namespace}/{pod.metadata.name}"
        status = "gone" if new is None else cells(new)[3]
        if self._shown.get(pod.metadata.uid) == status:
            return
        self._shown[pod.metadata.uid] = status
        if new is None:
            del self._shown[pod.metadata.uid]
        self._show(f"{name} {status}")

    async def run(self) -> None:
        """Nothing is to be done beside taking changes."""
        await asyncio.Event().wait()


class PodTable:
    """Draws a table of the pods that changed last, as many as fit."""

    def __init__(self, console: Console, redirect_logs: Callable[[], None]) -> None:
        self._console = console
        self._redirect_logs = redirect_logs
        self._pods: dict[str, Pod] = {}
        self._dirty = asyncio.Event()

    def changed(self, old: Pod | None, new: Pod | None) -> None:
        """Takes a change of a pod."""
        pod = new or old
        if pod is not None:
            self._pods.pop(pod.metadata.uid, None)
        if new is not None:
            self._pods[new.metadata.uid] = new
        self._dirty.set()

    def table(self) -> Table:
        """The table as of now."""
        from rich.table import Table
        from rich.text import Text

        fitting = max(1, self._console.height - _LINES_BESIDE_PODS)
        latest = list(self._pods.values())[-fitting:]
        hidden = len(self._pods) - len(latest)
        table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 3, 0, 0))
        for column in COLUMNS:
            table.add_column(column, no_wrap=True)
        for row in sorted(cells(pod) for pod in latest):
            table.add_row(*(Text(cell) for cell in row))
        if hidden:
            table.caption = f"and {hidden} more, which changed longer ago"
        elif not latest:
            table.caption = "no pods yet"
        return table

    async def run(self) -> None:
        """Draws until cancelled."""
        from rich.live import Live

        try:
            with Live(self.table(), console=self._console, auto_refresh=False, transient=True) as live:
                # While it is there, `Live` has a standard error of its own in place, which prints above the table.
                self._redirect_logs()
                while True:
                    self._dirty.clear()
                    live.update(self.table(), refresh=True)
                    await self._wait()
        finally:
            self._redirect_logs()

    async def _wait(self) -> None:
        """Waits for a change, no less than a moment and no longer than ages take to change."""
        await asyncio.sleep(REFRESH_SECONDS)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(AGE_SECONDS):
                await self._dirty.wait()


async def follow_pods(client: KubeClient, view: PodLines | PodTable) -> None:
    """Shows all pods of a cluster until cancelled."""
    await run_together(follow=Informer[Pod, Pod](client, PODS, view.changed).run(), show=view.run())
