"""What tests of a whole node share: a cluster, and a folder of the test for the certificates."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from vk_core.devcluster.cluster import DevCluster


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the user's state is kept."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state"


@pytest.fixture
async def cluster() -> AsyncIterator[DevCluster]:
    """A cluster in memory, served over TLS."""
    async with DevCluster() as found:
        yield found
