"""Beginnings and ends: signals, the provider's own, the lease's, and how the garbage collector behaves in between."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import signal
from collections.abc import AsyncIterator, Callable

from vk_core.errors import NodeTaken, ProviderError, VirtualKubeletError
from vk_core.node.lease import NodeLease
from vk_core.provider.capabilities import Closable, Startable
from vk_core.provider.protocol import Provider

RELEASE_SECONDS = 1.5
"""For letting go of the provider and of the node's lease."""

COLLECT_AFTER = (50_000, 50, 100)
"""Thresholds of the garbage collector's generations; Python's own are 700, 10, 10."""

MOST_FILES = 1 << 20

log = logging.getLogger("virtual_kubelet")


def spare_garbage_collector() -> None:
    """Keep the collector from going through all that stays for ever, again and again.

    Modules live as long as the process, and pods are trees that reference counting frees (`vk_core.api.struct`); what
    is left to collect are the rare cycles of requests that failed.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)


def allow_many_files() -> None:
    """Raise the limit of open files to what is allowed, as Go programs do; every stream takes some."""
    try:
        import resource
    except ImportError:  # not on Windows, which has no such limit
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


class Ready:
    """Says once that the node is ready, and ends the start-up time-out."""

    def __init__(self, on_ready: Callable[[], None] | None) -> None:
        self.waiting_for = "the API server did not answer"
        self.deadline: asyncio.Timeout | None = None
        self._on_ready = on_ready

    def __call__(self) -> None:
        """The node is ready."""
        if self.deadline is not None:
            self.deadline.reschedule(None)
        if self._on_ready is not None:
            self._on_ready()


@contextlib.asynccontextmanager
async def started(provider: Provider) -> AsyncIterator[None]:
    """The provider started, and closed again at the end."""
    if isinstance(provider, Startable):
        try:
            await provider.start()
        except ProviderError as error:
            raise VirtualKubeletError(f"the provider cannot start: {error}") from error
    try:
        yield
    finally:
        if isinstance(provider, Closable):
            await provider.close()


@contextlib.asynccontextmanager
async def released(lease: NodeLease) -> AsyncIterator[None]:
    """The lease released at the end, however that comes, so that the next process need not wait for it to run out."""
    try:
        yield
    except NodeTaken:  # it is no longer ours
        raise
    except BaseException:
        await _release(lease)
        raise
    await _release(lease)


async def _release(lease: NodeLease) -> None:
    try:
        async with asyncio.timeout(RELEASE_SECONDS):
            await lease.release()
    except (VirtualKubeletError, TimeoutError) as error:
        log.warning("cannot release the node's lease, it has to run out: %s", str(error) or "out of time")


@contextlib.asynccontextmanager
async def stop_on_signals() -> AsyncIterator[asyncio.Event]:
    """An event that SIGTERM and SIGINT set; a second signal ends the process at once."""
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()

    def stop(number: int) -> None:
        if stopped.is_set():
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        log.info("stopping; once more stops at once")
        stopped.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop, number)
    try:
        yield stopped
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
