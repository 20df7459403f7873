"""For all tests, of core, plug-ins and examples."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.mounts import unmount_below


@pytest.fixture(scope="session", autouse=True)
def nothing_stays_mounted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Pods that outlive virtual-kubelet keep their volumes, but not longer than the tests."""
    yield
    unmount_below(tmp_path_factory.getbasetemp())
