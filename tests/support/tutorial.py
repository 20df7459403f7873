"""Follows a page of the tutorial as a newcomer would: writes its files, and runs its commands in two terminals."""

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

import tomli

BLOCK = re.compile(
    r"(?:^(?P<where>At the (?:top|end) of )?`(?P<file>[\w./-]+)`[^`\n]*(?:`\w+`)?:\n\n)?"
    r"^```(?P<language>\w+)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
NOT_HERE = ("python3 -m venv", ". vk/bin/activate", "pip install", "virtual-kubelet run", "export KUBECONFIG")
"""Commands that these tests do otherwise or that have tests of their own."""


class Step(NamedTuple):
    """A command and what it prints."""

    command: str
    output: str


def steps(text: str) -> Iterator[Step]:
    """The commands of a console block."""
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, _, output = part.partition("\n")
        yield Step(command, output)


def write_file(folder: Path, block: re.Match[str]) -> None:
    """Write what a page says about a file: all of it, or more lines for its top or its end."""
    file = folder / block["file"]
    file.parent.mkdir(parents=True, exist_ok=True)
    old, new = file.read_text(encoding="utf-8") if block["where"] else "", block["text"]
    if not block["where"]:
        text = new
    elif "end" in block["where"]:
        text = f"{old}\n{new}"
    else:
        text = re.sub(r"^(?=import |from )", lambda _: new, old, count=1, flags=re.MULTILINE)
    file.write_text(text, encoding="utf-8")


def write_all_files(page: str, folder: Path) -> None:
    """Write the files of a page as they are at its end."""
    for block in BLOCK.finditer(page):
        if block["file"]:
            write_file(folder, block)


def install(folder: Path) -> Path:
    """What `pip install -e` does for a package, without an index: gives a folder for the module search path."""
    project = tomli.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    site = folder / ".site"
    info = site / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir(parents=True, exist_ok=True)
    metadata = f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    (info / "METADATA").write_text(metadata, encoding="utf-8")
    groups = [
        f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in entries.items())
        for group, entries in project["entry-points"].items()
    ]
    (info / "entry_points.txt").write_text("\n".join(groups), encoding="utf-8")
    return site


def is_as_shown(printed: str, shown: str) -> bool:
    """Whether a command has printed what the page shows; ages and gaps differ, and `...` stands for anything."""
    pattern = re.escape(plain(shown)).replace(re.escape("\n..."), "(?:\n.*)?").replace(re.escape("..."), ".*")
    return re.fullmatch(pattern, plain(printed), re.DOTALL) is not None


def plain(text: str) -> str:
    """Text without what differs each time."""
    lines = [re.sub(r"\b\d+[smh]\b", "AGE", re.sub(r"\s+", " ", line.strip())) for line in text.strip().splitlines()]
    return "\n".join(lines)


class Terminals:
    """The two terminals of a page: `virtual-kubelet dev` runs in the first, the rest in the second."""

    def __init__(self, folder: Path, programs: Path) -> None:
        self.folder = folder
        self.environment = {
            **os.environ,
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), str(programs), os.environ["PATH"]]),
            "PYTHONPATH": os.pathsep.join(sys.path),
            "HOME": str(folder),
            "KUBECONFIG": str(folder / "kubeconfig"),
        }
        self.dev: subprocess.Popen[str] | None = None

    def follow(self, page: str) -> None:
        """Do everything that a page says."""
        for block in BLOCK.finditer(page):
            if block["file"]:
                write_file(self.folder, block)
            elif block["language"] == "console":
                for step in steps(block["text"]):
                    self.do(step)

    def do(self, step: Step) -> None:
        """Run a command; one that only looks is repeated for a while, since events come when they come."""
        if step.command == "pip install -e .":
            path = [str(install(self.folder)), str(self.folder), self.environment["PYTHONPATH"]]
            self.environment["PYTHONPATH"] = os.pathsep.join(path)
        if step.command.startswith(NOT_HERE):
            return
        looks = step.command.startswith(("kubectl get", "kubectl logs"))
        last_moment = time.monotonic() + (10 if looks else 0)
        while not is_as_shown(printed := self.run(step.command), step.output):
            assert time.monotonic() < last_moment, f"$ {step.command}\n{printed}\ninstead of\n{step.output}"

    def run(self, command: str) -> str:
        """What a command prints, for `virtual-kubelet dev` its first line; it must succeed."""
        if command.startswith("virtual-kubelet dev"):
            return self._start_dev(command)
        done = subprocess.run(
            command,
            shell=True,
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
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
        """End the cluster."""
        if self.dev is None:
            return
        self.dev.send_signal(signal.SIGINT)
        self.dev.communicate(timeout=20)
        assert self.dev.returncode == 0
        assert not (self.folder / "kubeconfig").exists()
        self.dev = None

    def kill(self) -> None:
        """End the cluster at once, if it is there."""
        if self.dev is not None:
            self.dev.kill()
            self.dev.communicate()
