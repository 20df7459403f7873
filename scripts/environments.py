"""Makes a virtual environment once, and again when what belongs in it has changed."""

from __future__ import annotations

import hashlib
import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MARK = ".made-for"


class SetupError(Exception):
    """The environment cannot be made; the text says what to do."""


def fingerprint(*facts: str) -> str:
    """A short text that changes when a fact, this Python or the metadata of one of the packages does."""
    digest = hashlib.sha256(f"{sys.version} {sys.prefix} {facts}".encode())
    packages = [path for folder in ("plugins", "examples") for path in ROOT.glob(f"{folder}/*/pyproject.toml")]
    for path in sorted([ROOT / "pyproject.toml", *packages]):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def make(folder: Path, requirements: list[str], made_for: str) -> Path:
    """Make the environment if it is not there for exactly this; returns its folder of commands.

    Raises:
        SetupError: it cannot be made.
    """
    commands = folder / "bin"
    mark = folder / MARK
    if mark.exists() and mark.read_text() == made_for:
        return commands
    if importlib.util.find_spec("ensurepip") is None:
        raise SetupError("this Python cannot make virtual environments; on Debian: apt-get install python3-venv")
    print(f"making {folder.relative_to(ROOT)}: {' '.join(requirements)}", file=sys.stderr, flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    _must([sys.executable, "-m", "venv", str(folder)])
    pip = [str(commands / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    _must([*pip, *requirements])
    mark.write_text(made_for)
    return commands


def _must(command: list[str]) -> None:
    status = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, check=False).returncode
    if status:
        raise SetupError(f"{' '.join(command)}: exit status {status}")
