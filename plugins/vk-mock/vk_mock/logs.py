"""Logs that containers never wrote: which lines there would be by now follows from the settings and a start time."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import math
from collections.abc import AsyncGenerator, AsyncIterator
from typing import NamedTuple

from vk_core.api.podstatus import ContainerStateTerminated, ContainerStatus
from vk_core.errors import NotFound
from vk_core.provider import LogOptions
from vk_mock.pods import MockPod
from vk_mock.settings import Logs

_LINES_AT_ONCE = 1000


class Run(NamedTuple):
    """One run of a container."""

    container_id: str
    started_at: dt.datetime
    ended_at: dt.datetime | None


def lines_until(logs: Logs, started_at: dt.datetime, moment: dt.datetime) -> int:
    """How many lines a container that was started then has written by a moment."""
    if not logs.lines_per_second:
        return len(logs.lines)
    seconds = (moment - started_at).total_seconds()
    return math.floor(seconds * logs.lines_per_second) + 1 if logs.lines and seconds >= 0 else 0


class MockLog:
    """The log of one run of a container.

    Args:
        logs: the settings.
        mock: the pod.
        name: the container's name.
        previous: whether it is the run before the present one.

    Raises:
        NotFound: there was no such run.
    """

    def __init__(self, logs: Logs, mock: MockPod, name: str, *, previous: bool = False) -> None:
        status = mock.statuses[name]
        run = _run_before(status) if previous else _present_run(status)
        if run is None:
            which = "previous terminated container" if previous else "log of container"
            raise NotFound(f'{which} "{name}" in pod "{mock.pod.metadata.name}" not found')
        self._logs = logs
        self._mock = mock
        self._name = name
        self._run = run

    def written(self) -> int:
        """How many lines there are by now."""
        return lines_until(self._logs, self._run.started_at, self._ended_at() or dt.datetime.now(dt.UTC))

    async def read(self, options: LogOptions) -> AsyncIterator[bytes]:
        """Lines with their times, all of them or the last ones; all go to the standard output."""
        if options.stream == "Stderr":
            return
        first = 0 if options.tail_lines is None else max(0, self.written() - options.tail_lines)
        async for chunk in self.lines(first, stamped=True, follow=options.follow):
            yield chunk

    async def lines(self, first: int, *, stamped: bool, follow: bool) -> AsyncGenerator[bytes, None]:
        """The lines from this number on, those to come too if they are followed."""
        while True:
            change = self._mock.next_change()
            has_ended, stop = self._ended_at() is not None, self.written()
            for start in range(first, stop, _LINES_AT_ONCE):
                yield b"".join(
                    self._line(number, stamped=stamped) for number in range(start, min(start + _LINES_AT_ONCE, stop))
                )
                await asyncio.sleep(0)
            first = max(first, stop)
            if has_ended or not follow:
                return
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(change.wait(), self._seconds_until(first))

    def _line(self, number: int, *, stamped: bool) -> bytes:
        line = self._logs.lines[number % len(self._logs.lines)]
        values = {"{number}": str(number + 1), "{container}": self._name, "{pod}": self._mock.pod.metadata.name}
        for name, value in values.items():
            line = line.replace(name, value)
        stamp = f"{self._time(number):%Y-%m-%dT%H:%M:%S.%f}000Z " if stamped else ""
        return f"{stamp}{line}\n".encode()

    def _time(self, number: int) -> dt.datetime:
        rate = self._logs.lines_per_second
        return self._run.started_at + dt.timedelta(seconds=number / rate if rate else 0)

    def _seconds_until(self, number: int) -> float | None:
        if not self._logs.lines_per_second or not self._logs.lines:
            return None
        return max((self._time(number) - dt.datetime.now(dt.UTC)).total_seconds(), 0.001)

    def _ended_at(self) -> dt.datetime | None:
        """When the run has ended, as far as its container still knows of it."""
        status = self._mock.statuses[self._name]
        for run in (_present_run(status), _run_before(status)):
            if run and run.container_id == self._run.container_id:
                return run.ended_at
        return self._run.ended_at or dt.datetime.now(dt.UTC)


def _present_run(status: ContainerStatus) -> Run | None:
    running = status.state.running
    if running and running.started_at:
        return Run(status.container_id, running.started_at, None)
    return _ended_run(status.state.terminated or status.last_state.terminated)


def _run_before(status: ContainerStatus) -> Run | None:
    return _ended_run(status.last_state.terminated)


def _ended_run(terminated: ContainerStateTerminated | None) -> Run | None:
    if terminated is None or terminated.started_at is None:
        return None
    return Run(terminated.container_id, terminated.started_at, terminated.finished_at)
