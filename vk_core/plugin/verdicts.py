"""Which installed providers work, without importing any of them into this process.

Whether a plug-in imports can only be found out by importing it. That is done in one child process per provider, all at
the same time, and a good answer is remembered in the user's cache directory until anything changes that it may depend
on: the installed packages, the plug-in's files, Python, or this package. Bad answers are never remembered.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from vk_core.plugin import PROVIDER_GROUP
from vk_core.plugin.entries import Entry, ambiguous, installed
from vk_core.plugin.probe import command
from vk_core.version import __version__

PROBE_SECONDS = 30.0
"""How long importing one provider may take."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """What is known about one installed provider.

    Attributes:
        entry: where it comes from.
        problem: why it cannot be used, with its package; empty when it can.
        api: the provider interface it is made for; None when that is not known.
        description: its own words about itself.
    """

    entry: Entry
    problem: str = ""
    api: int | None = None
    description: str = ""

    def shortly(self) -> str:
        """The problem without the names that stand beside it, or the description."""
        return self.problem.removeprefix(f"provider {self.entry.name!r} of {self.entry.origin} ") or self.description


class Verdicts:
    """Starts looking at all installed providers at once; `wait` gives the answers."""

    def __init__(self, cache: Path | None, entries: Sequence[Entry] | None = None) -> None:
        self._cache = cache
        self._entries = installed(PROVIDER_GROUP) if entries is None else tuple(entries)
        self._known = _read(cache)
        self._marks = {entry: fingerprint(entry) for entry in self._entries}
        unknown = (entry for entry in self._entries if self._remembered(entry) is None)
        self._children = {entry: _start(entry) for entry in unknown}

    def wait(self) -> list[Verdict]:
        """One verdict per installed provider; takes as long as the slowest import that is not remembered."""
        verdicts = []
        for entry in self._entries:
            answer = self._remembered(entry) or _finish(entry, self._children[entry])
            same = [other for other in self._entries if other.name == entry.name]
            if len(same) > 1:
                answer = {"problem": ambiguous(same)}
            elif not answer.get("problem"):
                self._known[_key(entry)] = {**answer, "fingerprint": self._marks[entry]}
            verdicts.append(Verdict(entry=entry, **answer))
        if self._children:
            _write(self._cache, self._known)
        return verdicts

    def _remembered(self, entry: Entry) -> dict[str, Any] | None:
        if entry.problem:
            return {"problem": f"provider {entry.name!r} of {entry.origin} cannot be loaded: {entry.problem}"}
        known = self._known.get(_key(entry), {})
        if known.get("fingerprint") != self._marks[entry]:
            return None
        return {"api": known.get("api"), "description": known.get("description", "")}


def _start(entry: Entry) -> subprocess.Popen[bytes]:
    arguments = command(dataclasses.asdict(entry))
    return subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)


def _finish(entry: Entry, child: subprocess.Popen[bytes]) -> dict[str, Any]:
    sentence = f"provider {entry.name!r} of {entry.origin} cannot be loaded: importing {entry.module}"
    try:
        output, _ = child.communicate(timeout=PROBE_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        child.communicate()
        return {"problem": f"{sentence} takes longer than {PROBE_SECONDS:.0f} s"}
    try:
        answer: dict[str, Any] = json.loads(output)
    except ValueError:
        return {"problem": f"{sentence} ended the Python process with status {child.returncode}"}
    return answer


def cache_file() -> Path | None:
    """Where this environment's verdicts are remembered; None when the user has no home."""
    environment = hashlib.sha256(sys.prefix.encode()).hexdigest()[:16]
    base = os.environ.get("XDG_CACHE_HOME", "")
    try:
        root = Path(base) if Path(base).is_absolute() else Path.home() / ".cache"
    except RuntimeError:
        return None
    return root / "virtual-kubelet" / f"providers-{environment}.json"


def fingerprint(entry: Entry) -> str:
    """Changes whenever the verdict about a provider may have changed."""
    parts: list[object] = [sys.version, __version__, dataclasses.astuple(entry)]
    parts += [(path, _changed(path)) for path in sys.path]
    parts += [(path, _changed(path)) for path in sorted(_sources(entry.module.partition(".")[0]))]
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def _changed(path: str) -> int:
    try:
        return os.stat(path).st_mtime_ns  # noqa: PTH116 - hundreds of them, and Path is slow
    except OSError:
        return 0


def _sources(package: str) -> Iterator[str]:
    """The Python files of a top-level package, which is located but not imported."""
    try:
        spec = importlib.util.find_spec(package)
    except (ImportError, ValueError):
        return
    if spec is None:
        return
    if spec.origin:
        yield spec.origin
    for location in spec.submodule_search_locations or ():
        yield from _python_files(os.walk(location))


def _python_files(folders: Iterable[tuple[str, list[str], list[str]]]) -> Iterator[str]:
    for folder, _, names in folders:
        yield from (f"{folder}{os.sep}{name}" for name in names if name.endswith((".py", ".so", ".pyd")))


def _key(entry: Entry) -> str:
    return f"{entry.package}:{entry.name}"


def _read(cache: Path | None) -> dict[str, Any]:
    """What is remembered; a file that is missing, foreign or damaged is the same as none."""
    try:
        known = json.loads(cache.read_bytes()) if cache is not None else {}
    except (OSError, ValueError):
        return {}
    if not isinstance(known, dict):
        return {}
    return {key: verdict for key, verdict in known.items() if isinstance(verdict, dict)}


def _write(cache: Path | None, known: dict[str, Any]) -> None:
    """Replaces the file at once; a cache that cannot be written only costs time."""
    if cache is None:
        return
    temporary = cache.with_suffix(f".{os.getpid()}")
    with contextlib.suppress(OSError):
        cache.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        temporary.write_text(json.dumps(known), encoding="utf-8")
        temporary.replace(cache)
