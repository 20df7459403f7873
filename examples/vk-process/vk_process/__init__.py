"""Containers that are processes of this machine, isolated by nothing: a provider for tests, and to read.

Read `vk_process.provider` first.
"""

from vk_core.provider import ProviderPlugin
from vk_process.provider import ProcessProvider
from vk_process.settings import ProcessSettings

__all__ = ["PROVIDER"]

PROVIDER = ProviderPlugin(
    api=1,
    description="Containers as processes of this machine, isolated by nothing; for tests",
    settings=ProcessSettings,
    create=ProcessProvider,
)
