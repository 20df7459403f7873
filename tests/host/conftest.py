"""Volumes on this machine: as root with real mounts, and without any privilege wherever that makes no difference."""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.support.components import lacking
from tests.support.mounts import unmount_below
from vk_core.host import HostVolumes, Privileges

UNPRIVILEGED = Privileges(mounts=False, owners=False, groups=frozenset(os.getgroups()))


@pytest.fixture
def base(tmp_path: Path) -> Iterator[Path]:
    """A folder for volumes; nothing stays mounted below it, however the test ends."""
    folder = tmp_path / "node with a space"
    yield folder
    unmount_below(tmp_path)


@pytest.fixture
def as_root() -> None:
    """For tests that mount."""
    if not Privileges.of_process().mounts:
        lacking("this test mounts: it needs root with CAP_SYS_ADMIN")


@pytest.fixture(params=["with root", "without root"])
async def volumes(base: Path, request: pytest.FixtureRequest) -> AsyncIterator[HostVolumes]:
    """The volumes of a node, by a process that may mount and by one that may not."""
    if request.param == "with root":
        request.getfixturevalue("as_root")
    made = HostVolumes(
        base, log=logging.getLogger("test"), privileges=None if request.param == "with root" else UNPRIVILEGED
    )
    yield made
    await made.close()


@pytest.fixture
async def unprivileged(base: Path) -> AsyncIterator[HostVolumes]:
    """The volumes of a node, by a process that may not mount."""
    made = HostVolumes(base, log=logging.getLogger("test"), privileges=UNPRIVILEGED)
    yield made
    await made.close()


@pytest.fixture
async def privileged(base: Path, as_root: None) -> AsyncIterator[HostVolumes]:
    """The volumes of a node, by a process that may mount."""
    made = HostVolumes(base, log=logging.getLogger("test"))
    yield made
    await made.close()
