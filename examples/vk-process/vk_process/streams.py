"""The standard streams of a process: three pipes, or a terminal of its own."""

from __future__ import annotations

import os
import termios
from collections.abc import Sequence
from typing import Any

from vk_core.errors import Unavailable
from vk_core.provider import TerminalSize
from vk_process.descriptors import Input, Output

_END_OF_INPUT = b"\x04"


class Streams:
    """Our ends of the standard streams, and what makes the other ends those of a new process.

    Attributes:
        stdin: where the process reads from; None if it has no input.
        stdout: what it writes.
        stderr: what it writes there; None with a terminal, where both come out of one.
        actions: for `os.posix_spawn`.
    """

    def __init__(self, stdin: Input | None, stdout: Output, stderr: Output | None) -> None:
        self.stdin = stdin
        self.stdout = stdout
        self.stderr = stderr
        self.actions: Sequence[tuple[Any, ...]] = ()
        self._theirs: list[int] = []

    @classmethod
    def open(cls, *, tty: bool, stdin: bool) -> Streams:
        """A terminal, or three pipes, or two and no input.

        Raises:
            Unavailable: the machine has none left.
        """
        try:
            return cls._terminal() if tty else cls._pipes(stdin=stdin)
        except OSError as error:
            raise Unavailable(f"no {'terminal' if tty else 'pipe'} can be made: {error.strerror}") from error

    @classmethod
    def _pipes(cls, *, stdin: bool) -> Streams:
        out, err, *rest = _make_pipes(2 + stdin)
        streams = cls(None, Output(out[0]), Output(err[0]))
        actions: list[tuple[Any, ...]] = [(os.POSIX_SPAWN_DUP2, out[1], 1), (os.POSIX_SPAWN_DUP2, err[1], 2)]
        streams._theirs = [out[1], err[1]]
        for theirs, ours in rest:
            streams.stdin = Input(ours)
            streams._theirs.append(theirs)
            actions.append((os.POSIX_SPAWN_DUP2, theirs, 0))
        if not rest:
            actions.append((os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0))
        streams.actions = actions
        return streams

    @classmethod
    def _terminal(cls) -> Streams:
        ours, theirs = os.openpty()
        streams = cls(None, Output(ours), None)
        streams._theirs = [theirs]
        try:
            streams.stdin = Input(os.dup(ours), _END_OF_INPUT)
        except OSError:
            streams.close()
            raise
        # A process that leads a session gets control of a terminal by opening it.
        streams.actions = [
            (os.POSIX_SPAWN_OPEN, 0, os.ttyname(theirs), os.O_RDWR, 0),
            (os.POSIX_SPAWN_DUP2, 0, 1),
            (os.POSIX_SPAWN_DUP2, 0, 2),
        ]
        return streams

    @property
    def outputs(self) -> list[Output]:
        """All that the process writes to."""
        return [self.stdout, self.stderr] if self.stderr else [self.stdout]

    def resize(self, size: TerminalSize) -> None:
        """Give the terminal another size; the process in its foreground gets SIGWINCH."""
        if self.stderr is None and self.stdout.fd >= 0:
            termios.tcsetwinsize(self.stdout.fd, (size.height, size.width))

    def let_go(self) -> None:
        """Close the other ends, which the process has now."""
        for fd in self._theirs:
            os.close(fd)
        self._theirs = []

    def end(self) -> None:
        """The process has ended: what it has written until now is all."""
        for output in self.outputs:
            output.end()

    def close(self) -> None:
        """Close everything."""
        self.let_go()
        for end in (self.stdin, *self.outputs):
            if end is not None:
                end.close()


def _make_pipes(count: int) -> list[tuple[int, int]]:
    made: list[tuple[int, int]] = []
    try:
        for _ in range(count):
            made.append(os.pipe())
    except OSError:
        for fd in (fd for ends in made for fd in ends):
            os.close(fd)
        raise
    return made
