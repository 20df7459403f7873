"""The signals that may end a container (`lifecycle.stopSignal`, KEP-4960)."""

from __future__ import annotations

from vk_core.api.container import Container

_NAMES = (
    *("ABRT", "ALRM", "BUS", "CHLD", "CLD", "CONT", "FPE", "HUP", "ILL", "INT", "IO", "IOT", "KILL", "PIPE", "POLL"),
    *("PROF", "PWR", "QUIT", "SEGV", "STKFLT", "STOP", "SYS", "TERM", "TRAP", "TSTP", "TTIN", "TTOU", "URG"),
    *("USR1", "USR2", "VTALRM", "WINCH", "XCPU", "XFSZ", "RTMIN", "RTMAX"),
    *(f"RTMIN+{number}" for number in range(1, 16)),
    *(f"RTMAX-{number}" for number in range(1, 15)),
)

SIGNALS = frozenset(f"SIG{name}" for name in _NAMES)
"""The signals of Linux by their names in the API."""


def stop_signal(container: Container) -> str:
    """Returns the signal that asks a container to end; empty for its image's."""
    return "" if container.lifecycle is None else container.lifecycle.stop_signal or ""
