"""Joins the rules of materials with where objects come from, for all pods of a node."""

from __future__ import annotations

from vk_core.api.pod import Pod
from vk_core.provider.materials import PodMaterials


class MaterialsService:
    """Gives providers the materials of pods."""

    def of(self, pod: Pod) -> PodMaterials:
        """The materials of a pod."""
        raise NotImplementedError(f"materials of {pod.metadata.name}")
