"""Starts processes, each at the head of a session and a process group of its own, and learns of their end.

It knows nothing of pods. What a process leaves behind in its group ends with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from vk_core.errors import InvalidInput, Unavailable
from vk_process.streams import Streams

_GUARD = str(Path(__file__).with_name("guard.py"))
_SIGNALS = (signal.SIGPIPE, signal.SIGXFSZ)
"""What Python ignores and a new program must not."""


class Process:
    """A process that was started.

    Attributes:
        pid: the number of the process, its group and its session.
        exit_code: 0 to 255, 128 + n after signal n; None while it runs.
        cpu_seconds: what it and its children have used; known when it has ended.
    """

    def __init__(self, pid: int, on_end: Callable[[Process], None]) -> None:
        self.pid = pid
        self.exit_code: int | None = None
        self.cpu_seconds = 0.0
        self._on_end = on_end
        self._ended = asyncio.Event()
        self._end_fd = _end_descriptor(pid)
        asyncio.get_running_loop().add_reader(self._end_fd, self._reap)

    async def wait(self) -> int:
        """The exit code, once there is one."""
        await self._ended.wait()
        return self.exit_code or 0

    def signal(self, number: int) -> None:
        """Send a signal to the whole group; nothing happens when the process has ended."""
        if self.exit_code is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, number)

    def _reap(self) -> None:
        self.signal(signal.SIGKILL)  # until it is waited for, nobody else can get its number
        _, status, usage = os.wait4(self.pid, 0)
        asyncio.get_running_loop().remove_reader(self._end_fd)
        os.close(self._end_fd)
        code = os.waitstatus_to_exitcode(status)
        self.exit_code = code if code >= 0 else 128 - code
        self.cpu_seconds = usage.ru_utime + usage.ru_stime
        self._ended.set()
        self._on_end(self)


class Processes:
    """All processes of a provider; they end with it, even when it is killed.

    Args:
        folder: removed at the end.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: set[Process] = set()
        self._guard: Process | None = None
        self._guard_pipe = -1

    def start(self) -> None:
        """Start the guard that ends them all when this process is gone."""
        theirs, self._guard_pipe = os.pipe()
        os.set_blocking(self._guard_pipe, False)
        command = [sys.executable, "-I", "-S", _GUARD, str(self._folder)]
        actions = [(os.POSIX_SPAWN_DUP2, theirs, 0)]
        pid = os.posix_spawn(command[0], command, os.environ, file_actions=actions, setsid=True)
        self._guard = Process(pid, lambda _guard: None)
        os.close(theirs)

    async def close(self) -> None:
        """End every process and wait until they have ended."""
        if self._guard is not None:
            for process in self._running:
                process.signal(signal.SIGKILL)
            await asyncio.gather(*(process.wait() for process in [*self._running]))
            os.close(self._guard_pipe)
            await self._guard.wait()
            self._guard = None

    def check(self) -> None:
        """Look whether processes can be started.

        Raises:
            Unavailable: nobody would end them when this process is killed.
        """
        if self._guard is None or self._guard.exit_code is not None:
            raise Unavailable("the guard process has ended; nothing is started without it")

    def spawn(
        self, command: Sequence[str], streams: Streams, *, environment: Mapping[str, str], directory: str
    ) -> Process:
        """Start a command.

        Raises:
            InvalidInput: it cannot be started; the message says why.
            Unavailable: nothing can be started now.
        """
        self.check()
        program = find_program(command[0], environment.get("PATH", ""), directory)
        if directory:
            command = (*beginning_in(directory, program), *command[1:])
            program = command[0]
        try:
            pid = os.posix_spawn(
                program,
                list(command),
                dict(environment),
                file_actions=streams.actions,
                setsid=True,
                setsigmask=(),
                setsigdef=_SIGNALS,
            )
        except (OSError, ValueError) as error:
            raise InvalidInput(f"cannot start {command[0]}: {error}") from error
        finally:
            streams.let_go()
        self._tell_guard(b"+%d\n" % pid)
        try:
            process = Process(pid, self._forget)
        except OSError as error:
            os.killpg(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            self._tell_guard(b"-%d\n" % pid)
            raise Unavailable(f"cannot look after {command[0]}: {error.strerror}") from error
        self._running.add(process)
        return process

    def _forget(self, process: Process) -> None:
        self._running.discard(process)
        self._tell_guard(b"-%d\n" % process.pid)

    def _tell_guard(self, line: bytes) -> None:
        with contextlib.suppress(BrokenPipeError):  # the next start says so
            os.write(self._guard_pipe, line)


def beginning_in(directory: str, program: str) -> tuple[str, ...]:
    """The beginning of a command line that starts a program in a directory: a new process cannot be given one.

    `env` leaves all variables alone. A shell, where `env` cannot change the directory, takes those away whose names are
    none to it (`app.conf`), and has two of its own.
    """
    if "=" not in program and (env := env_that_changes_directory()):
        return (env, f"--chdir={directory}", program)
    return ("/bin/sh", "-c", 'cd -- "$0" && exec "$@"', directory, program)


@functools.cache
def env_that_changes_directory() -> str | None:
    """Where there is one, as in GNU's coreutils from 8.28 on; that of BusyBox is none. Only the first call blocks."""
    found = shutil.which("env")
    if found is None:
        return None
    known = subprocess.run(
        [found, "--chdir=/", "true"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False
    )
    return found if known.returncode == 0 else None


def find_program(name: str, path: str, directory: str) -> str:
    """The file that a command names, as a shell would find it in `directory` with this PATH.

    Raises:
        InvalidInput: there is none.
    """
    if directory and not Path(directory).is_dir():
        raise InvalidInput(f"workingDir: there is no directory {directory}")
    found = shutil.which(str(Path(directory) / name) if "/" in name else name, path=path)
    if found is None:
        raise InvalidInput(f"cannot start {name}: executable file not found")
    return found


if sys.platform == "linux":

    def _end_descriptor(pid: int) -> int:
        """A descriptor that can be read from when the process has ended."""
        return os.pidfd_open(pid)

else:

    def _end_descriptor(pid: int) -> int:
        """A descriptor that can be read from when the process has ended."""
        queue = select.kqueue()
        event = select.kevent(pid, select.KQ_FILTER_PROC, select.KQ_EV_ADD, select.KQ_NOTE_EXIT)
        queue.control([event], 0)
        return os.dup(queue.fileno())
