"""What every session must leave behind: nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

DEADLINE_SECONDS = 5.0


@pytest.fixture
async def nothing_left() -> AsyncIterator[None]:
    """Fails a test that leaves a task or a descriptor behind."""
    tasks, descriptors = asyncio.all_tasks(), _descriptors()
    yield
    try:
        async with asyncio.timeout(DEADLINE_SECONDS):
            while _others(tasks) or _descriptors() > descriptors:  # noqa: ASYNC110 - nothing tells of a closed descriptor
                await asyncio.sleep(0.001)
    except TimeoutError:
        pytest.fail(f"left behind: {_others(tasks)}, descriptors {descriptors} -> {_descriptors()}")


def _others(tasks: set[asyncio.Task[object]]) -> set[asyncio.Task[object]]:
    return asyncio.all_tasks() - tasks - {asyncio.current_task()}


def _descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))
