"""The provider `cri`: pods on a container runtime of the machine that speaks CRI v1, such as containerd or CRI-O."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vk_core.provider import ProviderContext, ProviderPlugin
from vk_cri.settings import CriSettings, problems

if TYPE_CHECKING:
    from vk_core.provider import Provider


def _create(context: ProviderContext[CriSettings]) -> Provider:
    from vk_cri.provider import CriProvider

    return CriProvider(context)


PROVIDER = ProviderPlugin(
    api=1,
    description="Pods on a container runtime of this machine, by CRI v1 (containerd, CRI-O).",
    settings=CriSettings,
    create=_create,
    check=problems,
)
