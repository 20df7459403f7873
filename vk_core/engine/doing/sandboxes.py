"""Makes the surroundings of a pod's containers, volumes first, and takes them away."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path

from vk_core.api.pod import Pod
from vk_core.engine.configuration.paths import log_directory
from vk_core.engine.configuration.sandbox import sandbox_config
from vk_core.engine.deciding.actions import MakeSandbox
from vk_core.engine.doing.tools import Tools
from vk_core.engine.observed import ObservedPod
from vk_core.engine.specs import SandboxConfig
from vk_core.errors import ProviderError, Unavailable
from vk_core.host import PodVolumes
from vk_core.provider.materials import PodMaterials

SANDBOX_FAILED = "FailedCreatePodSandBox"
SANDBOX_CHANGED = "SandboxChanged"


class PodGround:
    """What the containers of one pod stand on: its sandbox and its volumes.

    Args:
        tools: what everything is done with.
        pod: the pod.
        changed: told when something that the pod refers to has changed, also while that keeps its volumes away.
    """

    def __init__(self, tools: Tools, pod: Pod, *, changed: Callable[[], None]) -> None:
        self._tools = tools
        self._changed = changed
        self._uid = pod.metadata.uid
        self._mounting = asyncio.Lock()
        self.volumes: PodVolumes | None = None
        self.materials: PodMaterials = tools.materials.of(pod)

    def config(self, pod: Pod, attempt: int) -> SandboxConfig:
        """The configuration of the pod's sandbox; raises ConfigurationError."""
        tools = self._tools
        names = self.materials.network_files()
        return sandbox_config(pod, host=tools.host, names=names, owner=tools.owner, attempt=attempt)

    @property
    def is_mounting(self) -> bool:
        """Whether volumes are being laid out or taken away."""
        return self._mounting.locked()

    async def mount(self) -> PodVolumes:
        """Have the pod's volumes laid out; raises MaterialMissing while something of them is not there."""
        async with self._mounting:
            if self.volumes is None:
                try:
                    volumes = await self._tools.volumes.open(self.materials)
                except ProviderError:
                    self.materials.follow(self._changed)  # volumes that are there follow by themselves
                    raise
                volumes.follow(self._changed)
                self.volumes = volumes
            return self.volumes

    async def make(self, pod: Pod, wanted: MakeSandbox) -> None:
        """Make a sandbox in place of those that are no longer good; raises ProviderError."""
        tools = self._tools
        await self.mount()
        config = self.config(pod, wanted.attempt)
        if wanted.replaces:
            tools.events.record(pod, SANDBOX_CHANGED, "Pod sandbox changed, it will be killed and re-created.")
        for sandbox_id in wanted.replaces:
            await tools.runtime.stop_sandbox(sandbox_id)
        try:
            await asyncio.to_thread(_make_folder, config.log_directory)
            await tools.runtime.run_sandbox(config)
        except ProviderError as error:
            text = f"Failed to create pod sandbox: {error}"
            tools.events.record(pod, SANDBOX_FAILED, text, warning=True)
            raise

    async def clear(self, pod: Pod, observed: ObservedPod) -> None:
        """Take away everything of a pod that has ended: sandboxes with their containers, volumes, logs."""
        tools = self._tools
        for sandbox in observed.sandboxes:
            await tools.runtime.stop_sandbox(sandbox.id)
        await self.unmount()
        await tools.volumes.remove(self._uid)
        known = {sandbox.id for sandbox in observed.sandboxes}
        for instances in observed.containers.values():
            for instance in instances:
                if instance.sandbox_id not in known:
                    await tools.runtime.remove_container(instance.id)
        # Last, as it is by its sandboxes that a pod is found again if this process ends meanwhile.
        for sandbox in observed.sandboxes:
            await tools.runtime.remove_sandbox(sandbox.id)
        folder = log_directory(tools.host.settings.log_root, pod)
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
        tools.puller.forget(self._uid)

    async def unmount(self) -> None:
        """Take the volumes away; the pod's containers have ended."""
        async with self._mounting:
            if self.volumes is not None:
                await self.volumes.tear_down()
                self.volumes = None

    async def close(self) -> None:
        """Leave everything as it is."""
        if self.volumes is not None:
            await self.volumes.close()


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    except OSError as error:
        raise Unavailable(f"the folder of its logs cannot be made: {error}") from error
