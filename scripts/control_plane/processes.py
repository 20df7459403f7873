"""Child processes that never outlive the process that started them, with their output in a file each.

Not a supervisor: nothing is restarted unless somebody asks for it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import signal
    from collections.abc import Mapping, Sequence
    from pathlib import Path

STOP_SECONDS = 20.0

# Linux sends the parent-death signal when the *thread* that started the child ends, so one thread starts them all:
# this one lives until the interpreter exits, whichever thread or event loop asked.
_starter = ThreadPoolExecutor(max_workers=1, thread_name_prefix="process-starter")

# What a child does before it becomes its command. Not a `preexec_fn`: that is unsafe in a process with threads.
_BIND_TO_PARENT = """
import ctypes, os, signal, sys
PR_SET_PDEATHSIG = 1
ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
if os.getppid() == int(sys.argv[1]):
    os.execvp(sys.argv[2], sys.argv[2:])
"""


class Process:
    """One child process: its command is fixed, it can be started, stopped and killed any number of times.

    Attributes:
        started_at: the wall-clock time of the last start, in seconds since the epoch.
    """

    def __init__(
        self, name: str, command: Sequence[str], log_file: Path, environment: Mapping[str, str] | None = None
    ) -> None:
        self.name = name
        self.command = list(command)
        self.log_file = log_file
        self.environment = environment
        self.started_at = 0.0
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        """Whether the process has been started and has not ended."""
        return self._child is not None and self._child.poll() is None

    @property
    def pid(self) -> int:
        """The process id of the last start.

        Raises:
            RuntimeError: it was never started.
        """
        return self._started().pid

    @property
    def exit_status(self) -> int | None:
        """The exit status of the last start (negative: the signal that ended it), or None while it runs."""
        return self._child.poll() if self._child else None

    def start(self) -> None:
        """Start it, appending to its log; does nothing while it runs."""
        if self.running:
            return
        self.started_at = time.time()
        with self.log_file.open("ab") as log:
            self._child = _starter.submit(
                subprocess.Popen,
                _dying_with_this_process(self.command),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self.environment,
                start_new_session=True,
            ).result()

    def stop(self, *, seconds: float = STOP_SECONDS) -> int:
        """Ask it to end (SIGTERM), kill it if it has not after `seconds`; returns its exit status."""
        child = self._started()
        if child.poll() is None:
            child.terminate()
            try:
                return child.wait(seconds)
            except subprocess.TimeoutExpired:
                child.kill()
        return child.wait()

    def kill(self) -> None:
        """End it at once (SIGKILL)."""
        child = self._started()
        child.kill()
        child.wait()

    def send(self, number: signal.Signals) -> None:
        """Send a signal, if it still runs."""
        self._started().send_signal(number)

    def wait(self, seconds: float) -> int:
        """Wait until it ends by itself; returns the exit status.

        Raises:
            TimeoutError: it still runs after `seconds`.
        """
        try:
            return self._started().wait(seconds)
        except subprocess.TimeoutExpired:
            raise TimeoutError(f"{self.name} still runs after {seconds} s; its log is {self.log_file}") from None

    def log(self) -> str:
        """Everything it has printed so far, over all starts."""
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def last_words(self, lines: int = 12) -> str:
        """The end of its log, for error messages."""
        return "\n".join(self.log().splitlines()[-lines:])

    def _started(self) -> subprocess.Popen[bytes]:
        if self._child is None:
            raise RuntimeError(f"{self.name} was never started")
        return self._child


def _dying_with_this_process(command: list[str]) -> list[str]:
    if sys.platform != "linux":
        return command
    return [sys.executable, "-I", "-S", "-c", _BIND_TO_PARENT, str(os.getpid()), *command]
