"""Which process this is, so that another one can tell whether it is still alive.

An identity names the boot of the machine, the process namespace, the process and when it started. Two processes with
the same boot and namespace can look each other up; for all others only the lease tells.
"""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import NamedTuple

START_TIME_FIELD = 19
"""Place of `starttime` in /proc/PID/stat behind the command name (proc(5), field 22)."""


class ProcessIdentity(NamedTuple):
    """A process of some host."""

    host: str
    pid: int
    started: str

    def __str__(self) -> str:
        return f"{self.host}/{self.pid}/{self.started}"

    @classmethod
    def parse(cls, text: str) -> ProcessIdentity | None:
        """The identity written as text; None when it is not one."""
        host, _, rest = text.partition("/")
        pid, _, started = rest.partition("/")
        return cls(host, int(pid), started) if host and pid.isdecimal() and started else None

    @classmethod
    def own(cls) -> ProcessIdentity:
        """This process."""
        pid = os.getpid()
        return cls(_host(), pid, _started(pid) or "0")

    def is_dead(self, observer: ProcessIdentity) -> bool:
        """Whether the process is known to be gone, as seen by another one; False when that cannot be known."""
        return self.host == observer.host and self != observer and _started(self.pid) != self.started


def _host() -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        namespace = str(Path("/proc/self/ns/pid").readlink()).strip("pid:[]")
    except OSError:
        return socket.gethostname()
    return f"{boot}.{namespace}"


def _started(pid: int) -> str | None:
    """When a process started, in clock ticks since boot; None when there is no such process, or it is a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in {"Z", "X"} else fields[START_TIME_FIELD]
