"""The console script `virtual-kubelet`: runs a command and turns what went wrong into lines and an exit status.

Expected errors are one line each and no traceback; everything else is a bug and shows where it happened.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

PROGRAM = "virtual-kubelet"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line and returns the exit status: 0 done, 2 bad input, 1 anything else."""
    import typer

    from vk_core.cli.app import build_app
    from vk_core.errors import VirtualKubeletError

    given = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    try:
        status = build_app(given)(given, prog_name=PROGRAM, standalone_mode=False)
    except VirtualKubeletError as error:
        return _fail(str(error), error.exit_status)
    except typer.TyperException as error:
        return _fail(error.format_message().replace("Value error, ", ""), error.exit_code)
    except typer.Abort:
        return _fail("aborted", 1)
    return status if isinstance(status, int) else 0


def _fail(message: str, status: int) -> int:
    """Prints an expected error, each of its lines with the program's name."""
    for line in message.splitlines() or ["failed"]:
        if line.strip():
            print(f"{PROGRAM}: {line}", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
