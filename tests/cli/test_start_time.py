"""Commands that people wait for answer at once, and import nothing that they do not need."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

ROUNDS = 9
HEAVY = ("aiohttp", "kubernetes", "cryptography", "pydantic", "uvloop", "rich")


def start(arguments: list[str], environment: dict[str, str]) -> float:
    """Runs the command in a process of its own; returns the CPU time that took, in seconds.

    CPU time, because the machine may be busy with other tests; alone on it, it is the time that passes.
    """
    before = os.times()
    subprocess.run([sys.executable, "-m", "vk_core", *arguments], check=True, capture_output=True, env=environment)
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


@pytest.mark.parametrize(
    ("arguments", "limit"),
    [
        pytest.param(["--help"], 0.150, id="--help"),
        pytest.param(["run", "--help"], 0.150, id="run --help"),
        pytest.param(["providers", "list"], 0.200, id="providers list"),
    ],
)
def test_a_command_answers_at_once_when_the_cache_is_warm(tmp_path: Path, arguments: list[str], limit: float) -> None:
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
    start(arguments, environment)
    assert statistics.median(start(arguments, environment) for _ in range(ROUNDS)) < limit


@pytest.mark.parametrize(
    ("arguments", "needless"),
    [
        pytest.param(["--help"], (*HEAVY, "msgspec", "pluggy"), id="--help"),
        pytest.param(["providers", "list"], (*HEAVY, "msgspec", "pluggy", "vk_mock"), id="providers list"),
        pytest.param(["version"], (*HEAVY, "pluggy"), id="version"),
        pytest.param(["providers", "check", "mock"], HEAVY, id="providers check"),
    ],
)
def test_a_command_imports_only_what_it_needs(arguments: list[str], needless: tuple[str, ...]) -> None:
    code = (
        "import json, sys; from vk_core.__main__ import main; main(sys.argv[1:]); "
        "print(); print(json.dumps(list(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code, *arguments], check=True, capture_output=True, text=True)
    loaded = set(json.loads(done.stdout.splitlines()[-1]))
    assert sorted(loaded & set(needless)) == []
