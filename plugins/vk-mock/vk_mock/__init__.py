"""Pods that exist in memory: a provider to try out, to test and to load a cluster with, and the example to copy.

Read `vk_mock.provider` first; it is a whole provider on one page.
"""

from vk_core.provider import ProviderPlugin
from vk_mock.provider import MockProvider
from vk_mock.settings import MockSettings, problems

__all__ = ["PROVIDER"]

PROVIDER = ProviderPlugin(
    api=1,
    description="Pods that exist in memory, for trying out and for tests",
    settings=MockSettings,
    create=MockProvider,
    check=problems,
)
