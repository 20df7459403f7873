"""What a child process does for `providers list`: import one provider and tell what came of it.

The child exists so that the list itself imports nothing: a plug-in that takes its time, prints, changes global state or
ends the process does so alone.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from vk_core.errors import PluginError
from vk_core.plugin.entries import Entry

COMMAND = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from vk_core.plugin.probe import main; main(sys.argv[2])"
)
"""Python code of the child; its arguments are the parent's `sys.path` and the entry, both as JSON."""


def main(entry: str) -> None:
    """Prints the verdict about an entry as JSON on what was standard output; the plug-in's own output is dropped."""
    answer = os.dup(1)
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    verdict = json.dumps(probe(Entry(**json.loads(entry)))).encode()
    os.write(answer, verdict)
    # Threads that the plug-in may have started must not keep the child alive.
    os._exit(0)


def probe(entry: Entry) -> dict[str, Any]:
    """Imports a provider and returns `problem`, or `api` and `description`."""
    try:
        from vk_core.plugin.discovery import load_entry

        plugin = load_entry(entry)
    except PluginError as error:
        return {"problem": str(error)}
    return {"api": plugin.api, "description": plugin.description}


def command(entry: dict[str, str]) -> list[str]:
    """The command line of a child."""
    return [sys.executable, "-c", COMMAND, json.dumps(sys.path), json.dumps(entry)]
