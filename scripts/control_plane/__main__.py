"""`python -m scripts.control_plane`: build the programs, or run one control plane until Ctrl-C."""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path

from scripts.control_plane import metricsserver
from scripts.control_plane.build import assets
from scripts.control_plane.cache import say
from scripts.control_plane.golang import BuildError


def main() -> int:
    """Run the command line; returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m scripts.control_plane", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("build", help="build the programs if need be and print the folders they are in")
    up = commands.add_parser("up", help="run a control plane in the foreground")
    up.add_argument(
        "--state", type=Path, help="an empty folder to keep its files and logs in (default: a temporary one)"
    )
    up.add_argument("--fsync", action="store_true", help="let etcd wait for the disk, as in production")
    up.add_argument(
        "--apiserver-flag", action="append", default=[], metavar="FLAG", help="a further flag of kube-apiserver"
    )
    arguments = parser.parse_args()
    try:
        if arguments.command == "build":
            print(assets())
            print(metricsserver.programs())
            return 0
        return _up(arguments)
    except BuildError as error:
        say(f"error: {error}")
        return 1


def _up(arguments: argparse.Namespace) -> int:
    # Imported here so that `build` works where cryptography is not installed.
    from scripts.control_plane.cluster import ControlPlane, ControlPlaneError

    plane = ControlPlane(arguments.state, unsafe_no_fsync=not arguments.fsync, apiserver_flags=arguments.apiserver_flag)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with plane:
            print(f"export KUBECONFIG={plane.admin_kubeconfig}")
            print(f"export PATH={plane.programs}:$PATH  # kubectl", flush=True)
            say(
                f"Kubernetes {plane.api.get('/version')['gitVersion']} runs; logs are in {plane.state}; Ctrl-C stops it"
            )
            signal.pause()
    except KeyboardInterrupt:
        return 0
    except ControlPlaneError as error:
        say(f"error: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
