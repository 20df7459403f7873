"""`scripts/test`: runs the checks of tox.ini; its last line counts all their tests, as pytest does for its own."""

from __future__ import annotations

import argparse
import configparser
import json
import os
import shutil
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from scripts.environments import ROOT, SetupError, fingerprint, make

TOX = ["tox>=4.24,<5", "tox-uv>=1.20,<2"]
WORK = ROOT / ".tox"
REPORTS = WORK / "reports"


@dataclass(frozen=True)
class Outcome:
    """How one tox environment went; `tests` counts pytest's outcomes and is empty for checks that are not tests."""

    environment: str
    ok: bool
    seconds: float
    tests: Counter[str]


def main() -> int:
    """Run the command line; returns its exit status."""
    parser = argparse.ArgumentParser(prog="scripts/test", description=__doc__)
    parser.add_argument(
        "-e", dest="environments", action="append", metavar="ENVIRONMENT", help="see tox.ini; comma-separated"
    )
    parser.add_argument("-l", "--list", action="store_true", help="list the environments")
    parser.add_argument("pytest_arguments", nargs="*", metavar="-- PYTEST-ARGUMENT", help="run just these tests")
    options = parser.parse_args()
    try:
        tox = str(make(WORK / "runner", TOX, fingerprint(*TOX)) / "tox")
    except SetupError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if options.list:
        return subprocess.run([tox, "list"], cwd=ROOT, check=False).returncode
    return _check(tox, options.environments or [], options.pytest_arguments)


def _check(tox: str, environments: list[str], pytest_arguments: list[str]) -> int:
    started = time.monotonic()
    chosen = ",".join(environments) or ("tests" if pytest_arguments else "")
    result = WORK / "result.json"
    result.unlink(missing_ok=True)
    shutil.rmtree(REPORTS, ignore_errors=True)
    command = [tox, "run", "--result-json", str(result), *(["-e", chosen] if chosen else []), *_recreate()]
    if pytest_arguments:
        command += ["--", *pytest_arguments]
    status = subprocess.run(command, cwd=ROOT, env=_environment(), check=False).returncode
    outcomes = _outcomes(result, chosen.split(",") if chosen else _all_environments())
    for outcome in outcomes:
        counts = ", ".join(f"{count} {name}" for name, count in sorted(outcome.tests.items()))
        print(f"{'ok' if outcome.ok else 'FAILED':7}{outcome.environment:10}{outcome.seconds:6.1f} s  {counts}")
    print(_last_line(outcomes, status, time.monotonic() - started))
    return status or (0 if all(outcome.ok for outcome in outcomes) else 1)


def _recreate() -> list[str]:
    """`-r` when the packages' metadata has changed: tox looks only at its own settings."""
    mark = WORK / "made-for"
    current = fingerprint((ROOT / "tox.ini").read_text())
    if mark.exists() and mark.read_text() == current:
        return []
    mark.write_text(current)
    return ["-r"]


def _environment() -> dict[str, str]:
    """The environment for tox, with pip's settings told to uv, which does not read them."""
    environment = dict(os.environ)
    for theirs, ours in {"PIP_INDEX_URL": "UV_DEFAULT_INDEX", "PIP_CERT": "SSL_CERT_FILE"}.items():
        if theirs in environment:
            environment.setdefault(ours, environment[theirs])
    return environment


def _outcomes(result: Path, chosen: list[str]) -> list[Outcome]:
    """One for each environment that was to run; one that tox did not come to is not ok."""
    found = json.loads(result.read_text())["testenvs"] if result.exists() else {}
    results = {name: found.get(name, {}).get("result", {}) for name in chosen}
    return [
        Outcome(
            environment=name,
            ok=bool(facts.get("success")),
            seconds=float(facts.get("duration", 0.0)),
            tests=_count(REPORTS / f"{name}.xml"),
        )
        for name, facts in results.items()
    ]


def _all_environments() -> list[str]:
    settings = configparser.ConfigParser(interpolation=None)
    settings.read(ROOT / "tox.ini")
    return [name.strip() for name in settings["tox"]["env_list"].split(",")]


def _count(report: Path) -> Counter[str]:
    counts: Counter[str] = Counter()
    if report.exists():
        for suite in ET.parse(report).getroot().iter("testsuite"):
            total = int(suite.get("tests", 0))
            bad = {
                "failed": int(suite.get("failures", 0)),
                "error": int(suite.get("errors", 0)),
                "skipped": int(suite.get("skipped", 0)),
            }
            counts.update({name: count for name, count in bad.items() if count})
            counts["passed"] += total - sum(bad.values())
    return counts


def _last_line(outcomes: list[Outcome], status: int, seconds: float) -> str:
    total: Counter[str] = Counter()
    for outcome in outcomes:
        total.update(outcome.tests)
        if not outcome.ok and not (outcome.tests["failed"] or outcome.tests["error"]):
            total["failed"] += 1  # a check that is no test, or one that broke before its first test
    if status and not (total["failed"] or total["error"]):
        total["error"] += 1
    order = ("failed", "error", "passed", "skipped")
    words = ", ".join(f"{total[name]} {name}" for name in order if total[name]) or "no tests ran"
    return f"===== {words} in {seconds:.2f}s ====="


if __name__ == "__main__":
    sys.exit(main())
