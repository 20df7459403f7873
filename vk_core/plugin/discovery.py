"""Providers by name: which are installed, and loading the one that is asked for, alone.

What goes wrong is told as a sentence that names both sides, the package it came from and what to do about it.
"""

from __future__ import annotations

import importlib
from typing import Any

from vk_core.errors import PluginError
from vk_core.plugin import PROVIDER_GROUP
from vk_core.plugin.entries import Entry, ambiguous, did_you_mean, installed
from vk_core.provider.plugin import ProviderPlugin
from vk_core.provider.protocol import PROVIDER_API
from vk_core.version import __version__


def find_provider(name: str) -> Entry:
    """The entry point of a provider.

    Raises:
        PluginError: no package offers it, or several do.
    """
    entries = installed(PROVIDER_GROUP)
    matching = [entry for entry in entries if entry.name == name]
    if not matching:
        known = [entry.name for entry in entries if not entry.problem]
        ending = did_you_mean(name, known) or "; none is installed, try: pip install vk-mock"
        raise PluginError(f"no provider is called {name!r}{ending}")
    if len(matching) > 1:
        raise PluginError(ambiguous(matching))
    return matching[0]


def load_provider(name: str) -> ProviderPlugin[Any]:
    """Imports a provider by its name, and nothing else.

    Raises:
        PluginError: it is unknown, does not import, is no provider, or is made for another provider interface.
    """
    return load_entry(find_provider(name))


def load_entry(entry: Entry) -> ProviderPlugin[Any]:
    """Imports the provider of an entry point.

    Raises:
        PluginError: as for `load_provider`.
    """
    loaded = import_entry(entry, "provider")
    if not isinstance(loaded, ProviderPlugin):
        raise PluginError(
            f"provider {entry.name!r} of {entry.origin} cannot be used: {entry.value} is {_a(type(loaded).__name__)}, "
            "expected a vk_core.provider.ProviderPlugin"
        )
    if loaded.api != PROVIDER_API:
        raise PluginError(_other_api(entry, loaded.api))
    return loaded


def import_entry(entry: Entry, kind: str) -> object:
    """Imports what an entry point names.

    Args:
        entry: the entry point.
        kind: what it is to the reader of the message, such as `provider`.

    Raises:
        PluginError: it cannot be imported, whatever the reason.
    """
    sentence = f"{kind} {entry.name!r} of {entry.origin} cannot be loaded"
    if entry.problem:
        raise PluginError(f"{sentence}: {entry.problem}")
    try:
        loaded: object = importlib.import_module(entry.module)
    except (Exception, SystemExit) as error:
        raise PluginError(
            f"{sentence}: importing {entry.module} failed: {reason(error)}{_advice(entry, error)}"
        ) from error
    for attribute in entry.attribute.split(".") if entry.attribute else ():
        if not hasattr(loaded, attribute):
            raise PluginError(f"{sentence}: {entry.module} has no {entry.attribute}, which its entry point names")
        loaded = getattr(loaded, attribute)
    return loaded


def reason(error: BaseException) -> str:
    """An exception as a part of a sentence, on one line."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _advice(entry: Entry, error: BaseException) -> str:
    if not isinstance(error, ModuleNotFoundError) or not error.name:
        return ""
    missing = error.name.partition(".")[0]
    if missing == entry.module.partition(".")[0]:
        return f"; its files are damaged or gone, try: pip install --force-reinstall {entry.package}"
    return f"; install the package that brings {missing}"


def _a(noun: str) -> str:
    return f"{'an' if noun[:1].lower() in 'aeiou' else 'a'} {noun}"


def _other_api(entry: Entry, api: object) -> str:
    newer = isinstance(api, int) and api > PROVIDER_API
    advice = "upgrade vk-core" if newer else f"install a release of {entry.package} for API {PROVIDER_API}"
    return (
        f"provider {entry.name!r} of {entry.origin} is made for provider API {api}, "
        f"vk-core {__version__} has provider API {PROVIDER_API}: {advice}"
    )
