"""Reads a log from where a request wants it, file after file, in big pieces. Everything here blocks; threads run it."""

from __future__ import annotations

import threading
import time
from collections import deque
from pathlib import Path

from vk_core.provider import LogOptions
from vk_cri.logs import places
from vk_cri.logs.entries import Unpacker, stream_name
from vk_cri.logs.files import LogFile, open_all, open_present, stamp_of

PIECE = 256 * 1024

SWITCH_SECONDS = 0.25
"""How long a runtime may go on writing to a file when it has begun a new one."""


class LogReader:
    """A reader of one container's log; `close` when done with it.

    Attributes:
        is_final: set when the container has ended, so that nothing is written any more.

    Raises:
        OSError: the log cannot be read.
    """

    def __init__(self, path: Path, options: LogOptions) -> None:
        self._path = path
        self._options = options
        self._unpacker = Unpacker(options.stream, timestamps=options.timestamps)
        self._files: deque[tuple[LogFile, int]] = deque()
        self.is_final = False
        self._left_until = 0.0
        self._turn = threading.Lock()
        self._present, older = open_present(path)
        self._newest_aside = stamp_of(path, older[-1]) if older else ""
        try:
            self._seek(older)
        except BaseException:
            self.close()
            raise

    def read(self) -> bytes | None:
        """The next piece, which may be empty if nothing in it is wanted; None if there is no more now."""
        with self._turn:
            return self._read()

    def has_writer(self) -> bool:
        """Whether the runtime still has the present file open."""
        with self._turn:
            return self._present.has_writer()

    def rest(self) -> bytes:
        """What is behind the last end of line, when nothing more will come."""
        with self._turn:
            file, offset = self._files[0]
            return self._unpacker.unpack(file.read(offset, PIECE))

    def close(self) -> None:
        """Close all files; waits for a thread that reads at the moment."""
        with self._turn:
            for file, _ in self._files:
                file.close()
            self._present.close()

    def _read(self) -> bytes | None:
        file, offset = self._files[0]
        data = file.read(offset, PIECE)
        end = data.rfind(b"\n") + 1
        if end == 0 and len(data) == PIECE:
            end = PIECE  # an entry that is longer than a piece
        if end:
            self._files[0] = (file, offset + end)
            return self._unpacker.unpack(data[:end])
        if len(self._files) == 1 and not self._was_put_aside():
            return None
        if not self.is_final and time.monotonic() < self._left_until:
            return None
        return self._next_file(data)

    def _seek(self, older: list[Path]) -> None:
        """Find where to begin: the present file last, before it as many older ones as are wanted."""
        options = self._options
        counter = None
        if options.tail_lines is not None:
            counter = places.LineCounter(options.tail_lines, stream_name(options.stream))
        if self._begin(self._present, counter):
            return
        for file in open_all(reversed(older)):
            if self._begin(file, counter):
                return

    def _begin(self, file: LogFile, counter: places.LineCounter | None) -> bool:
        """Put a file in front of those that are read; gives whether nothing before it is wanted."""
        by_lines = None if counter is None else counter.start(file)
        by_time = 0 if self._options.since is None else places.since(file, self._options.since)
        self._files.appendleft((file, max(by_lines or 0, by_time)))
        return by_lines is not None or by_time > 0

    def _was_put_aside(self) -> bool:
        """Whether the runtime writes to another file now, and to this one no more."""
        try:
            inode = self._path.stat().st_ino
        except FileNotFoundError:
            return False
        if inode == self._present.inode:
            return False
        present, older = open_present(self._path)
        since = [path for path in older if stamp_of(self._path, path) > self._newest_aside]
        # The first of them is the file that was the present one until now; it may have been packed meanwhile.
        self._files.extend((file, 0) for file in open_all(since[1:]))
        self._files.append((present, 0))
        self._present = present
        self._left_until = time.monotonic() + SWITCH_SECONDS
        self._newest_aside = stamp_of(self._path, since[-1]) if since else self._newest_aside
        return True

    def _next_file(self, rest: bytes) -> bytes:
        file, offset = self._files[0]
        # It may have grown between the last look at it and its being put aside.
        if file.size > offset + len(rest):
            return b""
        self._files.popleft()[0].close()
        return self._unpacker.unpack(rest + b"\n") if rest else b""
