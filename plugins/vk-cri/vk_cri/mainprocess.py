"""The process of this machine that a container's main process is: runtimes say it beyond CRI, in JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping


def main_process(info: Mapping[str, str]) -> int | None:
    """Its number, from the `info` of a verbose status; None if it does not run, or the runtime does not say."""
    try:
        pid = json.loads(info.get("info", "{}")).get("pid")
    except (ValueError, AttributeError):
        return None
    return pid if isinstance(pid, int) and pid > 1 else None
