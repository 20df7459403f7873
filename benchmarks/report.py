"""Prints what was measured as a table and keeps it as JSON."""

from __future__ import annotations

import json
import os
import platform
import statistics
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.contenders import LIMIT, NAMES

if TYPE_CHECKING:
    from benchmarks.audit import Requests
    from benchmarks.materials import Materials
    from benchmarks.startup import Startup
    from benchmarks.streams import Streams
    from benchmarks.turns import Phase, Turn

COLUMNS = (
    "pods",
    "who",
    "create to\nRunning/s",
    "of\nlimit",
    "delete to\ngone/s",
    "of\nlimit",
    "CPU ms/pod\ncreate(+later)",
    "CPU ms/pod\ndelete(+later)",
    "RSS MiB\n(peak)",
    "idle\nCPU %",
)
NOTHING = "-"


def print_rates(turns: list[Turn], console: Console) -> None:
    """One row for each size and contender: medians over the turns, with the range where there was more than one."""
    table = Table(*COLUMNS, title="Pods on one node", title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for column in table.columns:
        column.no_wrap = True
    for column in (0, *range(2, len(COLUMNS))):
        table.columns[column].justify = "right"
    for pods in sorted({turn.pods for turn in turns}):
        of_size = [turn for turn in turns if turn.pods == pods]
        limits = [turn for turn in of_size if turn.contender == LIMIT]
        for name in NAMES:
            own = [turn for turn in of_size if turn.contender == name]
            if own:
                table.add_row(f"{pods:,}".replace(",", " "), name, *_row(own, limits))
        table.add_section()
    console.print(table)


def print_requests(requests: Requests, console: Console) -> None:
    """What Virtual Kubelet asked of the API server."""
    console.print(
        f"Requests of virtual-kubelet per pod, create → Running → gone, {requests.pods} pods: {requests.per_pod:.3f} "
        f"apart from events ({requests.events_per_pod:.3f}) and from the node's own heartbeats"
    )
    console.print("  " + ", ".join(f"{count} {kind}" for kind, count in requests.by_kind.items()), style="dim")


def print_startup(startup: Startup, console: Console) -> None:
    """What somebody at a prompt waits for."""
    console.print(
        f"virtual-kubelet --help {startup.help:.0f} ms, providers list {startup.providers_list:.0f} ms, "
        f"dev to node Ready {startup.dev_ready:.0f} ms (medians)"
    )


def print_streams(streams: Streams, console: Console) -> None:
    """What people wait for who look into pods."""
    table = Table("what", "figure", "beside", title="Streams", title_justify="left", box=box.SIMPLE_HEAD)
    rate, bare = statistics.median(streams.log_rates), statistics.median(streams.bare_log_rates)
    table.add_row("logs, 410 MB in 5 million lines", f"{rate:.1f} MB/s", f"a bare server {bare:.1f} MB/s")
    table.add_row(
        "exec true, median of 100",
        f"{streams.exec_seconds * 1000:.0f} ms, over SPDY {streams.exec_spdy_seconds * 1000:.0f} ms",
        f"get pod {streams.get_seconds * 1000:.0f} ms; {streams.left_files} files left open",
    )
    cat, cat_spdy = statistics.median(streams.cat_seconds), statistics.median(streams.cat_spdy_seconds)
    table.add_row("exec -i cat, 256 MB there and back", f"{cat:.1f} s, over SPDY {cat_spdy:.1f} s", "identical")
    copies = f"{streams.copy_in_seconds:.1f} s in, {streams.copy_out_seconds:.1f} s out"
    table.add_row("cp of 1 GiB", copies, "identical")
    table.add_row("port-forward of 1 GiB", f"{streams.forward_seconds:.1f} s", "identical")
    table.add_row("port-forward, 1000 connections", f"{streams.connections_seconds:.1f} s", "nothing lost")
    table.add_row("memory grown at most", f"{streams.grown_mebibytes:.0f} MiB", "during cp and port-forward")
    if streams.crowd is not None:
        crowd = streams.crowd
        table.add_row(
            f"{crowd.followers} log followers, {crowd.commands} commands",
            f"all served in {crowd.served_within:.1f} s",
            f"a new pod runs after {crowd.status_within:.2f} s",
        )
    console.print(table)


def print_materials(found: Materials, console: Console) -> None:
    """What it costs that pods refer to objects."""
    table = Table(
        "who", "pods/s", "CPU ms/pod", "RSS MiB", title="Materials", title_justify="left", box=box.SIMPLE_HEAD
    )
    medians = []
    for name, sides in (("with materials", found.with_materials), ("without", found.without)):
        cpu, memory, rate = (
            statistics.median(getattr(side, key) for side in sides) for key in ("cpu", "memory", "rate")
        )
        medians.append((cpu, memory))
        table.add_row(name, f"{rate:.0f}", f"{cpu:.2f}", f"{memory:.1f}")
    (cpu, memory), (bare_cpu, bare_memory) = medians
    added = (memory - bare_memory) * 1024 / found.pods
    table.add_row("added per pod", "", f"{cpu - bare_cpu:.2f}", f"{added:.1f} KiB")
    console.print(table)
    console.print(f"{found.pods} pods with 40 variables and 40 volumes each, {found.watches} watches")


def write_json(
    path: Path,
    facts: dict[str, Any],
    *,
    turns: list[Turn],
    requests: Requests | None,
    startup: Startup | None,
    streams: Streams | None,
    materials: Materials | None,
) -> None:
    """Everything measured, and on what machine."""
    path.parent.mkdir(parents=True, exist_ok=True)
    found = {
        "machine": {"cpus": os.cpu_count(), "system": platform.platform(), "python": platform.python_version()} | facts,
        "turns": [asdict(turn) for turn in turns],
        "requests": asdict(requests) if requests else None,
        "startup_ms": asdict(startup) if startup else None,
        "streams": asdict(streams) if streams else None,
        "materials": asdict(materials) if materials else None,
    }
    path.write_text(json.dumps(found, indent=2) + "\n")


def _row(own: list[Turn], limits: list[Turn]) -> list[str]:
    creates, deletes = [turn.create.rate for turn in own], [turn.delete.rate for turn in own]
    return [
        _spread(creates),
        _share(creates, [turn.create.rate for turn in limits]),
        _spread(deletes),
        _share(deletes, [turn.delete.rate for turn in limits]),
        _cpu([turn.create for turn in own]),
        _cpu([turn.delete for turn in own]),
        _with(_median([turn.memory for turn in own], ".0f"), _median([turn.memory_peak for turn in own], ".0f")),
        _median([turn.idle for turn in own], ".1f"),
    ]


def _cpu(phases: list[Phase]) -> str:
    now = _median([phase.cpu for phase in phases], ".2f")
    return _with(now, f"+{_median([phase.cpu_later for phase in phases], '.2f')}")


def _with(first: str, second: str) -> str:
    return first if first == NOTHING else f"{first} ({second})"


def _spread(rates: list[float]) -> str:
    middle = f"{statistics.median(rates):.0f}"
    return middle if len(rates) == 1 else f"{middle} ({min(rates):.0f}-{max(rates):.0f})"


def _share(rates: list[float], limits: list[float]) -> str:
    return f"{statistics.median(rates) / statistics.median(limits):.2f}" if limits else NOTHING


def _median(values: list[float | None], form: str) -> str:
    known = [value for value in values if value is not None]
    return format(statistics.median(known), form) if known else NOTHING
