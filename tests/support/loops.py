"""The places where network code must work alike: asyncio and uvloop, plain TCP and TLS."""

from __future__ import annotations

import asyncio
import dataclasses
import ssl
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import uvloop

from tests.support.forwarding import tls_contexts


@dataclasses.dataclass(frozen=True)
class Stage:
    """One of them."""

    uvloop: bool
    tls: bool
    server_tls: ssl.SSLContext | None = None
    client_tls: ssl.SSLContext | None = None

    def prepared(self, directory: Path) -> Stage:
        """With its certificates."""
        if not self.tls:
            return self
        server, client = tls_contexts(directory)
        return dataclasses.replace(self, server_tls=server, client_tls=client)

    def run(self, scenario: Coroutine[Any, Any, None]) -> None:
        """Run a test; whatever the loop complains about fails it."""
        complaints: list[dict[str, Any]] = []
        with asyncio.Runner(loop_factory=uvloop.new_event_loop if self.uvloop else None) as runner:
            runner.get_loop().set_exception_handler(lambda _loop, context: complaints.append(context))
            runner.run(scenario)
        assert complaints == []

    def __str__(self) -> str:
        return f"{'uvloop' if self.uvloop else 'asyncio'}-{'tls' if self.tls else 'plain'}"


def stages() -> list[Stage]:
    """All four."""
    return [Stage(fast, tls) for fast in (False, True) for tls in (False, True)]
