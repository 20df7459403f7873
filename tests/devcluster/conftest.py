"""A dev cluster for every test, and a client of it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.devcluster.client import Client
from vk_core.devcluster import DevCluster


@pytest.fixture
async def cluster() -> AsyncIterator[DevCluster]:
    """A cluster with a scheduler."""
    async with DevCluster() as cluster:
        yield cluster


@pytest.fixture
async def client(cluster: DevCluster) -> AsyncIterator[Client]:
    """A client of the cluster."""
    async with Client(cluster) as client:
        yield client
