"""Opens a log at the provider and applies to it what the provider has not applied.

The order is that of kubelet: lines by time, then the last of them, then the form of their times, then the bytes.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import replace

from vk_core.kubelet.logs.filters import Chunks, Cut, limited, since, with_even_times, without_times
from vk_core.kubelet.logs.gathering import gathered
from vk_core.kubelet.logs.tail import last_lines, last_lines_and_more
from vk_core.kubelet.refusal import Refusal
from vk_core.provider.streams import LogFilter, LogOptions, LogStream

NOT_IMPLEMENTED = 501

OpenLog = Callable[[LogOptions], Awaitable[LogStream]]

NAMES: dict[LogFilter, str] = {"since": "sinceTime and sinceSeconds", "timestamps": "timestamps", "stream": "stream"}
"""Those of the query, for what core cannot do by itself."""


def asked(options: LogOptions) -> frozenset[LogFilter]:
    """What there is to be done to the whole log."""
    wishes: dict[LogFilter, bool] = {
        "since": options.since is not None,
        "tail": options.tail_lines is not None,
        "limit": options.limit_bytes is not None,
        "timestamps": options.timestamps,
        "stream": options.stream != "All",
    }
    return frozenset(name for name, wished in wishes.items() if wished)


def left_to_do(stream: LogStream, options: LogOptions) -> frozenset[LogFilter]:
    """What the provider has not done; `timestamps` is also to take away those that nobody asked for.

    Raises:
        Refusal: 501, something cannot be done by core either.
    """
    missing = asked(options) - stream.applied
    impossible: set[LogFilter] = {"stream"} if stream.timestamped else {"stream", "since", "timestamps"}
    for name in sorted(missing & impossible):
        raise Refusal(NOT_IMPLEMENTED, f"{NAMES[name]}: the provider's logs cannot be filtered by this")
    if stream.timestamped and not options.timestamps:
        return missing | {"timestamps"}
    return missing


async def read_log(open_log: OpenLog, options: LogOptions) -> Cut:
    """The log as it was asked for.

    Everything that was opened is closed when the generator is, or when the task that reads it is cancelled.

    Args:
        open_log: opens it at the provider.
        options: what is asked for.

    Raises:
        Refusal: 501, something cannot be done.
        ProviderError: from the provider.
    """
    async with contextlib.AsyncExitStack() as opened:
        log = _Log(open_log, options, opened)
        async for chunk in await log.cut():
            if chunk:
                yield chunk


class _Log:
    """One log while it is read; `opened` closes what was opened, the outermost first."""

    def __init__(self, open_log: OpenLog, options: LogOptions, opened: contextlib.AsyncExitStack) -> None:
        self._open_log = open_log
        self._options = options
        self._opened = opened

    async def cut(self) -> Chunks:
        stream = await self._open(self._options)
        todo = left_to_do(stream, self._options)
        if todo and "limit" in self._options_applied(stream):
            # It must come last, so all of it is needed.
            stream = await self._open(replace(self._options, limit_bytes=None))
            todo = left_to_do(stream, self._options) | {"limit"}
        return self._limited(self._timed(await self._tailed(stream, todo), todo), todo)

    def _options_applied(self, stream: LogStream) -> frozenset[LogFilter]:
        return asked(self._options) & stream.applied

    async def _tailed(self, stream: LogStream, todo: frozenset[LogFilter]) -> Chunks:
        options = self._options
        chunks = self._since(stream.chunks, todo)
        if "tail" not in todo or options.tail_lines is None:
            return chunks
        whole = replace(options, follow=False, limit_bytes=None)

        async def reopen() -> Chunks:
            again = await self._open(whole)
            return self._since(again.chunks, left_to_do(again, whole))

        tail = last_lines_and_more if options.follow else last_lines
        return self._closing(tail(chunks, options.tail_lines, reopen))

    def _since(self, chunks: Chunks, todo: frozenset[LogFilter]) -> Chunks:
        moment = self._options.since
        return self._closing(since(chunks, moment)) if "since" in todo and moment is not None else chunks

    def _timed(self, chunks: Chunks, todo: frozenset[LogFilter]) -> Chunks:
        if "timestamps" not in todo:
            return chunks
        return self._closing(with_even_times(chunks) if self._options.timestamps else without_times(chunks))

    def _limited(self, chunks: Chunks, todo: frozenset[LogFilter]) -> Chunks:
        limit = self._options.limit_bytes
        return self._closing(limited(chunks, limit)) if "limit" in todo and limit is not None else chunks

    async def _open(self, options: LogOptions) -> LogStream:
        stream = await self._open_log(options)
        # What comes line by line is filtered many lines at once.
        gathering = await self._opened.enter_async_context(gathered(stream.chunks))
        return replace(stream, chunks=self._closing(gathering.pieces()))

    def _closing(self, cut: Cut) -> Cut:
        self._opened.push_async_callback(cut.aclose)
        return cut
