"""Things that run together end together, and what went wrong is said plainly."""

from __future__ import annotations

import asyncio

import pytest

from vk_core.aio.tasks import run_together, run_until_done
from vk_core.errors import Unavailable
from vk_core.testing import virtual_time


async def for_ever(cleaned: list[str]) -> None:
    try:
        await asyncio.Event().wait()
    finally:
        await asyncio.sleep(1)
        cleaned.append("done")


async def fail_after(seconds: float) -> None:
    await asyncio.sleep(seconds)
    raise Unavailable("gone")


@virtual_time
async def test_a_failure_ends_all_and_comes_out_as_it_was_raised() -> None:
    cleaned: list[str] = []
    with pytest.raises(Unavailable, match="gone"):
        await run_together(one=for_ever(cleaned), two=fail_after(3), three=for_ever(cleaned))
    assert cleaned == ["done", "done"]


@virtual_time
async def test_a_failure_inside_a_group_is_shown_without_the_group() -> None:
    async def grouped() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(fail_after(1))

    with pytest.raises(Unavailable, match="gone"):
        await run_together(one=grouped(), two=for_ever([]))


@virtual_time
async def test_work_that_is_done_ends_its_helpers_and_a_cancellation_ends_both() -> None:
    cleaned: list[str] = []
    await run_until_done(asyncio.sleep(1), helper=for_ever(cleaned))
    assert cleaned == ["done"]
    task = asyncio.create_task(run_together(one=for_ever(cleaned), two=for_ever(cleaned)))
    await asyncio.sleep(1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert cleaned == ["done"] * 3
