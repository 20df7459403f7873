"""A real containerd for the tests in this folder that ask for one, and pods to make in it."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from scripts.containerd.containerd import Containerd
from scripts.containerd.programs import ContainerdError, install
from tests.support.components import lacking
from vk_core.engine import identity
from vk_core.engine.specs import ContainerConfig, SandboxConfig
from vk_cri.runtime import CriRuntime
from vk_cri.settings import CriSettings

CGROUPS = Path("/sys/fs/cgroup")
CGROUP_PARENT = "/vk-cri-tests"
BUSYBOX = "docker.io/library/busybox:latest"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What asks for containerd carries its marker."""
    for item in items:
        if "containerd" in getattr(item, "fixturenames", ()):
            item.add_marker("containerd")


@pytest.fixture(scope="session")
def containerd() -> Iterator[Containerd]:
    """One containerd for all tests; a test that stops it starts it again."""
    try:
        install()
        running = Containerd()
    except ContainerdError as error:
        lacking(str(error))
    with running:
        yield running


@dataclasses.dataclass
class Pods:
    """Makes pods in a runtime, and takes them away at the end."""

    runtime: CriRuntime
    logs: Path
    image_id: str = ""
    sandboxes: list[str] = dataclasses.field(default_factory=list)

    def sandbox(self, **changes: Any) -> SandboxConfig:
        uid = str(uuid.uuid4())
        names = {identity.POD_NAME: "pod", identity.POD_NAMESPACE: "test", identity.POD_UID: uid}
        config = SandboxConfig(
            name="pod",
            namespace="test",
            uid=uid,
            hostname="pod",
            log_directory=self.logs / f"test_pod_{uid}",
            labels={**names, identity.OWNER: "tests"},
            cgroup_parent=f"{CGROUP_PARENT}/{uid}",
        )
        return dataclasses.replace(config, **changes)

    def container(self, sandbox: SandboxConfig, *command: str, name: str = "main", **changes: Any) -> ContainerConfig:
        config = ContainerConfig(
            name=name,
            image_id=self.image_id,
            image=BUSYBOX,
            command=command,
            labels={**sandbox.labels, identity.CONTAINER_NAME: name},
            log_path=f"{name}/0.log",
        )
        return dataclasses.replace(config, **changes)

    async def run_sandbox(self, config: SandboxConfig) -> str:
        sandbox_id = await self.runtime.run_sandbox(config)
        self.sandboxes.append(sandbox_id)
        return sandbox_id

    async def run(self, *command: str, sandbox: SandboxConfig | None = None, **changes: Any) -> tuple[str, str, str]:
        """A pod with one container that was started: its UID, its sandbox and the container."""
        config = sandbox or self.sandbox()
        sandbox_id = await self.run_sandbox(config)
        container = self.container(config, *command, **changes)
        container_id = await self.runtime.create_container(sandbox_id, container, config)
        await self.runtime.start_container(container_id)
        return config.uid, sandbox_id, container_id

    async def remove_all(self) -> None:
        for sandbox_id in self.sandboxes:
            await self.runtime.stop_sandbox(sandbox_id)
            await self.runtime.remove_sandbox(sandbox_id)
        await asyncio.to_thread(_remove_cgroups)


def _remove_cgroups() -> None:
    """Runtimes make the cgroups that pods are in, and leave them behind."""
    for folder in (*CGROUPS.glob(f"*{CGROUP_PARENT}/*"), *CGROUPS.glob(f"{CGROUP_PARENT[1:]}/*")):
        if folder.is_dir():
            with contextlib.suppress(OSError):
                folder.rmdir()


@pytest.fixture
def settings(containerd: Containerd, tmp_path: Path) -> CriSettings:
    """How to reach it."""
    return CriSettings(runtime_endpoint=containerd.endpoint, log_root=str(tmp_path / "logs"))


@pytest.fixture
async def pods(settings: CriSettings) -> AsyncIterator[Pods]:
    """Makes pods with one runtime adapter."""
    runtime = CriRuntime(settings)
    made = Pods(runtime, Path(settings.log_root))
    made.image_id = await runtime.pull(BUSYBOX, None, made.sandbox())
    yield made
    await made.remove_all()
    await runtime.close()
