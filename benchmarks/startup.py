"""How long the commands take that somebody waits for at a prompt."""

from __future__ import annotations

import signal
import statistics
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scripts.control_plane.nodeagent import command_path

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

RUNS = 15
DEV_RUNS = 5
READY_SECONDS = 30.0


@dataclass(frozen=True)
class Startup:
    """Medians, in milliseconds of wall time with warm caches."""

    help: float
    providers_list: float
    dev_ready: float


def measure_startup(folder: Path) -> Startup:
    """Run the commands, each by itself.

    Raises:
        RuntimeError: a command failed, or the node of `virtual-kubelet dev` did not become Ready.
    """
    return Startup(
        help=_median(RUNS, lambda: _run("--help")),
        providers_list=_median(RUNS, lambda: _run("providers", "list")),
        dev_ready=_median(DEV_RUNS, lambda: _dev(folder)),
    )


def _median(runs: int, once: Callable[[], float]) -> float:
    once()  # warms the caches
    return statistics.median(once() for _ in range(runs)) * 1000


def _run(*arguments: str) -> float:
    start = time.perf_counter()
    done = subprocess.run([command_path(), *arguments], capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - start
    if done.returncode:
        raise RuntimeError(f"virtual-kubelet {' '.join(arguments)}: exit status {done.returncode}\n{done.stderr}")
    return seconds


def _dev(folder: Path) -> float:
    """From the start of the process until it says that its node is Ready."""
    with (folder / "dev.log").open("w+") as log:
        start = time.perf_counter()
        process = subprocess.Popen([command_path(), "dev"], stdout=subprocess.PIPE, stderr=log, text=True)
        assert process.stdout is not None
        first_line = process.stdout.readline()
        seconds = time.perf_counter() - start
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=READY_SECONDS)
        if "is Ready" not in first_line:
            log.seek(0)
            raise RuntimeError(f"virtual-kubelet dev: first line {first_line!r}, not a Ready node\n{log.read()}")
    return seconds
