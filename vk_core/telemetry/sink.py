"""Writes log lines in a thread of its own, so that a reader of our standard error who stops reading stops nothing else.

Records are made into text where they come from; only the writing is left to the thread. When it falls far behind,
lines are dropped and it is said how many.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
import time
from typing import TextIO

MOST_WAITING = 10_000
FLUSH_SECONDS = 1.0
"""How long the end of the process waits for lines that are not written yet."""


class ThreadedHandler(logging.Handler):
    """A handler that never waits for its stream, except in `flush`."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._stream = stream
        self._lines: queue.Queue[str] = queue.Queue(MOST_WAITING)
        self._dropped = 0
        threading.Thread(target=self._write, name="log-writer", daemon=True).start()

    def emit(self, record: logging.LogRecord) -> None:
        """Hands a record's text to the thread."""
        try:
            self._lines.put_nowait(self.format(record))
        except queue.Full:
            self._dropped += 1
        except Exception:  # as every handler does: a record that cannot be formatted must not stop the program
            self.handleError(record)

    def flush(self) -> None:
        """Waits until everything is written, but not for ever."""
        deadline = time.monotonic() + FLUSH_SECONDS
        with self._lines.all_tasks_done:
            while self._lines.unfinished_tasks and (left := deadline - time.monotonic()) > 0:
                self._lines.all_tasks_done.wait(left)

    def _write(self) -> None:
        while True:
            line = self._lines.get()
            # There is nowhere to complain about a standard error that is closed.
            with contextlib.suppress(OSError, ValueError):
                self._stream.write(f"{line}\n")
                if self._lines.empty():
                    self._stream.write(self._note_dropped())
                    self._stream.flush()
            self._lines.task_done()

    def _note_dropped(self) -> str:
        dropped, self._dropped = self._dropped, 0
        return f"({dropped} lines are missing here: standard error was not read)\n" if dropped else ""
