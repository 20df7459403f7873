"""The token bucket, on virtual time."""

from __future__ import annotations

import asyncio

from vk_core.aio.backoff import Backoff
from vk_core.aio.ratelimit import TokenBucket
from vk_core.testing import virtual_time


@virtual_time
async def test_a_bucket_lets_a_burst_through_and_then_its_rate() -> None:
    loop = asyncio.get_running_loop()
    bucket = TokenBucket(per_second=10.0, burst=5)
    times = []
    for _ in range(15):
        await bucket.wait()
        times.append(round(loop.time(), 6))
    assert times == [0.0] * 5 + [round(0.1 * step, 6) for step in range(1, 11)]


@virtual_time
async def test_those_who_wait_go_through_in_the_order_they_came() -> None:
    bucket = TokenBucket(per_second=1.0, burst=1)
    order: list[int] = []

    async def one(number: int) -> None:
        await bucket.wait()
        order.append(number)

    await asyncio.gather(*(one(number) for number in range(20)))
    assert order == list(range(20))


@virtual_time
async def test_a_bucket_never_holds_more_than_its_burst() -> None:
    bucket = TokenBucket(per_second=1.0, burst=3)
    await asyncio.sleep(1000)
    assert [bucket.take() for _ in range(5)] == [True, True, True, False, False]
    await asyncio.sleep(1)
    assert [bucket.take(), bucket.take()] == [True, False]


def test_delays_double_up_to_the_limit_and_are_spread_by_jitter() -> None:
    plain = Backoff(first_seconds=0.1, limit_seconds=300.0, jitter=0.0)
    assert [plain.delay_seconds(failures) for failures in (1, 2, 3, 12, 13, 10_000)] == [
        0.1, 0.2, 0.4, 204.8, 300.0, 300.0,
    ]  # fmt: skip
    spread = {Backoff(first_seconds=10.0, limit_seconds=10.0, jitter=0.2).delay_seconds(1) for _ in range(50)}
    assert len(spread) > 10
    assert all(8.0 <= delay <= 10.0 for delay in spread)
