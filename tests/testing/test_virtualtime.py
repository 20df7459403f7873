from __future__ import annotations

import asyncio
import time

import pytest

from vk_core.testing import run_in_virtual_time, virtual_time


def test_a_day_passes_in_no_time() -> None:
    async def a_day() -> float:
        await asyncio.sleep(86400)
        return asyncio.get_running_loop().time()

    before = time.monotonic()
    assert run_in_virtual_time(a_day()) == pytest.approx(86400)
    assert time.monotonic() - before < 5


@virtual_time
async def test_timers_fire_in_the_order_of_their_times() -> None:
    loop, fired = asyncio.get_running_loop(), list[tuple[float, str]]()

    def fire(name: str) -> None:
        fired.append((loop.time(), name))

    for delay, name in ((3.0, "late"), (1.0, "early"), (2.0, "middle")):
        loop.call_later(delay, fire, name)
    await asyncio.sleep(10)
    assert fired == [(1.0, "early"), (2.0, "middle"), (3.0, "late")]


@virtual_time
async def test_a_time_out_is_virtual_too() -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(3600):
            await asyncio.Event().wait()


@virtual_time
async def test_a_thread_can_still_wake_the_loop_when_nothing_else_is_to_happen() -> None:
    assert await asyncio.to_thread(lambda: "done") == "done"


def test_an_error_in_a_callback_is_not_lost() -> None:
    async def fail_behind_the_back() -> None:
        asyncio.get_running_loop().call_later(1, [].pop)
        await asyncio.sleep(2)

    with pytest.raises(IndexError):
        run_in_virtual_time(fail_behind_the_back())


def test_arguments_reach_a_test_on_virtual_time() -> None:
    @virtual_time
    async def test(number: int) -> None:
        assert number == 3

    test(3)
    with pytest.raises(AssertionError):
        test(number=4)
