"""Finding providers and hooks in installed packages, and reading their settings.

Only names live here, so that a plug-in can import the marker without importing anything else.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pluggy import HookimplMarker

    hookimpl: HookimplMarker
    """Marks a function as the implementation of the hook of the same name (see `vk_core.plugin.spec`)."""

PROVIDER_GROUP = "virtual_kubelet.providers"
"""Entry points of this group name a `vk_core.provider.ProviderPlugin`."""

HOOK_GROUP = "virtual_kubelet.hooks"
"""Entry points of this group name a module or an object whose functions carry `hookimpl`."""

HOOK_PROJECT = "virtual_kubelet"
"""The name that pluggy knows the hooks by."""

__all__ = ["HOOK_GROUP", "HOOK_PROJECT", "PROVIDER_GROUP", "hookimpl"]


def __getattr__(name: str) -> object:
    if name != "hookimpl":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    marker = importlib.import_module("pluggy").HookimplMarker(HOOK_PROJECT)
    globals()["hookimpl"] = marker
    return marker
