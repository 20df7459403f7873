"""The provider of the how-to guide is what the guide says: complete, installable by name, and true to the contract."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import tomli

GUIDE = Path(__file__).parents[2] / "docs" / "how-to" / "write-a-provider.md"
FILE = re.compile(r"^`([\w./-]+)`:\n\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture
def package(tmp_path: Path) -> Path:
    for name, text in FILE.findall(GUIDE.read_text(encoding="utf-8")):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return tmp_path


def python(package: Path, *arguments: str) -> str:
    """What Python prints; whatever it leaves running is killed."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(package), *sys.path])}
    process = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=package,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        return process.communicate(timeout=60)[0]
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def run_contract(package: Path) -> str:
    return python(package, "-m", "pytest", "-q", "-p", "no:cacheprovider")


def test_the_provider_of_the_guide_keeps_the_contract(package: Path) -> None:
    result = run_contract(package)
    assert re.search(r"^\d\d passed, \d+ skipped", result, re.MULTILINE), result


def test_a_mistake_is_reported_in_the_words_of_the_guide(package: Path) -> None:
    file = package / "vk_process" / "provider.py"
    text = file.read_text(encoding="utf-8")
    broken = text.replace("        if pod.metadata.uid in self._pods:\n            return\n", "")
    assert broken != text
    file.write_text(broken, encoding="utf-8")
    (message,) = re.findall(r"^```text\n(.*?)\n```$", GUIDE.read_text(encoding="utf-8"), re.MULTILINE)
    assert message in run_contract(package).splitlines()


def test_the_entry_point_of_the_guide_names_its_plugin(package: Path) -> None:
    project = tomli.loads((package / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    module, attribute = project["entry-points"]["virtual_kubelet.providers"]["process"].split(":")
    printed = python(package, "-c", f"import {module}; print({module}.{attribute}.description)")
    assert printed == "Containers as processes of this machine\n"
