"""`python -m benchmarks`: measure everything in one interleaved run, print a table and write JSON."""

from __future__ import annotations

import argparse
import asyncio
import datetime
import sys
import tempfile
from pathlib import Path

import uvloop
from rich.console import Console

from benchmarks import kwok
from benchmarks.audit import Requests, count_requests
from benchmarks.contenders import KWOK, NAMES
from benchmarks.driver import make_namespace
from benchmarks.materials import Materials, measure_materials
from benchmarks.report import print_materials, print_rates, print_requests, print_startup, print_streams, write_json
from benchmarks.startup import Startup, measure_startup
from benchmarks.streams import Streams, measure_streams
from benchmarks.turns import Turn, take_turn
from scripts.control_plane.build import kubernetes_version
from scripts.control_plane.cache import say
from scripts.control_plane.cluster import ControlPlane

RESULTS = Path(__file__).parent / "results"
PARTS = ("rates", "requests", "startup", "streams", "materials")


def main() -> int:
    """Run the command line; returns its exit status."""
    options = _parser().parse_args()
    console = Console(width=max(Console().width, 120))
    turns: list[Turn] = []
    requests: Requests | None = None
    startup: Startup | None = None
    streams: Streams | None = None
    materials: Materials | None = None
    with tempfile.TemporaryDirectory(prefix="vk-benchmark-") as scratch:
        folder = Path(scratch)
        if "startup" in options.part:
            startup = measure_startup(folder)
            print_startup(startup, console)
        if "requests" in options.part:
            requests = uvloop.run(count_requests(folder, options.audited_pods))
            print_requests(requests, console)
        if "rates" in options.part:
            turns = uvloop.run(measure_rates(folder, options))
            print_rates(turns, console)
        if "streams" in options.part:
            with ControlPlane(unsafe_no_fsync=not options.fsync) as plane:
                streams = measure_streams(plane, folder, rounds=options.rounds)
            print_streams(streams, console)
        if "materials" in options.part:
            with ControlPlane(unsafe_no_fsync=not options.fsync) as plane:
                make_namespace(plane)
                materials = uvloop.run(measure_materials(plane, folder, pods=1000, rounds=options.rounds))
            print_materials(materials, console)
    facts = {"kubernetes": kubernetes_version(), "kwok": kwok.VERSION, "fsync": options.fsync}
    write_json(
        options.json, facts, turns=turns, requests=requests, startup=startup, streams=streams, materials=materials
    )
    say(f"written to {options.json}")
    return 0


async def measure_rates(folder: Path, options: argparse.Namespace) -> list[Turn]:
    """Every contender in turn, for every size and round; who begins changes from round to round."""
    turns: list[Turn] = []
    contenders = [name for name in NAMES if name in options.contender]
    if KWOK in contenders:
        kwok.installed()
    with ControlPlane(unsafe_no_fsync=not options.fsync) as plane:
        make_namespace(plane)
        for pods in options.pods:
            for number in range(options.rounds):
                first = number % len(contenders)
                for name in contenders[first:] + contenders[:first]:
                    place = folder / f"turn-{len(turns)}"
                    place.mkdir()
                    turn = await take_turn(
                        plane, place, name, pods=pods, turn=len(turns), idle_seconds=options.idle_seconds
                    )
                    turns.append(turn)
                    rates = f"{turn.create.rate:.0f} created and {turn.delete.rate:.0f} deleted pods/s"
                    say(f"{pods} pods, round {number + 1}/{options.rounds}, {name}: {rates}")
                    await asyncio.sleep(options.rest_seconds)  # for what the API server does behind the last deletion
    return turns


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--pods", type=int, nargs="+", default=[1000, 10000], help="sizes (default: 1000 10000)")
    parser.add_argument("--rounds", type=int, default=1, help="turns of each contender for each size (default: 1)")
    parser.add_argument("--part", nargs="+", choices=PARTS, default=PARTS, help="what to measure (default: all)")
    parser.add_argument("--contender", nargs="+", choices=NAMES, default=NAMES, help="whom to measure (default: all)")
    parser.add_argument("--audited-pods", type=int, default=500, help="pods to count requests with (default: 500)")
    parser.add_argument("--idle-seconds", type=float, default=20.0, help="how long to watch idle CPU (default: 20)")
    parser.add_argument("--rest-seconds", type=float, default=3.0, help="pause between turns (default: 3)")
    parser.add_argument("--fsync", action="store_true", help="let etcd wait for the disk; its noise then limits all")
    now = datetime.datetime.now(datetime.UTC).strftime("%Y%m%dT%H%M%SZ")
    parser.add_argument("--json", type=Path, default=RESULTS / f"{now}.json", help="where the figures go")
    return parser


if __name__ == "__main__":
    sys.exit(main())
