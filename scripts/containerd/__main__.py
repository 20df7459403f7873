"""`python -m scripts.containerd`: install the programs, or run one containerd until Ctrl-C."""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path

from scripts.containerd.containerd import Containerd
from scripts.containerd.programs import ContainerdError, install
from scripts.control_plane.cache import say


def main() -> int:
    """Run the command line; returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m scripts.containerd", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("install", help="install containerd and what it needs, if something is missing (apt)")
    up = commands.add_parser("up", help="run containerd, a registry and a network for pods in the foreground")
    up.add_argument("--state", type=Path, help="an empty folder to keep its files in (default: a temporary one)")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        install()
        if arguments.command == "up":
            _up(arguments.state)
    except KeyboardInterrupt:
        return 0
    except ContainerdError as error:
        say(f"error: {error}")
        return 1
    return 0


def _up(state: Path | None) -> None:
    with Containerd(state) as containerd:
        print(f"export CONTAINER_RUNTIME_ENDPOINT={containerd.endpoint}")
        print(f"export REGISTRY={containerd.registry_host}", flush=True)
        say(f"containerd runs, pods get addresses of {containerd.layout.subnet}; Ctrl-C stops it and removes its pods")
        signal.pause()


if __name__ == "__main__":
    sys.exit(main())
