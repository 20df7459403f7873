"""One run of a container: a process whose output goes to a log, and to those who are attached."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import time
from pathlib import Path

from vk_core.api.container import Container
from vk_process.descriptors import Output
from vk_process.logs import ContainerLog
from vk_process.processes import Process, Processes
from vk_process.streams import Streams
from vk_process.surroundings import Prepared
from vk_process.taps import Tap


class Instance:
    """A run of a container.

    Attributes:
        prepared: what it was started with; commands that are run beside it get the same.
        process: the process.
        streams: our ends of its standard streams.
        log: what it has written.
        taps: its outputs, to listen to: both, or with a terminal one.
        started_at: when it was started, in seconds since 1970.
        sessions: commands that run beside it and end with it.
        spent_seconds: CPU time of such commands that have ended.
        told_cpu_ns: the CPU time that was reported last.
    """

    def __init__(self, prepared: Prepared, process: Process, streams: Streams, log: ContainerLog) -> None:
        self.prepared = prepared
        self.process = process
        self.streams = streams
        self.log = log
        self.taps = [Tap() for _ in streams.outputs]
        self.started_at = time.time()
        self.sessions: set[Process] = set()
        self.spent_seconds = 0.0
        self.told_cpu_ns = 0

    @classmethod
    def start(cls, container: Container, prepared: Prepared, *, processes: Processes, log_file: Path) -> Instance:
        """Start the process of a container.

        Raises:
            InvalidInput: it cannot be started.
            Unavailable: nothing can be started now.
        """
        log, streams = ContainerLog(log_file), Streams.open(tty=container.tty, stdin=container.stdin)
        try:
            log.open()
            try:
                process = processes.spawn(
                    prepared.command, streams, environment=prepared.environment, directory=prepared.directory
                )
            except BaseException:
                log.close()
                raise
        except BaseException:
            streams.close()
            raise
        return cls(prepared, process, streams, log)

    async def run(self, out: logging.Logger) -> int:
        """Keep the log until the process has ended and all that it wrote is there; gives its exit code."""
        with contextlib.closing(self.log), contextlib.closing(self.streams):
            pumps = [
                asyncio.create_task(self._pump(source, output, out), name=f"output {source} of {self.process.pid}")
                for source, output in enumerate(self.streams.outputs)
            ]
            code = await self.process.wait()
            for session in self.sessions:
                session.signal(signal.SIGKILL)
            self.streams.end()
            await asyncio.gather(*pumps)
            try:
                await self.log.complete()
            except OSError as error:
                out.error("the end of a log is lost: %s", error)
        return code

    async def _pump(self, source: int, output: Output, out: logging.Logger) -> None:
        """Take what the process writes to one output, as fast as the slowest who listens."""
        is_kept = True
        while piece := await output.read():
            try:
                if is_kept:
                    await self.log.append(source, piece)
            except OSError as error:
                is_kept = False
                out.error("a log is cut off here: %s", error)
            await self.taps[source].pass_on(piece)
        await self.taps[source].pass_on(b"")
