"""Reads a log from where a request wants it, file after file, in big pieces. Everything here blocks; threads run it."""

from __future__ import annotations

import threading
from collections import deque
from pathlib import Path

from vk_core.provider import LogOptions
from vk_cri.logs import places
from vk_cri.logs.entries import Unpacker, stream_name
from vk_cri.logs.files import LogFile, older_files, open_log

PIECE = 256 * 1024


class LogReader:
    """A reader of one container's log; `close` when done with it.

    Raises:
        OSError: the log cannot be read.
    """

    def __init__(self, path: Path, options: LogOptions) -> None:
        self._path = path
        self._options = options
        self._unpacker = Unpacker(options.stream, timestamps=options.timestamps)
        self._files: deque[tuple[LogFile, int]] = deque()
        self._turn = threading.Lock()
        self._present = open_log(path)
        try:
            self._seek()
        except BaseException:
            self.close()
            raise

    def read(self) -> bytes | None:
        """The next piece, which may be empty if nothing in it is wanted; None if there is no more now."""
        with self._turn:
            return self._read()

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
        if len(self._files) > 1 or self._was_put_aside():
            return self._next_file(data)
        return None

    def _seek(self) -> None:
        """Find where to begin: the present file last, before it as many older ones as are wanted."""
        options = self._options
        counter = None
        if options.tail_lines is not None:
            counter = places.LineCounter(options.tail_lines, stream_name(options.stream))
        if self._begin(self._present, counter):
            return
        for file in older_files(self._path, self._present):
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
        successor = open_log(self._path)
        self._files.append((successor, 0))
        self._present = successor
        return True

    def _next_file(self, rest: bytes) -> bytes:
        file, offset = self._files[0]
        # It may have grown between the last look at it and its being put aside.
        if file.size > offset + len(rest):
            return b""
        self._files.popleft()[0].close()
        return self._unpacker.unpack(rest + b"\n") if rest else b""
