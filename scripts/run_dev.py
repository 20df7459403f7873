"""`scripts/run`: the embedded cluster and one virtual node from this clone, with nothing installed before."""

from __future__ import annotations

import os
import sys

from scripts.environments import ROOT, SetupError, fingerprint, make


def main() -> None:
    """Make `.venv` and become `virtual-kubelet dev`."""
    packages = [ROOT, *sorted(path.parent for path in ROOT.glob("plugins/*/pyproject.toml"))]
    requirements = [part for package in packages for part in ("-e", f"./{package.relative_to(ROOT)}")]
    try:
        commands = make(ROOT / ".venv", requirements, fingerprint(*requirements))
    except SetupError as error:
        sys.exit(f"error: {error}")
    program = str(commands / "virtual-kubelet")
    os.execv(program, [program, "dev", *sys.argv[1:]])


if __name__ == "__main__":
    main()
