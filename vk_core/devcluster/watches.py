"""Watch streams: from a resource version on, in the client's view, with bookmarks and an honest end.

A change is encoded once for all watchers of the same view. A stream ends at its time-out, when the server wants it to,
and with an `ERROR` event when what it asks for is forgotten.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import AsyncGenerator, Callable

import msgspec

from vk_core.devcluster.listing import Lister, selects
from vk_core.devcluster.requests import ListOptions, Target
from vk_core.devcluster.statuses import StatusError, expired
from vk_core.devcluster.store import Change, Store, Stored
from vk_core.devcluster.views import View

_BOOKMARK_SECONDS = 60.0
_DEFAULT_SECONDS = (1800, 3600)
"""How long a watch lasts that does not say it, at random between the two, as `--min-request-timeout` has it."""


class Watch:
    """One watch stream."""

    def __init__(self, store: Store, lister: Lister, target: Target, options: ListOptions, view: View) -> None:
        self._store = store
        self._lister = lister
        self._target = target
        self._options = options
        self._view = view
        self._pending: deque[Change] = deque()
        self._wake = asyncio.Event()
        self._is_closed = False
        self._has_columns = view.style != "Table"

    def close(self) -> None:
        """Ends the stream."""
        self._is_closed = True
        self._wake.set()

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """Yields lines, as many at a time as there are."""
        stop = self._listen()
        try:
            first = self._beginning()
            if first:
                yield first
            loop = asyncio.get_running_loop()
            seconds = self._options.timeout_seconds or random.uniform(*_DEFAULT_SECONDS)
            end = loop.time() + seconds
            while not self._is_closed and loop.time() < end:
                idle = not await self._wait(min(_BOOKMARK_SECONDS, end - loop.time()))
                lines = self._drain()
                if idle and self._options.bookmarks and not lines:
                    # All that has happened so far has been told or was not asked for.
                    lines = self._view.bookmark(self._store.revision)
                if lines:
                    yield lines
        finally:
            stop()

    def _listen(self) -> Callable[[], None]:
        key = self._options.only(self._target)
        if key is None:
            return self._store.listen(self._changed, self._target.resource)
        return self._store.listen_to(self._changed, self._target.resource, key)

    async def _wait(self, seconds: float) -> bool:
        if not self._pending and not self._is_closed:
            self._wake.clear()
            try:
                async with asyncio.timeout(seconds):
                    await self._wake.wait()
            except TimeoutError:
                return False
        return True

    def _changed(self, change: Change) -> None:
        self._pending.append(change)
        self._wake.set()

    def _drain(self) -> bytes:
        lines = []
        while self._pending:
            change = self._pending.popleft()
            line = self._line(change)
            if line:
                lines.append(line)
        return b"".join(lines)

    def _beginning(self) -> bytes:
        version = self._options.resource_version
        if self._options.send_initial_events or (version in {"", "0"} and self._options.send_initial_events is None):
            lines = [self._added(stored) for stored in self._lister.matching(self._target, self._options)]
            if self._options.send_initial_events and self._options.bookmarks:
                lines.append(self._view.bookmark(self._store.revision, ends_initial_events=True))
            return b"".join(lines)
        if version in {"", "0"}:
            return b""
        changes = self._store.changes_since(self._target.resource, int(version))
        if changes is None:
            self._is_closed = True
            return self._error(expired(f"too old resource version: {version} ({self._store.revision})"))
        return b"".join(self._line(change) for change in changes)

    def _error(self, error: StatusError) -> bytes:
        return b'{"type":"ERROR","object":' + msgspec.json.encode(error.status) + b"}\n"

    def _added(self, stored: Stored) -> bytes:
        columns = not self._has_columns
        self._has_columns = True
        return self._view.event("ADDED", stored, columns=columns)

    def _line(self, change: Change) -> bytes:
        kind = self._kind(change)
        if kind is None:
            return b""
        shown = change.new
        if kind == "DELETED" and change.type != "DELETED" and change.old is not None:
            # What leaves the selection is shown as it was, at the version of the change that took it away.
            metadata = {**change.old.metadata, "resourceVersion": str(change.revision)}
            shown = Stored({**change.old.object, "metadata": metadata}, change.revision)
        if not self._has_columns:
            self._has_columns = True
            return self._view.event(kind, shown, columns=True)
        style, group = self._view.key
        line = change.lines.get((kind + style, group))
        if line is None:
            line = change.lines[kind + style, group] = self._view.event(kind, shown)
        return line

    def _kind(self, change: Change) -> str | None:
        """What a change is to somebody who sees only what is selected."""
        if not self._options.selects and not self._target.namespace:
            return change.type
        is_now = selects(self._target, self._options, change.new)
        was = change.old is not None and selects(self._target, self._options, change.old)
        if change.type == "DELETED":
            return "DELETED" if was else None
        if is_now:
            return "MODIFIED" if was else "ADDED"
        return "DELETED" if was else None
