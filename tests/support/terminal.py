"""A command at a terminal: typed at, read from, resized, as a person at a keyboard would."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Mapping, Sequence
from typing import Self

READ_BYTES = 65536


class Terminal:
    """Runs a command with a pseudo-terminal as its three standard files."""

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], *, columns: int = 80, rows: int = 24
    ) -> None:
        self.seen = b""
        self._screen, keyboard = pty.openpty()
        self._set_size(columns, rows)
        self._process = subprocess.Popen(
            command, stdin=keyboard, stdout=keyboard, stderr=keyboard, env=dict(environment), start_new_session=True
        )
        os.close(keyboard)

    def __enter__(self) -> Self:
        """Use it."""
        return self

    def __exit__(self, *_: object) -> None:
        """Kill the command if it still runs."""
        self._process.kill()
        self._process.wait()
        os.close(self._screen)

    def type(self, text: str) -> None:
        """Type something; `\\n` is the enter key."""
        os.write(self._screen, text.encode())

    def resize(self, columns: int, rows: int) -> None:
        """Pull at the corner of the window."""
        self._set_size(columns, rows)
        self._process.send_signal(signal.SIGWINCH)

    def wait_for(self, text: str, seconds: float = 20.0) -> str:
        """Wait until something is on the screen; returns all up to its end, which later calls no longer see."""
        until = time.monotonic() + seconds
        while text.encode() not in self.seen:
            left = until - time.monotonic()
            if left <= 0 or not self._read(left):
                raise AssertionError(f"not on the screen: {text!r}; what is: {self.seen.decode(errors='replace')!r}")
        before, _, self.seen = self.seen.partition(text.encode())
        return before.decode(errors="replace") + text

    def wait(self, seconds: float = 20.0) -> int:
        """Wait until the command ends; returns its exit status."""
        until = time.monotonic() + seconds
        while self._process.poll() is None and time.monotonic() < until:
            if not self._read(0.1):
                break
        return self._process.wait(max(until - time.monotonic(), 0.1))

    def _read(self, seconds: float) -> bool:
        """Take what is on the screen; False when the other side is closed."""
        if not select.select([self._screen], [], [], seconds)[0]:
            return True
        try:
            data = os.read(self._screen, READ_BYTES)
        except OSError:  # EIO: nobody has the other side open any more
            return False
        self.seen += data
        return bool(data)

    def _set_size(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self._screen, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
