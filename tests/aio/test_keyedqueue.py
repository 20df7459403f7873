"""The work queue: every key is handled after its last change, one at a time, each with a back-off of its own."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from vk_core.aio.backoff import Backoff
from vk_core.aio.keyedqueue import RETRY, KeyedQueue
from vk_core.errors import Unavailable
from vk_core.testing import run_in_virtual_time, virtual_time

NO_JITTER = Backoff(first_seconds=1.0, limit_seconds=300.0, jitter=0.0)


@contextlib.asynccontextmanager
async def running(
    handle: Callable[[str], Awaitable[float | None]], *, workers: int = 4, backoff: Backoff = NO_JITTER
) -> AsyncIterator[KeyedQueue[str]]:
    queue = KeyedQueue("test", handle, workers=workers, backoff=backoff)
    task = asyncio.create_task(queue.run())
    try:
        yield queue
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@pytest.mark.parametrize("seed", range(20))
def test_every_key_is_handled_after_its_last_change_and_never_twice_at_once(seed: int) -> None:
    draw = random.Random(seed)
    wanted: dict[str, int] = {}
    seen: dict[str, int] = {}
    active: Counter[str] = Counter()

    async def handle(key: str) -> float | None:
        active[key] += 1
        assert active[key] == 1
        assert sum(active.values()) <= 3
        value = wanted[key]
        try:
            await asyncio.sleep(draw.choice([0, 0, 0.3, 2]))
            if draw.random() < 0.2:
                raise Unavailable("not now")
            seen[key] = value
        finally:
            active[key] -= 1
        return None

    async def scenario() -> None:
        async with running(handle, workers=3) as queue:
            for step in range(200):
                key = draw.choice("abcdef")
                wanted[key] = step
                queue.add(key, urgent=draw.random() < 0.3)
                if draw.random() < 0.1:
                    queue.add_after(key, draw.random())
                await asyncio.sleep(draw.choice([0, 0, 0.1, 1]))
            await asyncio.sleep(10_000)
            assert seen == wanted

    run_in_virtual_time(scenario())


@virtual_time
async def test_first_tries_are_never_limited_in_rate() -> None:
    """B9: a token for every first add made a thousand pods take a minute and a half."""
    loop = asyncio.get_running_loop()
    handled: list[str] = []

    async def handle(key: str) -> None:
        handled.append(key)

    async with running(handle) as queue:
        for number in range(10_000):
            queue.add(str(number))
        await queue.join()
        assert (len(handled), loop.time()) == (10_000, 0.0)


@virtual_time
async def test_a_key_that_fails_is_tried_every_five_minutes_for_ever() -> None:
    """B4: a key was forgotten after 20 failures."""
    loop = asyncio.get_running_loop()
    tries: list[float] = []

    async def handle(_key: str) -> None:
        tries.append(loop.time())
        raise Unavailable("the back end is away")

    async with running(handle) as queue:
        queue.add("pod")
        await asyncio.sleep(7 * 24 * 3600)
    pauses = [after - before for before, after in itertools.pairwise(tries)]
    assert pauses[:4] == [1.0, 2.0, 4.0, 8.0]
    assert set(pauses[9:]) == {300.0}
    assert len(tries) > 2000
    assert RETRY.limit_seconds == 300.0


@virtual_time
async def test_a_success_ends_the_back_off() -> None:
    loop = asyncio.get_running_loop()
    outcomes = iter([False, False, False, True, False, True])
    tries: list[float] = []

    async def handle(_key: str) -> None:
        tries.append(loop.time())
        if not next(outcomes):
            raise Unavailable("not now")

    async with running(handle) as queue:
        queue.add("pod")
        await asyncio.sleep(100)
        queue.add("pod")
        await asyncio.sleep(100)
    assert tries == [0.0, 1.0, 3.0, 7.0, 100.0, 101.0]


@virtual_time
async def test_a_back_off_is_cut_short_only_by_what_is_urgent() -> None:
    loop = asyncio.get_running_loop()
    tries: list[float] = []

    async def handle(_key: str) -> None:
        tries.append(loop.time())
        raise Unavailable("not now")

    async with running(handle, backoff=Backoff(first_seconds=300.0, limit_seconds=300.0, jitter=0.0)) as queue:
        queue.add("pod")
        await asyncio.sleep(10)
        queue.add("pod")
        await asyncio.sleep(10)
        assert tries == [0.0]
        queue.add("pod", urgent=True)
        await asyncio.sleep(1)
        assert tries == [0.0, 20.0]


@virtual_time
async def test_what_is_urgent_is_not_forgotten_when_it_comes_during_a_try_that_fails() -> None:
    loop = asyncio.get_running_loop()
    tries: list[float] = []

    async def handle(_key: str) -> None:
        tries.append(loop.time())
        await asyncio.sleep(60)
        if len(tries) == 1:
            raise Unavailable("the back end hung")

    async with running(handle, backoff=Backoff(first_seconds=300.0, limit_seconds=300.0, jitter=0.0)) as queue:
        queue.add("pod")
        await asyncio.sleep(30)
        queue.add("pod", urgent=True)
        await asyncio.sleep(100)
        assert tries == [0.0, 60.0]


@virtual_time
async def test_one_key_that_hangs_holds_up_no_other() -> None:
    handled: list[str] = []

    async def handle(key: str) -> None:
        if key == "hung":
            await asyncio.Event().wait()
        handled.append(key)

    async with running(handle, workers=2) as queue:
        for key in ["hung", "a", "b", "c"]:
            queue.add(key)
        await asyncio.sleep(1)
        assert handled == ["a", "b", "c"]


@virtual_time
async def test_a_bug_in_the_handler_is_shown_once_and_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    handled: list[str] = []

    async def handle(key: str) -> None:
        if key == "broken":
            raise KeyError("oops")
        handled.append(key)

    async with running(handle) as queue:
        queue.add("broken")
        await asyncio.sleep(20)
        queue.add("fine")
        await asyncio.sleep(1)
    assert handled == ["fine"]
    assert len(caplog.records) > 3
    assert [bool(record.exc_info) for record in caplog.records][:3] == [True, False, False]


@virtual_time
async def test_a_number_that_the_handler_returns_brings_the_key_back_after_so_many_seconds() -> None:
    loop = asyncio.get_running_loop()
    tries: list[float] = []

    async def handle(_key: str) -> float:
        tries.append(loop.time())
        return 10.0

    async with running(handle) as queue:
        queue.add("pod")
        await asyncio.sleep(15)
        queue.add("pod")
        await asyncio.sleep(14)
    assert tries == [0.0, 10.0, 15.0, 25.0]


@virtual_time
async def test_a_queue_on_hold_starts_nothing_and_forgetting_a_key_drops_its_retry() -> None:
    handled: list[str] = []

    async def handle(key: str) -> None:
        handled.append(key)
        raise Unavailable("not now")

    async with running(handle) as queue:
        queue.add("forgotten")
        await asyncio.sleep(0.5)
        queue.forget("forgotten")
        queue.hold()
        queue.add("held")
        await asyncio.sleep(1000)
        assert handled == ["forgotten"]
