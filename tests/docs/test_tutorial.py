"""The tutorial works: its commands are run as a newcomer would, in two terminals, and print what it shows."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from scripts.control_plane.build import assets

TUTORIAL = Path(__file__).parents[2] / "docs" / "tutorial" / "first-steps.md"
BLOCK = re.compile(r"(?:^`(?P<file>[\w.]+)`:\n\n)?^```(?P<language>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
NOT_HERE = ("python3 -m venv", ". vk/bin/activate", "pip install", "virtual-kubelet run", "export KUBECONFIG")
"""Commands of the tutorial that this test does otherwise or that have tests of their own."""

pytestmark = pytest.mark.e2e


class Terminals:
    """The two terminals of the tutorial: `virtual-kubelet dev` runs in the first, the rest in the second."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        programs = [str(Path(sys.executable).parent), str(assets())]
        self.environment = {
            **os.environ,
            "PATH": os.pathsep.join([*programs, os.environ["PATH"]]),
            "HOME": str(folder),
            "KUBECONFIG": str(folder / "kubeconfig"),
        }
        self.dev: subprocess.Popen[str] | None = None

    def run(self, command: str) -> str:
        if command.startswith("virtual-kubelet dev"):
            return self._start_dev(command)
        done = subprocess.run(
            command, shell=True, cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, f"$ {command}\n{done.stdout}{done.stderr}"
        return done.stdout

    def _start_dev(self, command: str) -> str:
        self.press_ctrl_c()
        self.dev = subprocess.Popen(
            command.split(), cwd=self.folder, env=self.environment, stdout=subprocess.PIPE, text=True
        )
        assert self.dev.stdout is not None
        return self.dev.stdout.readline()

    def press_ctrl_c(self) -> None:
        if self.dev is None:
            return
        self.dev.send_signal(signal.SIGINT)
        self.dev.communicate(timeout=20)
        assert self.dev.returncode == 0
        assert not (self.folder / "kubeconfig").exists()
        self.dev = None


@pytest.fixture
def terminals(tmp_path: Path) -> Iterator[Terminals]:
    terminals = Terminals(tmp_path)
    yield terminals
    if terminals.dev is not None:
        terminals.dev.kill()
        terminals.dev.communicate()


class Step(NamedTuple):
    command: str
    output: str


def steps(text: str) -> Iterator[Step]:
    """The commands of a console block, each with what it prints."""
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, _, output = part.partition("\n")
        yield Step(command, output)


def is_as_shown(printed: str, shown: str) -> bool:
    """Whether a command has printed what the tutorial shows; ages and gaps differ, and `...` stands for anything."""
    pattern = re.escape(plain(shown)).replace(re.escape("\n..."), "(?:\n.*)?").replace(re.escape("..."), ".*")
    return re.fullmatch(pattern, plain(printed), re.DOTALL) is not None


def plain(text: str) -> str:
    lines = [re.sub(r"\b\d+[smh]\b", "AGE", re.sub(r"\s+", " ", line.strip())) for line in text.strip().splitlines()]
    return "\n".join(lines)


def follow(terminals: Terminals, step: Step) -> None:
    """Runs a command; one that only looks is repeated for a while, since events come when they come."""
    last_moment = time.monotonic() + (10 if step.command.startswith("kubectl get") else 0)
    while not is_as_shown(printed := terminals.run(step.command), step.output):
        assert time.monotonic() < last_moment, f"$ {step.command}\n{printed}\ninstead of\n{step.output}"


def test_every_command_of_the_tutorial_prints_what_it_shows(terminals: Terminals) -> None:
    for block in BLOCK.finditer(TUTORIAL.read_text(encoding="utf-8")):
        if block["file"]:
            (terminals.folder / block["file"]).write_text(block["text"], encoding="utf-8")
            continue
        for step in steps(block["text"]):
            if not step.command.startswith(NOT_HERE):
                follow(terminals, step)
    terminals.press_ctrl_c()
