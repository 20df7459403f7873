"""The provider of the tutorial keeps the contract at its end, and the examples of the how-to guide are true."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.tutorial import write_all_files
from vk_core.testing.contract.base import ContractBase

DOCS = Path(__file__).parents[2] / "docs"
GUIDE = DOCS / "how-to" / "write-a-provider.md"
NOT_IN_GUIDE = {"longest_step", "log_lines"}
"""What only the mock and tests of the contract set."""

NOT_KNOBS = {"make_provider", "subject", "pod", "pytestmark"}

PAGE = (DOCS / "tutorial" / "write-a-provider.md").read_text(encoding="utf-8")


@pytest.fixture
def package(tmp_path: Path) -> Path:
    write_all_files(PAGE, tmp_path)
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


def test_the_provider_of_the_tutorial_keeps_the_contract(package: Path) -> None:
    result = run_contract(package)
    assert re.search(r"^\d\d passed, \d+ skipped", result, re.MULTILINE), result


def test_a_mistake_is_reported_in_the_words_of_the_tutorial(package: Path) -> None:
    file = package / "vk_laptop" / "provider.py"
    text = file.read_text(encoding="utf-8")
    broken = text.replace("        if pod.metadata.uid in self._pods:\n            return\n", "")
    assert broken != text
    file.write_text(broken, encoding="utf-8")
    (message,) = re.findall(r"^```text\n(.*?)\n```$", PAGE, re.MULTILINE)
    assert message in run_contract(package).splitlines()


EXAMPLES = re.findall(r"^```python\n(.*?)^```$", GUIDE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("example", EXAMPLES, ids=[f"{number}" for number in range(1, len(EXAMPLES) + 1)])
def test_an_example_of_the_guide_imports_what_there_is(example: str, tmp_path: Path) -> None:
    file = tmp_path / "example.py"
    file.write_text(example, encoding="utf-8")
    assert python(tmp_path, str(file)) == ""


def test_the_settings_of_the_guide_are_checked_as_it_says(tmp_path: Path) -> None:
    (example,) = (text for text in EXAMPLES if "AcmeSettings" in text)
    (tmp_path / "example.py").write_text(example, encoding="utf-8")
    check = "from example import *; print(problems(AcmeSettings(endpoint='ftp://', token='secret')))"
    assert python(tmp_path, "-c", check) == "['endpoint: expected a URL that begins with https://']\n"


def test_the_guide_names_everything_that_a_contract_test_may_set() -> None:
    knobs = {name for name in vars(ContractBase) if not name.startswith("_")} - NOT_KNOBS
    assert {name for name in knobs if f"`{name}`" not in GUIDE.read_text(encoding="utf-8")} == NOT_IN_GUIDE
