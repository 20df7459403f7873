"""Input that nobody reads stays in the network."""

from __future__ import annotations

import asyncio

import pytest

from vk_core.kubelet.remotecommand.inbox import CAPACITY, Inbox


async def test_a_full_inbox_asks_to_wait_until_somebody_reads() -> None:
    inbox = Inbox()
    inbox.feed(b"x" * (CAPACITY - 1))
    assert inbox.has_room
    inbox.feed(b"x")
    waiting = asyncio.create_task(inbox.room())
    await asyncio.sleep(0)
    assert not waiting.done()
    assert len(await inbox.read()) == 64 * 1024
    await asyncio.wait_for(waiting, 1)


async def test_the_end_comes_after_what_was_sent_and_stays() -> None:
    inbox = Inbox()
    inbox.feed(b"last words")
    inbox.feed_eof()
    inbox.feed(b"behind the end")
    assert [await inbox.read() for _ in range(3)] == [b"last words", b"", b""]


async def test_a_client_that_is_gone_is_no_end_of_input() -> None:
    inbox = Inbox()
    reading = asyncio.create_task(inbox.read())
    await asyncio.sleep(0)
    inbox.break_off()
    with pytest.raises(ConnectionResetError):
        await reading


async def test_nothing_is_held_for_a_command_that_has_ended() -> None:
    inbox = Inbox()
    inbox.feed(b"x" * CAPACITY)
    inbox.break_off()
    inbox.feed(b"x" * CAPACITY)
    assert inbox.held == 0
    await asyncio.wait_for(inbox.room(), 1)
