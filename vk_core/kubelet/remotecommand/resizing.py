"""The sizes of a client's terminal: JSON values one after the other, such as `{"Width":120,"Height":40}`.

They come in pieces cut anywhere. What is no size is passed over, what is no JSON ends the matter without harm to the
command, and a client that closes the channel simply sends no more sizes.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from typing import TypeGuard

from vk_core.provider.streams import TerminalSize

MAX_PENDING = 1024
"""The longest value that is waited for, in bytes; a size has about 30."""

LARGEST = 0xFFFF
"""Sizes are 16 bits wide, on the wire and in the terminal."""


class SizeParser:
    """Finds sizes in bytes that come in pieces."""

    def __init__(self) -> None:
        self._decoder = json.JSONDecoder()
        self._pending = ""
        self._broken = False

    def feed(self, data: bytes) -> Iterator[TerminalSize]:
        """The sizes that are complete with this piece."""
        for start in range(0, len(data), MAX_PENDING):
            if self._broken:
                return
            yield from self._feed(data[start : start + MAX_PENDING])

    def _feed(self, data: bytes) -> Iterator[TerminalSize]:
        # Latin-1 never fails, and all that has a meaning is ASCII.
        text = (self._pending + data.decode("latin-1")).lstrip()
        while text:
            try:
                value, end = self._decoder.raw_decode(text)
            except (ValueError, RecursionError):
                break
            text = text[end:].lstrip()
            size = _size_of(value)
            if size is not None:
                yield size
        self._pending = text
        self._broken = len(text) > MAX_PENDING


class Resizes(AsyncIterator[TerminalSize]):
    """The sizes as the provider gets them: the newest counts, those it was too slow for are left out."""

    def __init__(self) -> None:
        self._parser = SizeParser()
        self._newest: TerminalSize | None = None
        self._over = False
        self._changed = asyncio.Event()

    def feed(self, data: bytes) -> None:
        """Take a piece from the client."""
        for size in self._parser.feed(data):
            self._newest = size
            self._changed.set()

    def end(self) -> None:
        """The session is over."""
        self._over = True
        self._changed.set()

    async def __anext__(self) -> TerminalSize:
        while self._newest is None:
            if self._over:
                raise StopAsyncIteration
            self._changed.clear()
            await self._changed.wait()
        size, self._newest = self._newest, None
        return size


def _size_of(value: object) -> TerminalSize | None:
    if not isinstance(value, dict):
        return None
    # Go's decoder, which reads this in a kubelet, does not tell cases apart either.
    fields = {name.lower(): number for name, number in value.items()}
    width, height = fields.get("width"), fields.get("height")
    if not (_is_length(width) and _is_length(height)):
        return None
    return TerminalSize(width, height)


def _is_length(value: object) -> TypeGuard[int]:
    return type(value) is int and 0 < value <= LARGEST
