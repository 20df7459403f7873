"""The process provider keeps the provider contract."""

from __future__ import annotations

from pathlib import Path

import pytest

from vk_core.api.pod import Pod
from vk_core.testing import ProviderContract, ProviderFactory, make_container, make_context, make_pod
from vk_process.provider import ProcessProvider
from vk_process.settings import ProcessSettings


class TestProcess(ProviderContract):
    @pytest.fixture
    def make_provider(self, tmp_path: Path) -> ProviderFactory:
        return lambda: ProcessProvider(make_context(ProcessSettings(folder=str(tmp_path))))

    def impossible_pod(self) -> Pod:
        return make_pod(containers=(make_container(command=()),))
