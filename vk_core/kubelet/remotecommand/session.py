"""One exec or attach connection as the runner sees it, whatever the wire."""

from __future__ import annotations

import asyncio
from typing import Protocol

from vk_core.kubelet.remotecommand.outcome import Outcome
from vk_core.provider.streams import ContainerIO


class Session(Protocol):
    """A client that is connected and has all the streams it asked for.

    Attributes:
        io: what the provider gets. Once the client is gone, reading and writing raise ConnectionResetError.
        gone: set when the client went away, broke the protocol, or was idle for too long.
    """

    io: ContainerIO
    gone: asyncio.Event

    async def finish(self, outcome: Outcome) -> None:
        """Tell the outcome after the last byte of output, and let the client close; one that is gone is no error."""
        ...
