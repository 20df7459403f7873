"""The provider keeps the provider contract on a real containerd."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from scripts.containerd.containerd import Containerd
from vk_core.api.container import SecurityContext, WindowsSecurityContextOptions
from vk_core.api.pod import Pod
from vk_core.testing import ProviderContract, ProviderFactory, make_container, make_context, make_materials, make_pod
from vk_cri.provider import CriProvider
from vk_cri.settings import CriSettings

from .conftest import BUSYBOX

PORT = 8080
ECHO = ("nc", "-ll", "-p", str(PORT), "-e", "cat")


class TestCri(ProviderContract):
    image = BUSYBOX
    other_image = "registry.example/test/by-number:1"
    closed_port = 9
    held_bytes = 32 << 20  # what fits into sockets and pipes on the way and back
    keeps_pods = True

    @pytest.fixture
    def make_provider(self, containerd: Containerd, tmp_path: Path) -> ProviderFactory:
        settings = CriSettings(
            runtime_endpoint=containerd.endpoint,
            log_root=str(tmp_path / "logs"),
            volume_root=str(tmp_path / "volumes"),
            cgroup_parent="/vk-cri-tests",
        )
        materials = make_materials()
        return lambda: CriProvider(make_context(settings, materials=materials))

    def pod(self, name: str = "web", **fields: Any) -> Pod:
        return super().pod(name, **{"termination_grace_period_seconds": 2, **fields})

    def echoing_pod(self) -> tuple[Pod, int]:
        return make_pod("echo", containers=(make_container(image=self.image, command=ECHO),)), PORT

    def impossible_pod(self) -> Pod:
        windows = SecurityContext(windows_options=WindowsSecurityContextOptions(host_process=True))
        return make_pod(containers=(make_container(image=self.image, security_context=windows),))
