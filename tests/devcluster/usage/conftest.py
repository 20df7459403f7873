"""A cluster with one node, whose kubelet is a script."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.devcluster.client import Client
from tests.devcluster.kubelets.fakekubelet import FakeKubelet, fake_kubelet, register
from vk_core.devcluster import DevCluster


@pytest.fixture
async def kubelet(cluster: DevCluster, client: Client, tmp_path: Path) -> AsyncIterator[FakeKubelet]:
    """The kubelet of node `n`, where pods `p` and `many` are."""
    async with fake_kubelet(cluster, tmp_path) as kubelet:
        await register(client, kubelet.port)
        yield kubelet
